package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// listen takes messages for as long as the incident is open. Handlers are
// registered before the run first waits, so that none comes too early.
func (r *remediation) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandler(ctx, QueryIncident, func() (health.Incident, error) { return r.Incident, nil })
	if err != nil {
		return fmt.Errorf("registering the %s query: %w", QueryIncident, err)
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, UpdateAcknowledge, r.acknowledge, workflow.UpdateHandlerOptions{
		Validator: r.validateAcknowledge,
	})
	if err != nil {
		return fmt.Errorf("registering the %s update: %w", UpdateAcknowledge, err)
	}
	// People may speak to an incident that is being closed or was cancelled.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	selector := workflow.NewNamedSelector(ctx, "messages")
	receive(ctx, selector, SignalAcknowledge, func(ack Acknowledge) { r.acknowledgeBySignal(ctx, ack) })
	receive(ctx, selector, SignalPassed, func(result health.Result) { r.passedElsewhere(ctx, result) })
	receive(ctx, selector, SignalReconfigure, func(check Check) { r.reconfigure(ctx, check) })
	workflow.GoNamed(ctx, "messages", func(ctx workflow.Context) {
		for {
			selector.Select(ctx)
		}
	})
	return nil
}

// hearOut lets every message that has arrived take effect, and every permit
// arrive that was given back, before the run ends.
func (r *remediation) hearOut(ctx workflow.Context) error {
	heard := false
	workflow.Go(ctx, func(workflow.Context) { heard = true })
	// The listener was there first, and so has its turn before heard is set.
	return workflow.Await(ctx, func() bool { return heard && r.giving == 0 && workflow.AllHandlersFinished(ctx) })
}

// validateAcknowledge refuses what makes no sense; a refused update leaves no
// trace in the history.
func (r *remediation) validateAcknowledge(_ workflow.Context, ack Acknowledge) error {
	switch {
	case strings.TrimSpace(ack.By) == "":
		return temporal.NewApplicationError("an acknowledgement needs a name: who owns the incident?", "InvalidAcknowledge")
	case r.Incident.State == health.Resolved:
		return temporal.NewApplicationError(fmt.Sprintf("incident %s is already resolved", r.Incident.ID), "InvalidAcknowledge")
	default:
		return nil
	}
}

func (r *remediation) acknowledge(ctx workflow.Context, ack Acknowledge) (AcknowledgeReceipt, error) {
	now := workflow.Now(ctx)
	r.Incident.State = health.Acknowledged
	r.Incident.Acknowledged = &health.Acknowledgement{
		By:   health.Clip(ack.By, nameLimit),
		Note: health.Clip(ack.Note, noteLimit),
		At:   now,
	}
	text := "acknowledged by " + r.Incident.Acknowledged.By
	if ack.Note != "" {
		text += ": " + r.Incident.Acknowledged.Note
	}
	r.note(ctx, health.EntryAcknowledged, text)
	err := workflow.UpsertTypedSearchAttributes(ctx, AttributeIncidentState.ValueSet(string(health.Acknowledged)))
	if err != nil {
		return AcknowledgeReceipt{}, fmt.Errorf("setting the search attributes of the incident: %w", err)
	}
	r.describe(ctx)
	return AcknowledgeReceipt{Incident: r.Incident.ID, At: now}, nil
}

// Limits of what people write into a record, in bytes.
const (
	nameLimit = 100
	noteLimit = 500
)

// acknowledgeBySignal is the plain way, from the Web UI or any client. A
// signal has no answer, so a refusal stands in the timeline.
func (r *remediation) acknowledgeBySignal(ctx workflow.Context, ack Acknowledge) {
	if err := r.validateAcknowledge(ctx, ack); err != nil {
		r.note(ctx, health.EntryNote, "acknowledgement refused: "+cause(err).Error())
		return
	}
	if _, err := r.acknowledge(ctx, ack); err != nil {
		r.logger.Error(r.check.Service + ": acknowledging by signal: " + err.Error())
	}
}

// passedElsewhere takes a passing probe of the Monitor into account and ends a
// rest, so that it is confirmed at once.
func (r *remediation) passedElsewhere(ctx workflow.Context, result health.Result) {
	if r.Incident.State == health.Resolved || !result.Status.Up() {
		return
	}
	r.observe(ctx, result, ofMonitor)
	r.nudged = true
}

// reconfigure lets new limits apply at once.
func (r *remediation) reconfigure(ctx workflow.Context, check Check) {
	if check.Service != r.check.Service {
		return
	}
	r.check = check
	r.nudged = true
	r.note(ctx, health.EntryNote, "new configuration in force")
}
