package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// scene plays one story to its end and returns the runs to record, by the name
// of the file.
type scene func(context.Context, *stage) (map[string]execution, error)

// scenes are all stories, by the name of their service.
var scenes = map[string]scene{
	"handover":     handover,
	"messages":     messages,
	"healed":       healed,
	"acknowledged": acknowledged,
	"held":         held,
	"alert-only":   alertOnly,
	"abandoned":    abandoned,
	"undelivered":  undelivered,
	"continued":    continued,
	"observed":     observed,
	"approved":     approved,
	"maintained":   maintained,
	"dependent":    dependent,
	"flapping":     flapping,
	"escalated":    escalated,
	"buried":       buried,
	"rounds":       rounds,
	"storm":        storm,
	"cut-off":      cutOff,
}

// handover: a schedule's second watch, which takes over from the first.
func handover(ctx context.Context, s *stage) (map[string]execution, error) {
	c := check("handover")
	id := workflows.ScheduleID(c.Service)
	schedule, err := s.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id,
		Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{
			Every: c.Watch.Std(), Offset: health.Spread(c.Service, c.Watch.Std()),
		}}},
		Action: &client.ScheduleWorkflowAction{
			ID: id, Workflow: workflows.MonitorType, Args: []any{c}, TaskQueue: workflows.TaskQueue,
		},
		Overlap:            enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
		TriggerImmediately: true,
	})
	if err != nil {
		return nil, err
	}
	var second execution
	err = until(ctx, func() (bool, error) {
		description, err := schedule.Describe(ctx)
		if err != nil || len(description.Info.RecentActions) < 2 {
			return false, err
		}
		result := description.Info.RecentActions[1].StartWorkflowResult
		second = execution{workflow: result.WorkflowID, run: result.FirstExecutionRunID}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.temporal.GetWorkflow(ctx, second.workflow, second.run).Get(ctx, nil); err != nil {
		return nil, err
	}
	return map[string]execution{"monitor-healthy": second}, schedule.Delete(ctx)
}

// messages: all that can be said to a Monitor.
func messages(ctx context.Context, s *stage) (map[string]execution, error) {
	watch, err := s.monitor(ctx, check("messages"))
	if err != nil {
		return nil, err
	}
	slower := check("messages")
	slower.FailureThreshold, slower.RetryInterval = 5, health.Duration(500*time.Millisecond)
	for _, say := range []struct {
		signal  string
		payload any
	}{
		{workflows.SignalPause, workflows.Pause{By: "ann", Note: "moving disks"}},
		{workflows.SignalResume, workflows.Resume{By: "bob"}},
		{workflows.SignalProbeNow, nil},
		{workflows.SignalReconfigure, slower},
	} {
		if err := s.temporal.SignalWorkflow(ctx, watch.GetID(), watch.GetRunID(), say.signal, say.payload); err != nil {
			return nil, err
		}
		if err := pause(ctx, 300*time.Millisecond); err != nil {
			return nil, err
		}
	}
	s.set("messages", func(p *patient) { p.down = true })
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	s.set("messages", func(p *patient) { p.down = false })
	return map[string]execution{"monitor-messages": of(watch)}, watch.Get(ctx, nil)
}

// healed: the third failure opens an incident, which the first restart ends.
func healed(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("healed", func(p *patient) { p.down, p.healedBy = true, 1 })
	watch, err := s.monitor(ctx, check("healed"))
	if err != nil {
		return nil, err
	}
	incident, err := s.outcome(ctx, "healed", health.Healed)
	if err != nil {
		return nil, err
	}
	gatekeeper := execution{workflow: activities.GatekeeperID(workflows.TaskQueue)}
	return map[string]execution{
		"monitor-third-failure": of(watch), "remediation-healed": incident, "gatekeeper": gatekeeper,
	}, watch.Get(ctx, nil)
}

// acknowledged: a human owns it, by signal and by update, and is refused once.
func acknowledged(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("acknowledged", func(p *patient) { p.down, p.healedBy = true, 2 })
	if err := s.open(ctx, check("acknowledged")); err != nil {
		return nil, err
	}
	id := workflows.RemediationID("acknowledged", "")
	for _, by := range []string{"", "ann"} {
		if err := s.temporal.SignalWorkflow(ctx, id, "", workflows.Acknowledge, workflows.Instruction{By: by}); err != nil {
			return nil, err
		}
	}
	update, err := s.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: workflows.Acknowledge, WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{workflows.Instruction{By: "bob", Note: "on it"}},
	})
	if err != nil {
		return nil, err
	}
	if err := update.Get(ctx, nil); err != nil {
		return nil, err
	}
	incident, err := s.outcome(ctx, "acknowledged", health.Healed)
	return map[string]execution{"remediation-acknowledged": incident}, err
}

