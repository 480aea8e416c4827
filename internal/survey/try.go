package survey

import (
	"context"
	"fmt"
	"time"

	"paramedic/internal/health"
)

// outcome is what came of one try.
type outcome struct {
	result health.Result
	// late is how long after it was due the first try began.
	late time.Duration
	kind kind
}

// kind says what an outcome means.
type kind int

const (
	passed kind = iota
	failed
	// unknown is a failure of the prober's own: it was overloaded.
	unknown
	// expired is a try that came to its turn too late to be made.
	expired
	// cut is a try that the end of the context cut short.
	cut
)

// bad reports whether a try is worth repeating.
func (k kind) bad() bool { return k == failed || k == unknown }

// try makes one try of a target, once there is a place in the process.
func (r *round) try(ctx context.Context, p *place, t turn) outcome {
	if !r.admit() {
		return outcome{kind: r.ended(ctx, expired)}
	}
	defer r.give()
	started := time.Now()
	if !t.by.IsZero() && started.After(t.by) {
		return outcome{kind: r.ended(ctx, expired)}
	}
	p.since.Store(int64(max(1, started.Sub(r.begun))))
	r.Load.running.Add(1)
	done := r.look(ctx, r.targets[t.i])
	r.Load.running.Add(-1)
	p.since.Store(0)
	if done.kind == failed && Overloaded(r.Lag, started, r.Limits.Timeout) {
		done.kind = unknown
	}
	done.late = max(0, started.Sub(r.batch.Due))
	done.kind = r.ended(ctx, done.kind)
	return done
}

// look probes. A probe that panics says nothing about its target, and must not
// end the process.
func (r *round) look(ctx context.Context, target health.Target) (done outcome) {
	defer func() {
		if cause := recover(); cause != nil {
			r.broken.CompareAndSwap(nil, fmt.Errorf("the probe of %s panicked: %v", target.Name, cause))
			done.kind = unknown
		}
	}()
	done.result = r.Probe(ctx, target)
	switch {
	case done.result.Status == health.NotProbed:
		r.broken.CompareAndSwap(nil, fmt.Errorf("%s: %s", target.Name, done.result.Message))
		done.kind = unknown
	case !done.result.Status.Up():
		done.kind = failed
	}
	return done
}

// admit waits for a place in the process, as long as that is of use.
func (r *round) admit() bool {
	defer r.Load.waiting.Add(-1)
	return r.Slots == nil || r.Slots.Take(r.untilEnd) == nil
}

func (r *round) give() {
	if r.Slots != nil {
		r.Slots.Give()
	}
}

// ended is kind, unless the context has ended: what was found then is about us.
func (r *round) ended(ctx context.Context, kind kind) kind {
	if ctx.Err() != nil {
		return cut
	}
	return kind
}

// Overloaded reports whether a failed probe that began then and ends now was
// ended by its time limit while the process was late by more than a quarter of
// it: that says nothing about the target. Some probes keep a part of the limit
// for tidying up, a third at most.
func Overloaded(lag Lag, started time.Time, limit time.Duration) bool {
	return lag != nil && time.Since(started) >= limit*2/3 && lag.Worst(started) > limit/4
}
