package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

const (
	// sendTimeout bounds one try.
	sendTimeout = time.Minute
	// sendBackoffLimit is the longest wait between two tries, sendAskedLimit the
	// longest that a receiver may ask for.
	sendBackoffLimit = 5 * time.Minute
	sendAskedLimit   = time.Hour
	// sendLimit is how long a group is tried: what fails later than that after
	// its first try has failed for good.
	sendLimit = 24 * time.Hour
	// reportLimit is how many reports are on their way at the same time;
	// Temporal allows a run 2,000.
	reportLimit = 1000
)

// send makes one try for the group, once it is due.
func (o *outbox) send(ctx workflow.Context) {
	if wait := o.RetryAt.Sub(workflow.Now(ctx)); wait > 0 {
		options := workflow.AwaitOptions{
			Timeout: wait, TimerOptions: workflow.TimerOptions{Summary: fmt.Sprintf("until try %d: %s", o.Tries+1, o.Error)},
		}
		long := func() bool { return workflow.GetInfo(ctx).GetContinueAsNewSuggested() }
		if early, err := workflow.AwaitWithOptions(ctx, options, long); early || err != nil {
			return
		}
	}
	if o.Since.IsZero() {
		o.Since = workflow.Now(ctx)
	}
	o.Tries++
	err := o.deliver(ctx)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		o.Delivered += len(o.Sending)
		o.finish(ctx, "")
	case final(err), workflow.Now(ctx).Sub(o.Since) >= sendLimit:
		why := health.Clip(cause(err).Error(), noteLimit)
		for _, alert := range o.Sending {
			o.bury(ctx, alert, o.Tries, why)
		}
		o.finish(ctx, why)
	default:
		o.Error = health.Clip(cause(err).Error(), noteLimit)
		o.RetryAt = workflow.Now(ctx).Add(o.backoff(err))
	}
}

func (o *outbox) deliver(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: sendTimeout,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1}, // the tries are this workflow's own
		Summary:             fmt.Sprintf("tell %s: %s (try %d)", o.Receiver, summary(o.Sending), o.Tries),
	})
	var alerts *activities.Alerts
	in := activities.DeliverInput{Receiver: o.Receiver, Alerts: o.Sending}
	return workflow.ExecuteActivity(ctx, alerts.Deliver, in).Get(ctx, nil)
}

// summary says in a few words what a group is about.
func summary(group []health.Alert) string {
	if len(group) == 1 {
		return fmt.Sprintf("%s %s", group[0].Service, group[0].Status)
	}
	return fmt.Sprintf("%d alerts", len(group))
}

// final reports whether trying again cannot help.
func final(err error) bool {
	var application *temporal.ApplicationError
	return errors.As(err, &application) && application.NonRetryable()
}

// backoff doubles with each try: 1 s, 2 s, 4 s ... A receiver that asked for a
// longer time gets it.
func (o *outbox) backoff(err error) time.Duration {
	wait := sendBackoffLimit
	if doublings := o.Tries - 1; doublings < 9 {
		wait = min(wait, time.Second<<doublings)
	}
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		wait = max(wait, min(application.NextRetryDelay(), sendAskedLimit))
	}
	return wait
}

// finish ends with the group, and lets each incident know what became of its
// alert. lost says why it failed for good; empty means that it was delivered.
func (o *outbox) finish(ctx workflow.Context, lost string) {
	group := o.Sending
	o.Sending, o.Tries, o.Error = nil, 0, ""
	o.Since, o.RetryAt = time.Time{}, time.Time{}
	if o.external+len(group) > reportLimit {
		_ = workflow.Await(ctx, func() bool { return o.external == 0 })
	}
	for _, alert := range group {
		o.report(ctx, alert, lost)
	}
}

// report tells the incident of an alert, and does not wait for it. One that has
// closed does not hear it; beyond the limit it is not told, and says in its
// record that the outbox goes on.
func (o *outbox) report(ctx workflow.Context, alert health.Alert, lost string) {
	if alert.Workflow == "" || o.external >= reportLimit {
		return
	}
	o.external++
	sent := workflow.SignalExternalWorkflow(ctx, alert.Workflow, "", SignalDelivered, Delivered{
		Receiver: o.Receiver, Status: alert.Status, DedupKey: alert.DedupKey, Error: lost,
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		_ = sent.Get(ctx, nil)
		o.external--
	})
}
