// Package fleet is the configuration brought to life in one worker: every
// service with its open prober and remedies, every receiver. It answers the
// activities by name, so that workflows can ask only for what this worker's
// configuration allows; it can be replaced as a whole while probes run; and it
// is the last door before the outside, where every known secret is masked.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"paramedic/activities"
	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/probe"
)

// Fleet serves probes, remedies and alerts. It is safe for concurrent use.
type Fleet struct {
	log *slog.Logger

	mu      sync.RWMutex
	current *roster
	links   Links
	// closing waits for replaced rosters whose last probes are still running.
	closing sync.WaitGroup

	observers []Observer
}

// New opens everything in the configuration. Nothing is connected yet.
func New(cfg *config.Config, log *slog.Logger, observers ...Observer) (*Fleet, error) {
	r, err := open(cfg)
	if err != nil {
		return nil, err
	}
	return &Fleet{log: log, current: r, observers: observers}, nil
}

// Replace puts a new configuration in force. Probes and remedies that are
// under way finish with the old one.
func (f *Fleet) Replace(cfg *config.Config) error {
	r, err := open(cfg)
	if err != nil {
		return err
	}
	f.mu.Lock()
	old := f.current
	f.current = r
	f.mu.Unlock()
	f.closing.Go(func() { f.retire(old) })
	return nil
}

// Close waits for what is under way and closes everything.
func (f *Fleet) Close() {
	f.mu.RLock()
	last := f.current
	f.mu.RUnlock()
	f.closing.Go(func() { f.retire(last) })
	f.closing.Wait()
}

func (f *Fleet) retire(r *roster) {
	r.users.Wait()
	if err := r.close(); err != nil {
		f.log.Warn("closing what the old configuration had opened", "error", r.redactor.Redact(err.Error()))
	}
}

// use returns the roster in force and keeps it open until release is called.
func (f *Fleet) use() (r *roster, release func()) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	f.current.users.Add(1)
	return f.current, f.current.users.Done
}

// Probe implements activities.Prober.
func (f *Fleet) Probe(ctx context.Context, service, target string) (health.Result, error) {
	r, release := f.use()
	defer release()
	s, ok := r.services[service]
	if !ok {
		return health.Result{}, notConfigured("service", service)
	}
	result := probe.Run(ctx, s.prober, s.timeout)
	if err := ctx.Err(); err != nil && errors.Is(err, context.Canceled) {
		// The worker is stopping: what the probe found is about us, not about
		// the service.
		return health.Result{}, fmt.Errorf("probing %s: %w", service, err)
	}
	result.Message = r.redactor.Redact(result.Message)
	for name, text := range result.Facts {
		result.Facts[name] = r.redactor.Redact(text)
	}
	f.probed(service, target, result)
	return result, nil
}

// FleetLimits implements activities.Limiter.
func (f *Fleet) FleetLimits() activities.FleetLimits {
	r, release := f.use()
	defer release()
	return r.limits
}

func notConfigured(what, name string) error {
	return fmt.Errorf("%s %s: %w", what, name, activities.ErrNotConfigured)
}
