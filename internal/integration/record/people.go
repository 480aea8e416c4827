package main

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// observed: mode observe writes down what it would have done, until a human
// lets it act.
func observed(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("observed", func(p *patient) { p.down, p.healedBy = true, 1 })
	c := check("observed")
	c.Remediation.Mode = health.ModeObserve
	if err := s.open(ctx, c); err != nil {
		return nil, err
	}
	if err := s.untilIncident(ctx, "observed", func(i health.Incident) bool { return i.Observed > 1 }); err != nil {
		return nil, err
	}
	act := health.Orders{Mode: &health.ModeOrder{Mode: health.ModeAct, By: "ann"}}
	err := s.temporal.SignalWorkflow(ctx, workflows.RemediationID("observed", ""), "", workflows.SignalOrders, act)
	if err != nil {
		return nil, err
	}
	incident, err := s.outcome(ctx, "observed", health.Healed)
	return map[string]execution{"remediation-observed": incident}, err
}

// approved: a human says yes, in mode approve.
func approved(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("approved", func(p *patient) { p.down, p.healedBy = true, 1 })
	c := check("approved")
	c.Remediation.Mode, c.Remediation.ApproveWithin = health.ModeApprove, health.Duration(time.Hour)
	if err := s.open(ctx, c); err != nil {
		return nil, err
	}
	if err := s.untilIncident(ctx, "approved", func(i health.Incident) bool { return i.Held[health.RuleApproval] > 0 }); err != nil {
		return nil, err
	}
	if err := s.say(ctx, "approved", workflows.Approve); err != nil {
		return nil, err
	}
	incident, err := s.outcome(ctx, "approved", health.Healed)
	return map[string]execution{"remediation-approved": incident}, err
}

// maintained: the incident waits for the end of a maintenance window.
func maintained(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("maintained", func(p *patient) { p.down, p.healedBy = true, 1 })
	watch, err := s.monitor(ctx, check("maintained"))
	if err != nil {
		return nil, err
	}
	span := workflows.Span{For: health.Duration(6 * time.Second), By: "ann", Reason: "new disks"}
	if err := s.temporal.SignalWorkflow(ctx, watch.GetID(), "", workflows.SignalMaintain, span); err != nil {
		return nil, err
	}
	incident, err := s.outcome(ctx, "maintained", health.Healed)
	return map[string]execution{"monitor-maintained": of(watch), "remediation-maintained": incident}, err
}

// dependent: what it depends on is down first, and its alert is folded into
// that one's.
func dependent(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("base", func(p *patient) { p.down = true })
	s.set("dependent", func(p *patient) { p.down, p.healedBy = true, 1 })
	base, c := check("base"), check("dependent")
	base.Remediation = workflows.Plan{}
	c.DependsOn = []string{"base"}
	if err := s.open(ctx, base); err != nil {
		return nil, err
	}
	if err := s.open(ctx, c); err != nil {
		return nil, err
	}
	if err := s.untilIncident(ctx, "base", func(i health.Incident) bool { return len(i.Affected) > 0 }); err != nil {
		return nil, err
	}
	s.set("base", func(p *patient) { p.down = false })
	affecting, err := s.outcome(ctx, "base", health.Recovered)
	if err != nil {
		return nil, err
	}
	incident, err := s.outcome(ctx, "dependent", health.Healed)
	return map[string]execution{"remediation-affecting": affecting, "remediation-dependent": incident}, err
}

// flapping: up and down and up; the incident is open until it holds still.
func flapping(ctx context.Context, s *stage) (map[string]execution, error) {
	c := check("flapping")
	c.FlapLow, c.FlapHigh, c.Watch = health.FlapLow, health.FlapHigh, 60*c.Interval
	s.set("flapping", func(p *patient) { p.flaps = true })
	watch, err := s.monitor(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := s.untilIncident(ctx, "flapping", func(i health.Incident) bool { return i.Held[health.RuleFlapping] > 0 }); err != nil {
		return nil, err
	}
	s.set("flapping", func(p *patient) { p.flaps = false })
	incident, err := s.outcome(ctx, "flapping", health.Recovered)
	if err != nil {
		return nil, err
	}
	return map[string]execution{"monitor-flapping": of(watch), "remediation-flapping": incident}, watch.Get(ctx, nil)
}

// escalated: nobody acknowledges, the next level hears of it, budgets are used
// up and given back, and in the end a human closes it.
func escalated(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("escalated", func(p *patient) { p.down = true })
	c := check("escalated")
	c.Remediation.Limits.PerIncident, c.Reminder = 1, health.Duration(2*time.Second)
	c.Escalation = []workflows.Level{{After: health.Duration(time.Second), Alerts: []string{"lead"}}, {After: health.Duration(time.Minute), Alerts: []string{"boss"}}}
	if err := s.open(ctx, c); err != nil {
		return nil, err
	}
	if err := s.untilIncident(ctx, "escalated", func(i health.Incident) bool { return i.Held[health.RulePerIncident] > 0 && i.Verifications > 4 }); err != nil {
		return nil, err
	}
	for _, what := range []string{workflows.Acknowledge, workflows.Unacknowledge, workflows.Retry, workflows.Rearm} {
		if err := s.say(ctx, "escalated", what); err != nil {
			return nil, err
		}
	}
	if err := s.untilIncident(ctx, "escalated", func(i health.Incident) bool { return i.Restarts == 2 }); err != nil {
		return nil, err
	}
	if err := s.say(ctx, "escalated", workflows.Resolve); err != nil {
		return nil, err
	}
	incident, err := s.outcome(ctx, "escalated", health.ByHand)
	return map[string]execution{"remediation-escalated": incident}, err
}

// buried: a receiver that refuses; its dead letter is sent again.
func buried(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("buried", func(p *patient) { p.down, p.healedBy, p.refusing = true, 1, true })
	c := check("buried")
	c.Alerts = []string{"strict"}
	if err := s.open(ctx, c); err != nil {
		return nil, err
	}
	incident, err := s.outcome(ctx, "buried", health.Healed)
	if err != nil {
		return nil, err
	}
	s.set("buried", func(p *patient) { p.refusing = false })
	outbox := activities.OutboxID(workflows.TaskQueue, "strict")
	update, err := s.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: outbox, UpdateName: workflows.UpdateResend, WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{workflows.Resend{By: "ann"}},
	})
	if err != nil {
		return nil, err
	}
	if err := update.Get(ctx, nil); err != nil {
		return nil, err
	}
	err = until(ctx, func() (bool, error) {
		answer, err := s.temporal.QueryWorkflow(ctx, outbox, "", workflows.QueryOutbox)
		if err != nil {
			return false, err
		}
		var state workflows.OutboxState
		err = answer.Get(&state)
		return state.Delivered > 0 && len(state.Sending) == 0, err
	})
	return map[string]execution{"remediation-buried": incident, "outbox-buried": {workflow: outbox}}, err
}

// say gives an instruction and waits for its answer.
func (s *stage) say(ctx context.Context, service, what string) error {
	update, err := s.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.RemediationID(service, ""), UpdateName: what, WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{workflows.Instruction{By: "ann", Note: "on it"}},
	})
	if err != nil {
		return err
	}
	return update.Get(ctx, nil)
}
