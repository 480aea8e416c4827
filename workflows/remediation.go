package workflows

import (
	"fmt"
	"slices"
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
		if decision.Act {
			r.treat(ctx, decision)
		} else {
			r.tellDownUnlessPassing(ctx, decision)
			r.rest(ctx, decision.At)
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
	check    Check
	target   string
	dispatch *dispatcher
	logger   log.Logger
	// nudged is set by a message that ends a rest early.
	nudged bool
	// giving counts the permits on their way back; a run that ends before they
	// have arrived would take them with it.
	giving int
}

func newRemediation(ctx workflow.Context, in RemediationInput) (*remediation, error) {
	r := &remediation{check: in.Check, target: in.Target}
	r.logger = log.With(workflow.GetLogger(ctx), "service", in.Check.Service)
	r.dispatch = newDispatcher(func(ctx workflow.Context, d Dispatch, err error) { r.noteDelivery(ctx, d, err) })
	if in.Record != nil {
		r.Record = *in.Record
		undelivered := r.Undelivered
		r.Undelivered = nil
		for _, dispatch := range undelivered {
			r.dispatch.send(ctx, dispatch)
		}
	} else {
		r.open(ctx, in)
	}
	if err := r.listen(ctx); err != nil {
		return nil, err
	}
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
	}
	r.LastFailureAt = in.LastFailure.At
	r.Incident.Timeline.Add(in.Streak.FirstFailureAt, health.EntryFailure,
		fmt.Sprintf("failure 1/%d: %s", in.Check.FailureThreshold, in.Streak.FirstFailure))
	if in.Streak.Failures > 1 {
		r.Incident.Timeline.Add(in.LastFailure.At, health.EntryFailure,
			fmt.Sprintf("failure %d/%d: %s", in.Streak.Failures, in.Check.FailureThreshold, in.LastFailure.Message))
	}
	r.note(ctx, health.EntryOpened, fmt.Sprintf("incident %s opened, severity %s", r.Incident.ID, r.Incident.Severity))
}

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
	r.logger.Info(r.check.Service + ": " + strings.ReplaceAll(text, "\n", " | "))
}

// decide asks whether to act now, and writes every new answer down.
func (r *remediation) decide(ctx workflow.Context) health.Decision {
	decision := health.Decide(health.Situation{
		Now:        workflow.Now(ctx),
		Steps:      len(r.check.Remediation.Steps),
		Passes:     r.Passes,
		Retry:      r.check.RetryInterval,
		Attempts:   r.Incident.Attempts,
		Restarts:   r.Incident.Restarts,
		Unverified: r.Unverified,
		Rested:     r.Rested,
		Backoff:    r.check.Remediation.Backoff,
		Limits:     r.check.Remediation.Limits,
	})
	if decision.Act {
		decision = r.permitted(ctx, decision)
	}
	if decision.Act {
		r.Held = ""
		r.add(ctx, health.EntryDecision, "act: "+decision.Reason) // the attempt itself is the news
	} else if decision.Reason != r.Held {
		r.Held = decision.Reason
		r.note(ctx, health.EntryDecision, "held: "+decision.Reason)
	}
	r.describe(ctx)
	return decision
}

// over reports whether the incident has ended: enough passing probes, or it
// was cancelled, by hand or because its service is no longer configured.
func (r *remediation) over(ctx workflow.Context) bool {
	return ctx.Err() != nil || r.Passes >= r.passesNeeded()
}

// passesNeeded is one after a verified restart, which is evidence enough, and
// the success threshold for a service that came back by itself.
func (r *remediation) passesNeeded() int {
	if r.Treated {
		return 1
	}
	return max(1, r.check.SuccessThreshold)
}

// close ends the incident and its record. Alerts that are still on their way
// go on in a Delivery, so that a receiver that is down holds up neither this
// record nor the next incident.
func (r *remediation) close(ctx workflow.Context) (health.Incident, error) {
	cancelled := ctx.Err() != nil
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r.conclude(ctx, cancelled)
	downtime := r.Incident.Downtime(r.Incident.ResolvedAt)
	err := workflow.UpsertTypedSearchAttributes(ctx,
		AttributeIncidentState.ValueSet(string(r.Incident.State)),
		AttributeOutcome.ValueSet(string(r.Incident.Outcome)),
		AttributeDowntimeSeconds.ValueSet(downtime.Seconds()),
	)
	if err != nil {
		r.logger.Error(r.check.Service + ": setting the search attributes of the incident: " + err.Error())
	}
	r.describe(ctx)
	r.dispatch.settle(ctx, deliveryGrace)
	if left := r.dispatch.stop(ctx); len(left) > 0 {
		r.handOver(ctx, left)
	}
	return r.Incident, r.hearOut(ctx)
}

// logReceiver is the built-in receiver, which writes alerts to the log.
const logReceiver = "log"

// conclude writes how the incident ended and tells people.
func (r *remediation) conclude(ctx workflow.Context, cancelled bool) {
	r.Incident.State = health.Resolved
	if cancelled {
		r.Incident.ResolvedAt = workflow.Now(ctx)
		r.Incident.Outcome = health.Abandoned
		r.note(ctx, health.EntryResolved, "abandoned: cancelled by hand, or its service is no longer configured")
		return
	}
	r.Incident.ResolvedAt = r.FirstPassAt
	r.Incident.Outcome = health.Recovered
	how := "recovered by itself or by a human"
	if r.Incident.Restarts > 0 {
		r.Incident.Outcome = health.Healed
		how = fmt.Sprintf("healed by attempt %d", r.Incident.Attempts)
	}
	text := fmt.Sprintf("%s, downtime %s", how, health.Span(r.Incident.Downtime(r.Incident.ResolvedAt)))
	r.add(ctx, health.EntryResolved, text)
	if !slices.Contains(r.check.Alerts, logReceiver) {
		r.tellLog(text) // else the recovery notice says so in the same log
	}
	r.tell(ctx, health.AlertRecovered, r.Incident.ResolvedAt)
}

// continueAsNew takes the incident into a fresh history, with everything that
// is known of it and every alert that is still on its way.
func (r *remediation) continueAsNew(ctx workflow.Context) error {
	r.Undelivered = r.dispatch.stop(ctx)
	if err := r.hearOut(ctx); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, Remediation, RemediationInput{
		Check:  r.check,
		Target: r.target,
		Record: &r.Record,
	})
}

// attributesOf are the search attributes of an incident that has just opened.
func attributesOf(check Check) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(
		AttributeService.ValueSet(check.Service),
		AttributeIncidentState.ValueSet(string(health.Triggered)),
		AttributeSeverity.ValueSet(check.Severity),
	)
}
