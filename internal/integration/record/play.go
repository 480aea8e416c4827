package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// poll is the pause between two looks.
const poll = 100 * time.Millisecond

// monitor starts one watch of a service, when it is time for one.
func (s *stage) monitor(ctx context.Context, c workflows.Check) (client.WorkflowRun, error) {
	watches := health.Grid{Interval: c.Watch.Std(), Offset: health.Spread(c.Service, c.Watch.Std())}
	if err := pause(ctx, time.Until(watches.After(time.Now()))); err != nil {
		return nil, err
	}
	return s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.ScheduleID(c.Service), TaskQueue: workflows.TaskQueue,
	}, workflows.MonitorType, c)
}

// open starts a watch and returns once it has opened an incident.
func (s *stage) open(ctx context.Context, c workflows.Check) error {
	if _, err := s.monitor(ctx, c); err != nil {
		return err
	}
	return s.untilIncident(ctx, c.Service, func(health.Incident) bool { return true })
}

// untilIncident waits for the incident of a service to be as wanted.
func (s *stage) untilIncident(ctx context.Context, service string, wanted func(health.Incident) bool) error {
	return until(ctx, func() (bool, error) {
		answer, err := s.temporal.QueryWorkflow(ctx, workflows.RemediationID(service, ""), "", workflows.QueryIncident)
		if err != nil {
			return false, nil // not opened yet
		}
		var incident health.Incident
		err = answer.Get(&incident)
		return err == nil && wanted(incident), err
	})
}

// outcome waits for the incident of a service to close as expected.
func (s *stage) outcome(ctx context.Context, service string, want health.Outcome) (execution, error) {
	if err := s.untilIncident(ctx, service, func(health.Incident) bool { return true }); err != nil {
		return execution{}, err
	}
	run := s.temporal.GetWorkflow(ctx, workflows.RemediationID(service, ""), "")
	var incident health.Incident
	if err := run.Get(ctx, &incident); err != nil {
		return execution{}, fmt.Errorf("the incident of %s: %w", service, err)
	}
	if incident.Outcome != want {
		return execution{}, fmt.Errorf("the incident of %s is %s, not %s", service, incident.Outcome, want)
	}
	return of(run), nil
}

func of(run client.WorkflowRun) execution {
	return execution{workflow: run.GetID(), run: run.GetRunID()}
}

// until asks again and again until the answer is yes.
func until(ctx context.Context, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if err := pause(ctx, poll); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, wait time.Duration) error {
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
