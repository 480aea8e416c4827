package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// settle opens the incidents that are due: one for each target that is down,
// or one for the whole when there are more than a human can look at one by one.
// It goes back to single ones when at most half of that many are left.
func (r *rounds) settle(ctx workflow.Context) {
	fleet, most := r.state.Fleet, r.check.Fleet.MaxOpenIncidents
	down, open := r.countDown()
	whole := fleet.Whole
	switch {
	case whole != nil && whole.Reason == Storm && down <= most/2:
		r.calm(ctx, fmt.Sprintf("%d targets are down now, which have incidents of their own", down))
	case whole != nil && whole.Reason == Storm:
		r.updateStorm(ctx, down, down-open)
	case whole != nil && !r.lookedAgain(*whole, ctx):
		// Cut off a moment ago: what another worker sees may not be all.
	case whole != nil:
		r.calm(ctx, "the control probe passes again")
	case down > most:
		r.openWhole(ctx, Storm, r.stormText(down), down-open)
	}
	if fleet.Whole == nil {
		r.openTargets(ctx)
	}
	r.reopen(ctx)
}

// countDown counts the targets that are down, and those of them that have an
// incident of their own.
func (r *rounds) countDown() (down, open int) {
	for _, failing := range r.state.Fleet.Failing {
		if failing.Streak.Failures >= r.check.FailureThreshold {
			down++
		}
		if failing.Open {
			open++
		}
	}
	if down > 0 {
		down += r.omitted() // those that are not named fail like those that are
	}
	return down, open
}

// omitted counts the failing targets that are not kept by name.
func (r *rounds) omitted() int {
	count := 0
	for _, class := range r.classes() {
		state := r.state.Fleet.Classes[class.Name]
		for batch := range state.Batches {
			count += state.Omitted[batch]
		}
	}
	return count
}

// openTargets opens an incident for each target that is down and has none. They
// are started side by side: there may be many.
func (r *rounds) openTargets(ctx workflow.Context) {
	var targets []string
	var started []workflow.Future
	for _, failing := range r.state.Fleet.Failing {
		if failing.Open || failing.Streak.Failures < r.check.FailureThreshold {
			continue
		}
		targets = append(targets, failing.Target)
		started = append(started, r.start(ctx, opening{
			target: failing.Target, class: failing.Class, streak: failing.Streak, result: failing.Last,
		}))
	}
	for i, future := range started {
		opened := r.isOpened(ctx, targets[i], future)
		if at, known := find(r.state.Fleet.Failing, targets[i]); known {
			r.state.Fleet.Failing[at].Open = opened
		}
	}
}

// reopen makes sure, at each further multiple of the threshold, that the
// incident of a target is still open; see openIncidentIfDue.
func (r *rounds) reopen(ctx workflow.Context) {
	for _, failing := range slices.Clone(r.state.Fleet.Failing) {
		if !failing.Open || failing.Asked == failing.Streak.Failures ||
			failing.Streak.Against(r.check.FailureThreshold) != health.ReachedAgain {
			continue
		}
		last, err := r.lastIncident(ctx, failing.Target)
		at, known := find(r.state.Fleet.Failing, failing.Target)
		if !known {
			continue
		}
		found := &r.state.Fleet.Failing[at]
		found.Asked = failing.Streak.Failures
		switch {
		case err != nil:
			r.logger.Error(fmt.Sprintf("%s: asking for the open incident: %v", health.TargetID(r.check.Service, failing.Target), err))
		case last.Open:
		case last.ClosedAt.After(failing.Streak.FirstFailureAt):
			found.Open, found.Streak = false, health.Streak{}.Observe(failing.Last)
		default:
			found.Open = false // it is opened with the next batch
		}
	}
}

// cutOff opens one incident for the workers that look: they cannot reach
// anything, so that nothing is held against any target.
func (r *rounds) cutOff(ctx workflow.Context, why string) {
	fleet := r.state.Fleet
	if fleet.Whole != nil {
		if fleet.Whole.Reason == CutOff {
			fleet.Whole.SeenAt = workflow.Now(ctx)
		}
		return
	}
	r.openWhole(ctx, CutOff, "the workers that probe are cut off, nothing is held against the targets: "+why, 0)
}

// lookedAgain reports whether all batches have been looked at since a worker was
// last cut off.
func (r *rounds) lookedAgain(whole WholeState, ctx workflow.Context) bool {
	return workflow.Now(ctx).Sub(whole.SeenAt) > r.check.Interval.Std()
}

// openWhole opens the one incident for the service as a whole.
func (r *rounds) openWhole(ctx workflow.Context, why WholeReason, text string, down int) {
	now := workflow.Now(ctx)
	result := health.Result{Status: health.Unhealthy, At: now, Message: health.Clip(text, health.MessageLimit)}
	streak := health.Streak{Failures: r.check.FailureThreshold, FirstFailureAt: r.firstFailure(now), FirstFailure: result.Message}
	started := r.start(ctx, opening{whole: why, down: down, streak: streak, result: result})
	if r.isOpened(ctx, "", started) {
		r.state.Fleet.Whole = &WholeState{Reason: why, SeenAt: now, Down: down}
	}
}

// firstFailure is when the first of the targets failed that are down.
func (r *rounds) firstFailure(now time.Time) time.Time {
	first := now
	for _, failing := range r.state.Fleet.Failing {
		if failing.Streak.Failures >= r.check.FailureThreshold && failing.Streak.FirstFailureAt.Before(first) {
			first = failing.Streak.FirstFailureAt
		}
	}
	return first
}

// calm ends the one incident for the whole.
func (r *rounds) calm(ctx workflow.Context, why string) {
	r.state.Fleet.Whole = nil
	r.signal(ctx, "", SignalPassed, health.Result{Status: health.Healthy, At: workflow.Now(ctx), Message: why})
}

// updateStorm tells the incident of a storm how many targets are down now, at
// most once an interval.
func (r *rounds) updateStorm(ctx workflow.Context, down, alone int) {
	whole, now := r.state.Fleet.Whole, workflow.Now(ctx)
	if alone == whole.Down || now.Sub(whole.SeenAt) < r.check.Interval.Std() {
		return
	}
	whole.SeenAt, whole.Down = now, alone
	r.signal(ctx, "", SignalWorse, Worse{Down: alone, Result: health.Result{
		Status: health.Unhealthy, At: now, Message: health.Clip(r.stormText(down), health.MessageLimit),
	}})
}

// stormSample is how many targets are named for all that are down.
const stormSample = 5

// stormText says how many targets are down, and names some.
func (r *rounds) stormText(down int) string {
	text := fmt.Sprintf("%d of %d targets are down, among them", down, r.total())
	named := 0
	for _, failing := range r.state.Fleet.Failing {
		if named == stormSample {
			break
		}
		if failing.Streak.Failures >= r.check.FailureThreshold {
			if named++; named > 1 {
				text += ","
			}
			text += " " + failing.Target + " (" + health.Clip(failing.Last.Message, sampleLimit) + ")"
		}
	}
	return text
}

// sampleLimit bounds the cause of a target in a sample, in bytes.
const sampleLimit = 40

// total counts all targets.
func (r *rounds) total() int {
	total := 0
	for _, class := range r.classes() {
		total += r.state.Fleet.Classes[class.Name].Size
	}
	return total
}
