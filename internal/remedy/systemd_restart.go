package remedy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"paramedic/internal/health"
)

// restartPastLimit restarts the unit also if systemd has seen too many starts of
// it: its limit is against loops, and it counts restarts that are asked for as
// well. How often a service may be restarted is decided elsewhere.
func (r *systemdRemedy) restartPastLimit(
	ctx, waiting context.Context, bus *systemdBus, before unit,
) (health.Treatment, error) {
	if !before.atStartLimit() {
		treatment, after, err := r.restart(ctx, waiting, bus)
		if err != nil || treatment.Effect != health.Failed || !after.refusedSince(before) {
			return treatment, err
		}
		before = after
	}
	if err := bus.resetFailed(ctx, r.options.Unit); err != nil {
		return health.Treatment{}, err
	}
	treatment, _, err := r.restart(ctx, waiting, bus)
	treatment.Notes = append(treatment.Notes, fmt.Sprintf("the start limit of %s was reached (%d in %s); reset-failed",
		r.options.Unit, before.limitBurst, health.Duration(before.limitInterval)))
	return treatment, err
}

// restart asks for the restart, waits for its end and looks what became of it.
func (r *systemdRemedy) restart(ctx, waiting context.Context, bus *systemdBus) (health.Treatment, unit, error) {
	start := time.Now()
	result, err := bus.restart(waiting, r.options.Unit)
	took := time.Since(start).Round(time.Millisecond)
	expired := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
	if err != nil && !expired {
		return health.Treatment{}, unit{}, err
	}
	after, err := bus.unit(ctx, r.options.Unit)
	if err != nil {
		return health.Treatment{}, unit{}, err
	}
	after.jobResult = result
	if expired {
		return r.failed("no result after %s: unit is %s", r.options.Timeout, after.state()), after, nil
	}
	return r.outcome(result, after, took), after, nil
}

// outcome judges the unit after the job.
func (r *systemdRemedy) outcome(result string, after unit, took time.Duration) health.Treatment {
	switch {
	case result != jobDone:
		return r.failed("job %s: %s", result, after.ending())
	case after.broken():
		return r.failed("it was started, but %s", after.ending())
	case after.conditionUnmet():
		return r.failed("systemd did not start it: a condition of the unit is not met")
	case after.forgotten() && after.runsOnce():
		return health.Treatment{Effect: health.Applied, Detail: fmt.Sprintf("ran %s in %s", r.options.Unit, took)}
	case after.forgotten():
		return r.failed("it does not run: a condition of the unit is not met, or it has ended at once")
	}
	return health.Treatment{Effect: health.Applied, Detail: fmt.Sprintf(
		"restarted %s in %s (invocation %.8s)", r.options.Unit, took, after.invocationID)}
}

// failed is the treatment for a restart that was asked for and did not succeed.
func (r *systemdRemedy) failed(format string, args ...any) health.Treatment {
	return health.Treatment{Effect: health.Failed,
		Detail: fmt.Sprintf("restart of %s failed: ", r.options.Unit) + fmt.Sprintf(format, args...)}
}
