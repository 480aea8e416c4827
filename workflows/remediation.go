package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// Remediation is one incident, from the failure that opened it to the passing
// probe that ends it. Its result is the record of the incident.
func Remediation(ctx workflow.Context, in RemediationInput) (health.Incident, error) {
	r, err := newRemediation(ctx, in)
	if err != nil {
		return health.Incident{}, err
	}
	for !r.over(ctx) {
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return health.Incident{}, r.continueAsNew(ctx)
		}
		decision := r.decide(ctx)
		switch {
		case decision.Act:
			r.treat(ctx, decision)
		case decision.Rule == health.RuleObserve:
			r.pretend(ctx, decision)
			r.rest(ctx, decision)
		default:
			r.tellHeld(ctx, decision)
			r.rest(ctx, decision)
		}
		r.verify(ctx)
		r.giveBack(ctx)
	}
	return r.close(ctx)
}

// remediation is one run of an incident.
type remediation struct {
	// Record is what goes from run to run.
	Record
	check Check
	// target is empty for a service that is its own target, and for the incident
	// of one with targets as a whole, whose reason whole then says.
	target string
	class  string
	whole  WholeReason
	logger log.Logger
	// recorder shows the incident to people; see Recorder.
	recorder Recorder
	// nudged is set by a message that ends a rest early.
	nudged bool
	// treating is set while an attempt is under way.
	treating bool
	// resolvedBy is set by a human who declares the incident resolved.
	resolvedBy *Instruction
	// ending is set when this run is about to end, so that nothing new is begun.
	ending bool
	// posting and telling are set while an alert is handed to an Outbox, and
	// while the teller is at work.
	posting     bool
	telling     bool
	stopPosting workflow.CancelFunc
	// changes counts what may move the next telling; see escalate.
	changes int
	// external counts the signals to other workflows that are on their way; a
	// run that ends before they have arrived would take them with it.
	external int
}

func newRemediation(ctx workflow.Context, in RemediationInput) (*remediation, error) {
	r := &remediation{check: in.Check, target: in.Target, class: in.Class, whole: in.Whole}
	r.logger = log.With(workflow.GetLogger(ctx), "service", r.name())
	if in.Record != nil {
		r.Record = *in.Record
	} else {
		r.open(ctx, in)
	}
	r.Incident.Run = workflow.GetInfo(ctx).WorkflowExecution.RunID
	r.recorder = recorderOf(ctx)
	if err := r.listen(ctx); err != nil {
		return nil, err
	}
	r.startTelling(ctx)
	r.describe(ctx)
	return r, nil
}

// open starts the record: what was seen, and that people will hear of it.
func (r *remediation) open(ctx workflow.Context, in RemediationInput) {
	now := workflow.Now(ctx)
	r.Incident = health.Incident{
		ID:             health.IncidentID(in.Check.Service, in.Target, in.Streak.FirstFailureAt),
		Service:        in.Check.Service,
		Target:         in.Target,
		Severity:       in.Check.Severity,
		Runbook:        in.Check.Runbook,
		State:          health.Triggered,
		FirstFailureAt: in.Streak.FirstFailureAt,
		OpenedAt:       now,
		Reason:         in.LastFailure.Message,
		Workflow:       workflow.GetInfo(ctx).WorkflowExecution.ID,
	}
	if in.Flapping {
		r.Incident.Reason = "flapping: it changes its state too often"
	}
	r.Orders, r.Flapping = in.Orders, in.Flapping
	r.LastFailureAt, r.Others = in.LastFailure.At, max(0, in.Down-1)
	text := fmt.Sprintf("failure 1/%d: %s", in.Check.FailureThreshold, in.Streak.FirstFailure)
	if in.Whole != "" {
		text = string(in.Whole) + ": " + in.LastFailure.Message
	}
	r.Incident.Timeline.Add(in.Streak.FirstFailureAt, health.EntryFailure, text)
	if in.Streak.Failures > 1 && in.Whole == "" {
		r.Incident.Timeline.Add(in.LastFailure.At, health.EntryFailure,
			fmt.Sprintf("failure %d/%d: %s", in.Streak.Failures, in.Check.FailureThreshold, in.LastFailure.Message))
	}
	why := ""
	if in.Flapping {
		why = ", flapping"
	}
	r.note(ctx, health.EntryOpened, fmt.Sprintf("incident %s opened, severity %s%s", r.Incident.ID, r.Incident.Severity, why))
}

// name is the service and, if it has one, its target.
func (r *remediation) name() string { return health.TargetID(r.check.Service, r.target) }

