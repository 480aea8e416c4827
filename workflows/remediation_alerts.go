package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// tellDownUnlessPassing tells people that nothing will be done, or nothing
// more for now. A service whose latest probe passed is not called down.
func (r *remediation) tellDownUnlessPassing(ctx workflow.Context, decision health.Decision) {
	if decision.Rule != health.RulePassing {
		r.tellDown(ctx)
	}
}

// tellDown tells people, once in an incident, that the service is down and not
// yet healed: after the first attempt that did not help, or at once when there
// is none to make.
func (r *remediation) tellDown(ctx workflow.Context) {
	if r.Told {
		return
	}
	r.Told = true
	r.tell(ctx, health.AlertDown, workflow.Now(ctx))
}

// tell sends an alert to every receiver of the service.
func (r *remediation) tell(ctx workflow.Context, status health.AlertStatus, at time.Time) {
	alert := health.Alert{
		Status:   status,
		Incident: r.Incident.ID,
		Service:  r.Incident.Service,
		Target:   r.Incident.Target,
		Severity: r.Incident.Severity,
		Reason:   fmt.Sprintf("%s after %d failed probes", r.Incident.Reason, r.check.FailureThreshold),
		Attempts: r.Incident.Attempts,
		At:       at,
		Runbook:  r.Incident.Runbook,
		DedupKey: r.Incident.ID + "/" + string(status),
	}
	if status == health.AlertRecovered {
		alert.Downtime = health.Duration(r.Incident.Downtime(at))
	}
	for _, receiver := range r.check.Alerts {
		r.dispatch.send(ctx, Dispatch{Receiver: receiver, Alert: alert})
	}
}

// noteDelivery writes down what became of an alert.
func (r *remediation) noteDelivery(ctx workflow.Context, dispatch Dispatch, err error) {
	text := fmt.Sprintf("told %s: %s", dispatch.Receiver, dispatch.Alert.Status)
	if err != nil {
		text = fmt.Sprintf("ALERT LOST: %s could not be told %q: %v", dispatch.Receiver, dispatch.Alert.Status, cause(err))
		r.logger.Error(r.check.Service + ": " + text)
	}
	r.Incident.Timeline.Add(workflow.Now(ctx), health.EntryAlert, text)
	r.describe(ctx)
}

// handOver gives alerts that outlive the incident to a Delivery of their own.
func (r *remediation) handOver(ctx workflow.Context, left []Dispatch) {
	id := "delivery/" + r.Incident.ID
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:        id,
		ParentClosePolicy: enums.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:     fmt.Sprintf("%d alerts of %s are on their way", len(left), r.Incident.ID),
	})
	in := DeliveryInput{Incident: r.Incident.ID, Undelivered: left}
	err := workflow.ExecuteChildWorkflow(ctx, Delivery, in).GetChildWorkflowExecution().Get(ctx, nil)
	if err != nil {
		r.note(ctx, health.EntryAlert, fmt.Sprintf("ALERT LOST: %d alerts could not be handed to %s: %v", len(left), id, err))
		return
	}
	r.note(ctx, health.EntryAlert, fmt.Sprintf("%d alerts not delivered yet, trying on in %s", len(left), id))
}

// Delivery goes on with alerts whose incident has closed, until each is
// delivered or given up. Its result says which.
func Delivery(ctx workflow.Context, in DeliveryInput) (health.Timeline, error) {
	var timeline health.Timeline
	dispatch := newDispatcher(func(ctx workflow.Context, d Dispatch, err error) {
		text := fmt.Sprintf("told %s: %s", d.Receiver, d.Alert.Status)
		if err != nil {
			text = fmt.Sprintf("ALERT LOST: %s could not be told %q: %v", d.Receiver, d.Alert.Status, cause(err))
			workflow.GetLogger(ctx).Error(in.Incident + ": " + text)
		}
		timeline.Add(workflow.Now(ctx), health.EntryAlert, text)
	})
	for _, d := range in.Undelivered {
		dispatch.send(ctx, d)
	}
	dispatch.settle(ctx, 0)
	return timeline, nil
}
