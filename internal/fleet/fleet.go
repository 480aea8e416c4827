// Package fleet is the configuration brought to life in one worker: every
// service with its open prober and remedies, every receiver. It answers the
// activities by name, so that workflows can ask only for what this worker's
// configuration allows; it can be replaced as a whole while probes run; and it
// is the last door before the outside, where every known secret is masked.
package fleet

import (
	"fmt"
	"log/slog"
	"sync"

	"paramedic/activities"
	"paramedic/internal/config"
	"paramedic/internal/survey"
	"paramedic/internal/targets"
)

// Fleet serves probes, remedies and alerts. It is safe for concurrent use.
type Fleet struct {
	log   *slog.Logger
	lists Lists
	gear  gear

	mu      sync.RWMutex
	current *roster
	links   Links
	// closing waits for replaced rosters whose last probes are still running.
	closing sync.WaitGroup

	observers []Observer
}

// Lists know the targets of the services that have any.
type Lists interface {
	// List returns the current targets of a service. The error says that they
	// are not known yet, or is targets.ErrNone.
	List(service string) (*targets.List, error)
}

// gear is what all probes of a process share, whatever the configuration.
type gear struct {
	pulse *survey.Pulse
	load  *survey.Load
}

// New opens everything in the configuration. Nothing is connected yet. lists may
// be nil where no service has targets.
func New(cfg *config.Config, log *slog.Logger, lists Lists, observers ...Observer) (*Fleet, error) {
	g := gear{pulse: survey.NewPulse(), load: &survey.Load{}}
	r, err := open(cfg, g)
	if err != nil {
		g.pulse.Close()
		return nil, err
	}
	return &Fleet{log: log, lists: lists, gear: g, current: r, observers: observers}, nil
}

// Replace puts a new configuration in force. Probes and remedies that are
// under way finish with the old one.
func (f *Fleet) Replace(cfg *config.Config) error {
	r, err := open(cfg, f.gear)
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
	f.gear.pulse.Close()
}

// Load counts what the probes of this process do.
func (f *Fleet) Load() survey.Counts { return f.gear.load.Counts() }

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

// FleetLimits implements activities.Limiter. A service with targets counts as
// many times as it has targets.
func (f *Fleet) FleetLimits() activities.FleetLimits {
	r, release := f.use()
	defer release()
	limits := r.limits
	for name, s := range r.services {
		if s.crowd == nil {
			continue
		}
		if list, err := f.list(name); err == nil {
			limits.Services += max(0, list.Len()-1)
		}
	}
	return limits
}

func notConfigured(what, name string) error {
	return fmt.Errorf("%s %s: %w", what, name, activities.ErrNotConfigured)
}
