// Package survey probes the targets of one batch: so many at the same time and
// no more of one host, those that failed before last, failures again after a
// while. It tells apart what is wrong with the targets from what is wrong with
// the prober: a network that is cut off, a machine that is overloaded. It knows
// neither configuration nor Temporal.
package survey

import (
	"context"
	"time"

	"paramedic/internal/health"
)

// Survey probes batches of targets, all of them by the same rules. It is safe
// for concurrent use.
type Survey struct {
	// Probe looks at one target. It takes no longer than Limits.Timeout, and
	// returns promptly once ctx ends.
	Probe func(ctx context.Context, target health.Target) health.Result
	// Control looks, within the same time, at something that is always up; nil
	// if there is nothing of the kind.
	Control func(ctx context.Context) health.Result
	Limits  Limits
	// Slots bound the probes of the whole process; nil for no bound.
	Slots Slots
	// Lag says how late this process was; nil if nobody measures it.
	Lag Lag
	// Load counts what all surveys of the process do.
	Load *Load
}

// Limits are the rules of a survey.
type Limits struct {
	// Timeout bounds each probe, from its beginning.
	Timeout time.Duration
	// Parallel is how many probes of a batch run at the same time, at least
	// one, not counting those that have run for longer than Age.
	Parallel int
	// PerHost is how many probes of one host run at the same time, however long
	// they take; 0 for no limit.
	PerHost int
	// Retries is how often a target that fails is tried again.
	Retries int
	// Named is the most failed targets that a Report and a State name.
	Named int
}

const (
	// Age is how long a probe keeps its place among the parallel ones.
	Age = time.Second
	// settleLimit bounds the wait for findings to be stored. A store that is
	// down stops nothing.
	settleLimit = 2 * time.Second
	// beat is the time between two savings of the progress.
	beat = 3 * time.Second
	// longestWait bounds the wait for a batch to be due: batches come a moment
	// early, and a clock that is behind must not hold them up.
	longestWait = time.Second
)

// Slots are places for probes that all batches of a process share.
type Slots interface {
	// Take waits for a place. An error means that ctx ended first.
	Take(ctx context.Context) error
	// Give returns one.
	Give()
}

// Lag measures how late a process does what it has to do.
type Lag interface {
	// Worst is by how much the process was late at worst since then.
	Worst(since time.Time) time.Duration
}

// Desk takes what a survey finds while it is under way. Its methods are called
// by one goroutine at a time.
type Desk interface {
	// Tell hears findings, each with how late its first try began. They are not
	// to be kept or changed.
	Tell(findings []health.Finding, late []time.Duration)
	// Settled returns once all that was told so far is stored. An error means
	// that ctx ended first.
	Settled(ctx context.Context) error
	// Load returns the state that an earlier try of the batch saved last.
	Load() (State, bool)
	// Save keeps a state.
	Save(State)
}

// Batch is what to probe.
type Batch struct {
	Group *Group
	// Due is when the probes begin, or later. None begins after Until, and none
	// is repeated so late that it could not end by then; zero for no bound.
	Due, Until time.Time
	// Failing names those that failed the last time. They are probed after all
	// others and once, as they count on anyway: those that pass must not be late
	// because of them.
	Failing []string
	// Named bounds what the Report names further than Limits.Named; 0 for no
	// bound. Those of Failing are named before others.
	Named int
}

// Report is what came of a batch.
type Report struct {
	// Probed counts the targets of which something is known now.
	Probed int
	// Failed are the targets that failed, at the last try too, by name; at most
	// Limits.Named, and Omitted counts those beyond. The result is the last
	// try's, but its time is that of the first one that failed: downtime begins
	// there.
	Failed  []health.Finding
	Omitted int
	// Passed are those of Batch.Failing that pass.
	Passed []health.Finding
	// CutOff says why nothing is known of targets that failed: the control
	// probe failed too. Failed is empty then.
	CutOff string
	// Overloaded counts targets of which nothing is known because the failure is
	// the prober's own: it was too late itself, or broken; Missed those that no probe was begun of in time.
	Overloaded, Missed int
	// Broken is the first panic of a probe, or why it could not look, nil if there
	// was neither; nothing is
	// known of the target then.
	Broken error
}

// Run probes a batch, once it is due, and returns when all is known and handed to
// desk. An error means that ctx ended before.
func (s *Survey) Run(ctx context.Context, batch Batch, desk Desk) (Report, error) {
	due := time.NewTimer(min(time.Until(batch.Due), longestWait))
	defer due.Stop()
	select {
	case <-due.C:
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
	r := newRound(s, batch, desk)
	if state, found := desk.Load(); found {
		r.resume(state)
	}
	return r.run(ctx)
}