// held: two restarts do not help and a third is not allowed; it comes back by
// itself, and needs two passing probes to be believed.
func held(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("held", func(p *patient) { p.down = true })
	c := check("held")
	c.Remediation.Limits.PerIncident, c.SuccessThreshold = 2, 2
	if err := s.open(ctx, c); err != nil {
		return nil, err
	}
	err := s.untilIncident(ctx, "held", func(i health.Incident) bool { return i.Restarts == 2 && i.Verifications > 5 })
	if err != nil {
		return nil, err
	}
	s.set("held", func(p *patient) { p.down = false })
	incident, err := s.outcome(ctx, "held", health.Healed)
	return map[string]execution{"remediation-held": incident}, err
}

// alertOnly: nothing may be done but tell people.
func alertOnly(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("alert-only", func(p *patient) { p.down = true })
	c := check("alert-only")
	c.Remediation, c.Alerts = workflows.Plan{}, []string{"ops", "log"}
	if err := s.open(ctx, c); err != nil {
		return nil, err
	}
	err := s.untilIncident(ctx, "alert-only", func(i health.Incident) bool { return i.Verifications > 2 })
	if err != nil {
		return nil, err
	}
	s.set("alert-only", func(p *patient) { p.down = false })
	incident, err := s.outcome(ctx, "alert-only", health.Recovered)
	return map[string]execution{"remediation-alert-only": incident}, err
}

// abandoned: cancelled, as for a service that is no longer configured.
func abandoned(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("abandoned", func(p *patient) { p.down = true })
	if err := s.open(ctx, check("abandoned")); err != nil {
		return nil, err
	}
	err := s.untilIncident(ctx, "abandoned", func(i health.Incident) bool { return i.Restarts == 1 })
	if err != nil {
		return nil, err
	}
	if err := s.temporal.CancelWorkflow(ctx, workflows.RemediationID("abandoned", ""), ""); err != nil {
		return nil, err
	}
	incident, err := s.outcome(ctx, "abandoned", health.Abandoned)
	return map[string]execution{"remediation-abandoned": incident}, err
}

// undelivered: the receiver is down when the incident closes, and comes back.
func undelivered(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("undelivered", func(p *patient) { p.down, p.healedBy, p.deaf = true, 2, true })
	if err := s.open(ctx, check("undelivered")); err != nil {
		return nil, err
	}
	incident, err := s.outcome(ctx, "undelivered", health.Healed)
	if err != nil {
		return nil, err
	}
	s.set("undelivered", func(p *patient) { p.deaf = false })
	outbox := execution{workflow: activities.OutboxID(workflows.TaskQueue, "ops")}
	return map[string]execution{"remediation-undelivered": incident, "outbox": outbox}, nil
}

// continued: an incident so long that Temporal asks for a fresh history. Its
// messages, which are old news to it, are what makes it long.
func continued(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("continued", func(p *patient) { p.down = true })
	c := check("continued")
	c.Remediation = workflows.Plan{}
	if err := s.open(ctx, c); err != nil {
		return nil, err
	}
	id := workflows.RemediationID(c.Service, "")
	first, err := s.temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return nil, err
	}
	run := first.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	old := health.Result{Status: health.Healthy, Message: "old news"}
	err = until(ctx, func() (bool, error) {
		for range 50 {
			if err := s.temporal.SignalWorkflow(ctx, id, "", workflows.SignalPassed, old); err != nil {
				return false, err
			}
		}
		latest, err := s.temporal.DescribeWorkflowExecution(ctx, id, "")
		return latest.GetWorkflowExecutionInfo().GetExecution().GetRunId() != run, err
	})
	if err != nil {
		return nil, fmt.Errorf("continue as new: %w", err)
	}
	s.set("continued", func(p *patient) { p.down = false })
	second, err := s.outcome(ctx, "continued", health.Recovered)
	return map[string]execution{"remediation-continues": {workflow: id, run: run}, "remediation-continued": second}, err
}
