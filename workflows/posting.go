package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

// deliveryGrace is how long a closing incident waits to hear what became of its
// alerts, so that it stands in the record.
const deliveryGrace = 10 * time.Second

// startTelling begins what runs beside the healing for as long as this run
// does: handing alerts to their Outboxes, and escalating.
func (r *remediation) startTelling(ctx workflow.Context) {
	// Alerts outlive the cancellation of the incident.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r.posting, r.telling = true, true
	postingCtx, stop := workflow.WithCancel(ctx)
	r.stopPosting = stop
	workflow.GoNamed(postingCtx, "posting", func(ctx workflow.Context) {
		defer func() { r.posting = false }()
		r.postAll(ctx)
	})
	workflow.GoNamed(ctx, "escalation", func(ctx workflow.Context) {
		defer func() { r.telling = false }()
		r.escalate(ctx)
	})
}

// send writes an alert to each of the receivers. The first word that one gets
// is an initial alert, whatever the others know.
func (r *remediation) send(ctx workflow.Context, stage health.AlertStage, news string, receivers []string) {
	alert := r.alert(ctx, stage, news)
	for _, receiver := range with(receivers, nil) {
		alert.Stage = stage
		if stage == health.AlertUpdate && !slices.Contains(r.Telling.Receivers, receiver) {
			alert.Stage = health.AlertInitial
		}
		r.Telling.Unposted = append(r.Telling.Unposted, activities.Post{Receiver: receiver, Alert: alert})
	}
	r.Telling.Receivers = with(r.Telling.Receivers, receivers)
}

// alert is what there is to say now.
func (r *remediation) alert(ctx workflow.Context, stage health.AlertStage, news string) health.Alert {
	info := workflow.GetInfo(ctx)
	alert := health.Alert{
		Stage:    stage,
		Status:   health.AlertDown,
		Incident: r.Incident.ID,
		Service:  r.Incident.Service,
		Target:   r.Incident.Target,
		Severity: r.Incident.Severity,
		Labels:   r.check.Labels,
		Impact:   r.check.Impact,
		Reason:   r.Incident.Reason,
		News:     news,
		Action:   r.Incident.Action,
		Evidence: r.Incident.Evidence,
		Affected: slices.Clone(r.Incident.Affected),
		Attempts: r.Incident.Attempts,
		Since:    r.Incident.FirstFailureAt,
		At:       workflow.Now(ctx),
		Response: r.check.Response,
		Runbook:  r.Incident.Runbook,
		Workflow: info.WorkflowExecution.ID,
		Run:      info.WorkflowExecution.RunID,
	}
	if !r.Flapping && r.whole == "" {
		alert.Reason += fmt.Sprintf(" after %d failed probes", r.check.FailureThreshold)
	}
	if ack := r.Incident.Acknowledged; ack != nil {
		alert.Owner = ack.By
	}
	r.Telling.Sent++
	alert.DedupKey = fmt.Sprintf("%s/%s", r.Incident.ID, alert.Status)
	switch stage {
	case health.AlertResolution:
		alert.Status, alert.At = health.AlertRecovered, r.Incident.ResolvedAt
		alert.DedupKey = fmt.Sprintf("%s/%s", r.Incident.ID, alert.Status)
		alert.Downtime = health.Duration(r.Incident.Downtime(alert.At))
		alert.Outcome, alert.Evidence = r.Incident.Outcome, ""
	case health.AlertUpdate:
		alert.DedupKey = fmt.Sprintf("%s/update-%d", r.Incident.ID, r.Telling.Sent)
		fallthrough
	default:
		alert.NextUpdate, _ = r.nextTelling()
	}
	return alert
}

// postAll hands alerts to the Outboxes of their receivers, in order, until the
// run ends. An alert leaves the list only when it is safe there.
func (r *remediation) postAll(ctx workflow.Context) {
	for {
		_ = workflow.Await(ctx, func() bool { return len(r.Telling.Unposted) > 0 || r.ending })
		if len(r.Telling.Unposted) == 0 || r.ending {
			return
		}
		next := r.Telling.Unposted[0]
		r.Telling.Awaited++ // the report may come before the post returns
		err := post(ctx, next)
		if ctx.Err() != nil {
			r.Telling.Awaited--
			return // it stays in the list, and goes on with the next run
		}
		r.Telling.Unposted = r.Telling.Unposted[1:]
		if err != nil {
			r.delivered(ctx, Delivered{Receiver: next.Receiver, Status: next.Alert.Status, Error: cause(err).Error()})
		}
	}
}

// post hands one alert to its Outbox, again and again until it is there. Only a
// receiver that is no longer configured ends that.
func post(ctx workflow.Context, next activities.Post) error {
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: time.Minute,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2},
		Summary:                fmt.Sprintf("hand an alert to %s: %s", next.Receiver, next.Alert.Status),
	})
	var alerts *activities.Alerts
	for {
		err := workflow.ExecuteLocalActivity(local, alerts.Post, next).Get(ctx, nil)
		var application *temporal.ApplicationError
		if err == nil || ctx.Err() != nil || errors.As(err, &application) && application.NonRetryable() {
			return err
		}
		pause := workflow.TimerOptions{Summary: "until the alert is handed over again"}
		if err := workflow.NewTimerWithOptions(ctx, postPause, pause).Get(ctx, nil); err != nil {
			return err
		}
	}
}

// postPause is the wait after a minute in which an alert could not be handed to
// its Outbox.
const postPause = time.Minute

// delivered writes down what became of an alert.
func (r *remediation) delivered(ctx workflow.Context, delivered Delivered) {
	r.Telling.Awaited = max(0, r.Telling.Awaited-1)
	text := fmt.Sprintf("told %s: %s", delivered.Receiver, delivered.Status)
	if delivered.Error != "" {
		text = fmt.Sprintf("ALERT LOST: %s could not be told %q: %s", delivered.Receiver, delivered.Status, delivered.Error)
		r.logger.Error(r.name() + ": " + text)
	}
	r.add(ctx, health.EntryAlert, text)
	r.describe(ctx)
}

// awaitDelivery waits until all alerts are safe in their Outboxes, and a while
// to hear what became of them.
func (r *remediation) awaitDelivery(ctx workflow.Context) {
	_ = workflow.Await(ctx, func() bool { return len(r.Telling.Unposted) == 0 })
	if r.Telling.Awaited > 0 {
		_, _ = workflow.AwaitWithTimeout(ctx, deliveryGrace, func() bool { return r.Telling.Awaited == 0 })
	}
	if left := r.Telling.Awaited; left > 0 {
		r.note(ctx, health.EntryAlert, fmt.Sprintf("alerts on their way when it closed: %d; they go on in their outboxes", left))
	}
	r.ending = true
}