// note adds a line to the timeline and to the log.
func (r *remediation) note(ctx workflow.Context, kind health.EntryKind, text string) {
	r.add(ctx, kind, text)
	r.tellLog(text)
}

// add adds a line to the timeline alone: it is evidence, and no news to
// somebody who follows the log.
func (r *remediation) add(ctx workflow.Context, kind health.EntryKind, text string) {
	r.Incident.Timeline.Add(workflow.Now(ctx), kind, text)
}

// tellLog writes one line of the log, however many the text has.
func (r *remediation) tellLog(text string) {
	r.logger.Info(r.name() + ": " + strings.ReplaceAll(text, "\n", " | "))
}

// over reports whether the incident has ended: enough passing probes, a human
// who says so, or it was cancelled, by hand or because its service is no longer
// configured.
func (r *remediation) over(ctx workflow.Context) bool {
	return ctx.Err() != nil || r.resolvedBy != nil || r.recovered()
}

// recovered reports whether the service is back. One that flaps is not, however
// often it passes.
func (r *remediation) recovered() bool { return r.Passes >= r.passesNeeded() && !r.Flapping }

// passesNeeded is one after a verified restart, which is evidence enough, and
// the success threshold for a service that came back by itself.
func (r *remediation) passesNeeded() int {
	if r.Treated {
		return 1
	}
	return max(1, r.check.SuccessThreshold)
}

// close ends the incident and its record. Alerts that no Outbox has reported
// on by then go on there, so that a receiver that is down holds up neither this
// record nor the next incident.
func (r *remediation) close(ctx workflow.Context) (health.Incident, error) {
	cancelled := ctx.Err() != nil
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r.conclude(ctx, cancelled)
	downtime := r.Incident.Downtime(r.Incident.ResolvedAt)
	r.upsert(ctx,
		AttributeIncidentState.ValueSet(string(r.Incident.State)),
		AttributeOutcome.ValueSet(string(r.Incident.Outcome)),
		AttributeDowntimeSeconds.ValueSet(downtime.Seconds()),
	)
	r.describe(ctx)
	r.tellClosed(ctx)
	r.awaitDelivery(ctx)
	if err := r.hearOut(ctx); err != nil {
		return r.Incident, err
	}
	r.describe(ctx)
	r.archive(ctx)
	return r.Incident, r.hearOut(ctx)
}

// conclude writes how the incident ended and tells people.
func (r *remediation) conclude(ctx workflow.Context, cancelled bool) {
	r.Incident.State = health.Resolved
	r.Incident.ResolvedAt = workflow.Now(ctx)
	if r.Passes > 0 {
		r.Incident.ResolvedAt = r.FirstPassAt
	}
	how := "recovered by itself or by a human"
	switch {
	case cancelled:
		r.Incident.ResolvedAt = workflow.Now(ctx)
		r.Incident.Outcome = health.Abandoned
		r.note(ctx, health.EntryResolved, "abandoned: cancelled by hand, or its service is no longer configured")
		return
	case r.resolvedBy != nil:
		r.Incident.Outcome = health.ByHand
		how = "resolved by hand by " + r.resolvedBy.By
	case r.Incident.Restarts > 0:
		r.Incident.Outcome = health.Healed
		how = fmt.Sprintf("healed by attempt %d", r.Incident.Attempts)
	default:
		r.Incident.Outcome = health.Recovered
	}
	text := fmt.Sprintf("%s, downtime %s", how, health.Span(r.Incident.Downtime(r.Incident.ResolvedAt)))
	r.add(ctx, health.EntryResolved, text)
	r.tellRecovered(ctx, text)
}

// continueAsNew takes the incident into a fresh history, with everything that
// is known of it and every alert that is still on its way.
func (r *remediation) continueAsNew(ctx workflow.Context) error {
	r.ending = true
	r.stopPosting()
	if err := r.hearOut(ctx); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, Remediation, RemediationInput{
		Check:  r.check,
		Target: r.target,
		Class:  r.class,
		Whole:  r.whole,
		Record: &r.Record,
	})
}

// upsert sets search attributes. That they cannot be set is no reason to leave
// a service alone.
func (r *remediation) upsert(ctx workflow.Context, attributes ...temporal.SearchAttributeUpdate) {
	if err := workflow.UpsertTypedSearchAttributes(ctx, attributes...); err != nil {
		r.logger.Error(r.name() + ": setting the search attributes of the incident: " + err.Error())
	}
}

// attributesOf are the search attributes of an incident that has just opened.
func attributesOf(check Check) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(
		AttributeService.ValueSet(check.Service),
		AttributeIncidentState.ValueSet(string(health.Triggered)),
		AttributeSeverity.ValueSet(check.Severity),
	)
}
