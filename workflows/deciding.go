package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

// decide asks whether to act now, and writes every new answer down. It asks
// itself first, then looks whether what the service depends on is up, and has
// the last word from the Gatekeeper, which knows the fleet.
func (r *remediation) decide(ctx workflow.Context) health.Decision {
	situation := r.situation(ctx)
	decision := health.Decide(&situation, nil)
	if worthAsking(decision) && len(r.check.DependsOn) > 0 {
		situation.Down = r.dependenciesDown(ctx)
		decision = health.Decide(&situation, nil)
	}
	if worthAsking(decision) || !r.Known {
		decision = r.ask(ctx, situation, decision)
	}
	if decision.Rule != health.RuleDependency {
		r.Telling.Folded = "" // it speaks for itself again
	}
	if decision.Rule == health.RuleApproval {
		decision.At = r.askHuman(ctx, decision)
	}
	r.writeDown(ctx, decision)
	r.describe(ctx)
	return decision
}

// worthAsking reports whether all that the incident knows itself allows to act.
func worthAsking(decision health.Decision) bool {
	return decision.Act || decision.Rule == health.RuleObserve || decision.Rule == health.RuleApproval
}

// situation is what the incident knows of itself.
func (r *remediation) situation(ctx workflow.Context) health.Situation {
	now := workflow.Now(ctx)
	s := health.Situation{
		Now:        now,
		Mode:       r.mode(),
		Passes:     r.Passes,
		Retry:      r.check.RetryInterval,
		Flapping:   r.Flapping,
		Attempts:   r.Attempts,
		Restarts:   r.Restarts,
		Unverified: r.Unverified,
		Rested:     r.Rested,
		Backoff:    r.check.Remediation.Backoff,
		Hurry:      r.Hurry,
		Approval:   r.Approval,
		Limits:     r.check.Remediation.Limits,
	}
	for _, step := range r.check.Remediation.Steps {
		s.Steps = append(s.Steps, step.Tries)
	}
	s.Maintenance, _ = r.maintenance(now)
	if r.Flapping {
		s.Retry = health.Duration(r.pace()) // a pass is no news
	}
	if s.Mode == health.ModeObserve {
		s.Attempts += r.Pretended
		s.Restarts += r.Pretended
		if r.PretendedAt.After(s.Rested) {
			s.Rested = r.PretendedAt
		}
	}
	return s
}

// mode is the mode in force.
func (r *remediation) mode() health.Mode { return r.Orders.ModeIn(r.check.Remediation.Mode) }

// dependenciesDown probes the services without which this one cannot work, and
// names those that fail. It looks for itself, as their own incidents may not be
// open yet.
func (r *remediation) dependenciesDown(ctx workflow.Context) []string {
	results := make([]workflow.Future, len(r.check.DependsOn))
	var probes *activities.Probes
	for i, name := range r.check.DependsOn {
		ctx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: dependencyTimeout,
			RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumAttempts: 2},
			Summary:             "probe " + name + ", which " + r.name() + " depends on",
		})
		results[i] = workflow.ExecuteActivity(ctx, probes.Probe, activities.ProbeInput{Service: name})
	}
	var down []string
	for i, name := range r.check.DependsOn {
		var result health.Result
		err := results[i].Get(ctx, &result)
		// What cannot be probed may be up; it is no reason to leave this one down.
		if err == nil && !result.Status.Up() {
			down = append(down, name)
		}
	}
	return down
}

// dependencyTimeout bounds the probe of a dependency, whose own time-out is
// not known here.
const dependencyTimeout = time.Minute

// askHuman asks for approval, once, and says when the question lapses.
func (r *remediation) askHuman(ctx workflow.Context, decision health.Decision) time.Time {
	if r.Approval.Deadline.IsZero() {
		r.Approval.Deadline = workflow.Now(ctx).Add(r.check.Remediation.ApproveWithin.Std())
		title := r.check.Remediation.Steps[decision.Step].Title
		r.note(ctx, health.EntryDecision, "approval needed: "+title+", until "+stamp(r.Approval.Deadline))
		r.tellNews(ctx, fmt.Sprintf("approval needed by %s: %s; say yes with `starter approve %s`",
			stamp(r.Approval.Deadline), title, r.name()))
	}
	return r.Approval.Deadline
}

// writeDown puts a new answer into the record. An answer that only repeats the
// last one is no news.
func (r *remediation) writeDown(ctx workflow.Context, decision health.Decision) {
	reason := decision.Reason()
	if decision.Act {
		r.Held = ""
		r.add(ctx, health.EntryDecision, "act: "+reason) // the attempt itself is the news
		return
	}
	key := reason
	if decision.Rule == health.RuleConcurrent {
		key = string(decision.Rule) // who else is being restarted changes all the time
	}
	if key == r.Held {
		return
	}
	r.Held = key
	if r.Incident.Held == nil {
		r.Incident.Held = map[health.Rule]int{}
	}
	r.Incident.Held[decision.Rule]++
	if decision.Rule != health.RuleObserve { // what would have been done says it
		r.note(ctx, health.EntryDecision, "held: "+reason)
	}
	if decision.Rule.Exhausted() || decision.Rule == health.RuleLapsed {
		r.tellExhausted(ctx, reason)
	}
}

// pretend writes down what would have been done, in mode observe.
func (r *remediation) pretend(ctx workflow.Context, decision health.Decision) {
	step := r.check.Remediation.Steps[decision.Step]
	r.Pretended++
	r.Hurry = false
	r.PretendedAt = workflow.Now(ctx)
	r.Incident.Observed++
	r.note(ctx, health.EntryObserved, fmt.Sprintf("would now %s (%s)", step.Title, decision.Reason()))
	r.tellDown(ctx, "")
}

// tellHeld tells people that nothing will be done, or nothing more for now. A
// service whose latest probe passed is not called down; one whose dependency is
// down is named in the alert of that one.
func (r *remediation) tellHeld(ctx workflow.Context, decision health.Decision) {
	switch decision.Rule {
	case health.RulePassing:
	case health.RuleDependency:
		r.fold(ctx, decision.Names)
	case health.RuleFlapping:
		r.tellDown(ctx, decision.Reason())
	case health.RuleConcurrent:
		// Its turn comes; people hear of it if that does not help, or soon.
		if workflow.Now(ctx).Sub(r.Incident.OpenedAt) >= r.check.Interval.Std() {
			r.tellDown(ctx, "")
		}
	default:
		r.tellDown(ctx, "")
	}
}
