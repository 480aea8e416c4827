package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

// rest waits before the next verification: for the interval, or until the
// decision is worth asking for again if that comes sooner, or until a message
// asks for attention.
func (r *remediation) rest(ctx workflow.Context, decision health.Decision) {
	wait := r.pace()
	if !decision.At.IsZero() {
		wait = min(wait, decision.At.Sub(workflow.Now(ctx)))
	}
	if wait <= 0 {
		return
	}
	options := workflow.AwaitOptions{
		Timeout:      wait,
		TimerOptions: workflow.TimerOptions{Summary: fmt.Sprintf("wait %s before verifying", health.Duration(wait.Round(time.Millisecond)))},
	}
	// Cancelled with the incident: over sees that by itself.
	_, _ = workflow.AwaitWithOptions(ctx, options, func() bool { return r.nudged || r.resolvedBy != nil })
	r.nudged = false
}

// pace is the time between verifications when nothing else asks for one.
func (r *remediation) pace() time.Duration {
	if r.check.Cron != "" || r.check.Interval <= 0 {
		return cronVerification
	}
	return r.check.Interval.Std()
}

// cronVerification is the time between verifications of a service that is
// probed by a cron expression, whose interval says nothing.
const cronVerification = time.Minute

// verify probes the service to see whether it is back.
func (r *remediation) verify(ctx workflow.Context) {
	if r.over(ctx) || r.whole != "" { // of the whole, the Monitor alone can say whether it is over
		return
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: r.check.Timeout.Std() + probeSlack,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumAttempts: 3},
		Summary:             "verify " + r.name(),
	})
	var probes *activities.Probes
	var result health.Result
	begun := workflow.Now(ctx)
	in := activities.ProbeInput{Service: r.check.Service, Target: r.target}
	err := workflow.ExecuteActivity(ctx, probes.Probe, in).Get(ctx, &result)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		r.note(ctx, health.EntryNote, "the verification could not run: "+cause(err).Error())
	default:
		r.Incident.Verifications++
		result.At = between(result.At, begun, workflow.Now(ctx))
		r.observe(ctx, result, "verification")
	}
}

// ofMonitor is the source of a result that the Monitor passed on.
const ofMonitor = "probe of the monitor"

// between keeps the time that a prober gives within the time in which it can
// have probed: the clock of its machine may be wrong, or be set.
func between(at, begun, ended time.Time) time.Time {
	switch {
	case at.Before(begun):
		return begun
	case at.After(ended):
		return ended
	default:
		return at
	}
}

// observe takes one result into the incident, whoever made the probe.
func (r *remediation) observe(ctx workflow.Context, result health.Result, source string) {
	if source == ofMonitor && !result.At.After(r.LastFailureAt) {
		return // older than what is already known
	}
	if result.Status.Up() {
		r.pass(ctx, result, source)
	} else {
		r.fail(ctx, result, source)
	}
	r.describe(ctx)
}

func (r *remediation) pass(ctx workflow.Context, result health.Result, source string) {
	r.Passes++
	r.Unverified = false
	if r.FirstPassAt.IsZero() || result.At.Before(r.FirstPassAt) {
		r.FirstPassAt = result.At
	}
	text := fmt.Sprintf("%s passed: %s", source, result.Message)
	if source == ofMonitor {
		r.add(ctx, health.EntryVerification, text) // the Monitor has told the log
		return
	}
	r.note(ctx, health.EntryVerification, text)
}

// fail counts out an attempt that did not help, and tells people, once.
func (r *remediation) fail(ctx workflow.Context, result health.Result, source string) {
	r.Passes, r.FirstPassAt = 0, time.Time{}
	r.LastFailureAt, r.Incident.Reason = result.At, result.Message
	text := fmt.Sprintf("%s failed: %s", source, result.Message)
	if r.Unverified || r.Incident.Verifications == 1 {
		r.note(ctx, health.EntryVerification, text)
	} else {
		// No news for the log, but evidence all the same.
		r.add(ctx, health.EntryVerification, text)
	}
	r.Treated, r.Unverified = false, false
	r.tellFailed(ctx)
}
