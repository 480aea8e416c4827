package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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
	// sendLimit is how long a group is tried before it has failed for good.
	sendLimit = 24 * time.Hour
	// deadLimit is how many dead letters are kept.
	deadLimit = 500
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
		o.bury(ctx, cause(err).Error())
		o.finish(ctx, cause(err).Error())
	default:
		o.Error = health.Clip(cause(err).Error(), noteLimit)
		o.RetryAt = workflow.Now(ctx).Add(o.backoff(err))
	}
}

func (o *outbox) deliver(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: sendTimeout,
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
	for _, alert := range group {
		o.report(ctx, alert, lost)
	}
}

// report tells the incident of an alert. One that has closed does not hear it.
func (o *outbox) report(ctx workflow.Context, alert health.Alert, lost string) {
	if alert.Workflow == "" {
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

// bury makes dead letters of the group, for a human.
func (o *outbox) bury(ctx workflow.Context, why string) {
	for _, alert := range o.Sending {
		o.LastID++
		o.Lost++
		letter := DeadLetter{
			ID: fmt.Sprintf("d%d", o.LastID), Receiver: o.Receiver, At: workflow.Now(ctx),
			Error: health.Clip(why, noteLimit), Tries: o.Tries, Alert: alert,
		}
		letter.Alert.Evidence = "" // bounded, as it may lie here for long
		o.Dead = append(o.Dead, letter)
		o.logger.Error(fmt.Sprintf("ALERT LOST: %s could not be told that %s is %s: %s; dead letter %s/%s",
			o.Receiver, alert.Service, alert.Status, why, o.Receiver, letter.ID))
	}
	if over := len(o.Dead) - deadLimit; over > 0 {
		o.Dead = slices.Clone(o.Dead[over:])
		o.Dropped += over
	}
}

// validateResend refuses what makes no sense.
func (o *outbox) validateResend(_ workflow.Context, in Resend) error {
	switch {
	case strings.TrimSpace(in.By) == "":
		return temporal.NewApplicationError("to send dead letters again needs a name: who says so?", TypeRefused)
	case len(o.Dead) == 0:
		return temporal.NewApplicationError("there are no dead letters", TypeRefused)
	case in.ID != "" && !slices.ContainsFunc(o.Dead, func(d DeadLetter) bool { return d.ID == in.ID }):
		return temporal.NewApplicationError(fmt.Sprintf("there is no dead letter %q; there are %s", in.ID, o.deadIDs()), TypeRefused)
	}
	return nil
}

func (o *outbox) deadIDs() string {
	var ids []string
	for _, letter := range o.Dead[:min(len(o.Dead), 20)] {
		ids = append(ids, letter.ID)
	}
	return strings.Join(ids, ", ")
}

// resend puts dead letters at the end of those that wait, with the keys that
// they had.
func (o *outbox) resend(ctx workflow.Context, in Resend) (int, error) {
	again := 0
	o.Dead = slices.DeleteFunc(o.Dead, func(letter DeadLetter) bool {
		if in.ID != "" && letter.ID != in.ID {
			return false
		}
		again++
		o.enqueue(ctx, letter.Alert)
		return true
	})
	o.logger.Info(fmt.Sprintf("outbox of %s: %d dead letters are sent again, says %s", o.Receiver, again, in.By))
	return again, nil
}

// describe writes what is to be done for the Web UI.
func (o *outbox) describe(ctx workflow.Context) {
	var page strings.Builder
	fmt.Fprintf(&page, "Alerts to **%s**: %d delivered, %d lost, %d waiting\n\n", o.Receiver, o.Delivered, o.Lost, len(o.Waiting))
	if len(o.Sending) > 0 && o.Tries > 0 {
		fmt.Fprintf(&page, "- %s: try %d failed: %s; next at %s\n", summary(o.Sending), o.Tries, o.Error, stamp(o.RetryAt))
	}
	if len(o.Dead) > 0 {
		page.WriteString("\n| dead letter | since | service | status | error |\n|---|---|---|---|---|\n")
		for _, letter := range o.Dead[max(0, len(o.Dead)-detailsEntries):] {
			text := strings.NewReplacer("|", "\\|", "\n", " ").Replace(letter.Error)
			fmt.Fprintf(&page, "| %s/%s | %s | %s | %s | %s |\n",
				o.Receiver, letter.ID, stamp(letter.At), letter.Alert.Service, letter.Alert.Status, text)
		}
	}
	workflow.SetCurrentDetails(ctx, page.String())
}
