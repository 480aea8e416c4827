package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/probe"
	"paramedic/internal/survey"
)

// Probe implements activities.Prober. What it finds is about the service or the
// target, and never about the prober, whose own troubles are errors.
func (f *Fleet) Probe(ctx context.Context, service, target string) (health.Result, error) {
	r, release := f.use()
	defer release()
	s, ok := r.services[service]
	if !ok {
		return health.Result{}, notConfigured("service", service)
	}
	prober := s.prober
	if s.crowd != nil || target != "" {
		aimedAt, err := f.target(s, service, target)
		if err != nil {
			return health.Result{}, err
		}
		prober = aimedProbe{s.crowd.many, aimedAt}
	}
	result, err := f.look(ctx, prober, s.timeout)
	if err == nil && !result.Status.Up() {
		err = r.isolated(ctx, s)
	}
	if err != nil {
		return health.Result{}, fmt.Errorf("probing %s: %w", health.TargetID(service, target), err)
	}
	result = r.mask(result)
	f.probed(service, target, result)
	return result, nil
}

// look makes one probe, unless this worker is in no state to.
func (f *Fleet) look(ctx context.Context, prober probe.Prober, limit time.Duration) (health.Result, error) {
	f.gear.pulse.Enter()
	defer f.gear.pulse.Leave()
	started := time.Now()
	result := probe.Run(ctx, prober, limit)
	if err := ctx.Err(); err != nil && errors.Is(err, context.Canceled) {
		// The worker is stopping: what the probe found is about us, not about
		// the service.
		return health.Result{}, err
	}
	if result.Status == health.NotProbed {
		return health.Result{}, errors.New(result.Message)
	}
	if !result.Status.Up() && survey.Overloaded(f.gear.pulse, started, limit) {
		f.gear.load.Drop()
		return health.Result{}, fmt.Errorf("the prober was overloaded: late by %s, with a time limit of %s",
			health.Duration(f.gear.pulse.Worst(started).Round(time.Millisecond)), health.Duration(limit))
	}
	return result, nil
}

// isolated is the error of a worker that cannot reach what is always up.
func (r *roster) isolated(ctx context.Context, s service) error {
	if s.crowd == nil || s.crowd.control == nil {
		return nil
	}
	result := s.crowd.survey.Control(ctx)
	if result.Status.Up() {
		return nil
	}
	return fmt.Errorf("the prober is cut off: the control probe failed too: %s", result.Message)
}
