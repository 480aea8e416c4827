package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// instruction is one thing that a human may say to an incident. Each comes as
// an update, which answers, or as a signal, whose refusal stands in the
// timeline.
type instruction struct {
	name string
	// refuse says why it makes no sense now; empty if it does.
	refuse func(r *remediation, ctx workflow.Context) string
	// follow carries it out and says what follows from it.
	follow func(r *remediation, ctx workflow.Context, by Instruction) string
}

// instructions are all that an incident listens to.
func instructions() []instruction {
	return []instruction{
		{Acknowledge, never, (*remediation).acknowledge},
		{Unacknowledge, (*remediation).refuseUnacknowledge, (*remediation).unacknowledge},
		{Resolve, never, (*remediation).resolve},
		{Retry, (*remediation).refuseRetry, (*remediation).retry},
		{Rearm, never, (*remediation).rearm},
		{Approve, (*remediation).refuseApprove, (*remediation).approve},
	}
}

func never(*remediation, workflow.Context) string { return "" }

// TypeRefused is the type of the error of an instruction that makes no sense.
const TypeRefused = "RefusedInstruction"

// validate refuses what makes no sense; a refused update leaves no trace in the
// history.
func (r *remediation) validate(ctx workflow.Context, what instruction, in Instruction) error {
	why := ""
	switch {
	case strings.TrimSpace(in.By) == "":
		why = fmt.Sprintf("to %s needs a name: who says so?", what.name)
	case in.Incident != "" && in.Incident != r.Incident.ID:
		why = fmt.Sprintf("incident %s is closed; the one that is open is %s", in.Incident, r.Incident.ID)
	case r.Incident.State == health.Resolved || r.resolvedBy != nil:
		why = fmt.Sprintf("incident %s is already resolved", r.Incident.ID)
	default:
		why = what.refuse(r, ctx)
	}
	if why == "" {
		return nil
	}
	return temporal.NewApplicationError(why, TypeRefused)
}

// obey carries an instruction out.
func (r *remediation) obey(ctx workflow.Context, what instruction, in Instruction) Receipt {
	in.By, in.Note = health.Clip(strings.TrimSpace(in.By), nameLimit), health.Clip(in.Note, noteLimit)
	text := what.follow(r, ctx, in)
	r.changes++
	r.describe(ctx)
	return Receipt{Incident: r.Incident.ID, At: workflow.Now(ctx), Text: text}
}

// Limits of what people write into a record, in bytes.
const (
	nameLimit = 100
	noteLimit = 500
)

// noteBy writes down what a human did.
func (r *remediation) noteBy(ctx workflow.Context, kind health.EntryKind, what string, by Instruction) {
	text := what + " by " + by.By
	if by.Note != "" {
		text += ": " + by.Note
	}
	r.note(ctx, kind, text)
}

// acknowledge stops escalation and reminders, not healing.
func (r *remediation) acknowledge(ctx workflow.Context, by Instruction) string {
	r.Incident.State = health.Acknowledged
	r.Incident.Acknowledged = &health.Acknowledgement{By: by.By, Note: by.Note, At: workflow.Now(ctx)}
	r.noteBy(ctx, health.EntryAcknowledged, "acknowledged", by)
	r.upsert(ctx, AttributeIncidentState.ValueSet(string(health.Acknowledged)))
	return "escalation and reminders stop; healing goes on"
}

func (r *remediation) refuseUnacknowledge(workflow.Context) string {
	if r.Incident.Acknowledged == nil {
		return "nobody has acknowledged incident " + r.Incident.ID
	}
	return ""
}

// unacknowledge lets escalation and reminders go on.
func (r *remediation) unacknowledge(ctx workflow.Context, by Instruction) string {
	r.Incident.State, r.Incident.Acknowledged = health.Triggered, nil
	r.noteBy(ctx, health.EntryAcknowledged, "acknowledgement taken back", by)
	r.upsert(ctx, AttributeIncidentState.ValueSet(string(health.Triggered)))
	r.remindLater(ctx)
	return "escalation and reminders go on"
}

// resolve closes the incident. If the service still fails, the next one opens
// after as many failures as opened this one.
func (r *remediation) resolve(ctx workflow.Context, by Instruction) string {
	r.resolvedBy = &by
	r.noteBy(ctx, health.EntryNote, "declared resolved", by)
	return "the incident is closed; if the service still fails, a new one opens"
}

func (r *remediation) refuseRetry(workflow.Context) string {
	if r.treating {
		return fmt.Sprintf("attempt %d is under way", r.Incident.Attempts)
	}
	return ""
}

// retry ends a back-off, and asks again for an approval that nobody gave. It
// gives no budget back.
func (r *remediation) retry(ctx workflow.Context, by Instruction) string {
	r.Hurry, r.nudged, r.Held = true, true, ""
	if r.Approval.By == "" {
		r.Approval = health.Approval{}
	}
	r.noteBy(ctx, health.EntryNote, "next attempt asked for now", by)
	return "it is probed now and treated if the limits allow"
}

// rearm gives the budgets back: of the incident, the hour and the day.
func (r *remediation) rearm(ctx workflow.Context, by Instruction) string {
	r.Attempts, r.Restarts, r.Pretended = 0, 0, 0
	r.nudged, r.Held = true, ""
	r.noteBy(ctx, health.EntryNote, "re-armed", by)
	r.signalGatekeeper(ctx, SignalRearm, Rearmed{Service: r.name(), By: by.By})
	return "its budgets are given back"
}

func (r *remediation) refuseApprove(ctx workflow.Context) string {
	switch deadline := r.Approval.Deadline; {
	case r.Approval.By != "":
		return "it is approved already, by " + r.Approval.By
	case deadline.IsZero():
		return "nothing waits for approval"
	case !workflow.Now(ctx).Before(deadline):
		return fmt.Sprintf("the question lapsed at %s; ask again with `starter retry %s`", stamp(deadline), r.name())
	}
	return ""
}

// approve says yes to the step that waits for it. All other limits hold.
func (r *remediation) approve(ctx workflow.Context, by Instruction) string {
	r.Approval.By, r.nudged, r.Held = by.By, true, ""
	r.noteBy(ctx, health.EntryDecision, "approved", by)
	return "it is carried out if the service still fails and the limits allow"
}
