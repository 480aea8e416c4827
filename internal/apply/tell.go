package apply

import (
	"context"
	"fmt"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"paramedic/workflows"
)

// tell hands a changed check to those who work by the old one: the Monitor on
// duty and the open incident, if there are any. When the watches have moved,
// the next one is put in line first: the Monitor on duty ends on hearing it,
// and no probe is missed.
func (a applier) tell(ctx context.Context, check workflows.Check, moved bool) error {
	description, err := a.schedule(ctx, check.Service).Describe(ctx)
	if err != nil {
		return fmt.Errorf("describe its schedule: %w", err)
	}
	if paused := description.Schedule.State != nil && description.Schedule.State.Paused; moved && !paused {
		err := a.schedule(ctx, check.Service).Trigger(ctx, client.ScheduleTriggerOptions{Overlap: overlap})
		if err != nil {
			return fmt.Errorf("start its next watch: %w", err)
		}
	}
	for _, monitor := range description.Info.RunningWorkflows {
		if err := a.signal(ctx, monitor.WorkflowID, check); err != nil {
			return err
		}
	}
	return a.signal(ctx, workflows.RemediationID(check.Service, ""), check)
}

// signal sends a check to a workflow, if it is still running.
func (a applier) signal(ctx context.Context, workflowID string, check workflows.Check) error {
	err := a.temporal.SignalWorkflow(ctx, workflowID, "", workflows.SignalReconfigure, check)
	if err != nil && !notFound(err) {
		return fmt.Errorf("tell %s: %w", workflowID, err)
	}
	return nil
}

// remove takes a service out of duty: no new watch, an end to the one on duty,
// and an open incident is closed as abandoned.
func (a applier) remove(ctx context.Context, service string) (Change, error) {
	change := Change{Service: service, Action: Deleted}
	if a.dryRun {
		return change, nil
	}
	if err := a.retire(ctx, service); err != nil {
		return Change{}, fmt.Errorf("remove service %q: %w", service, err)
	}
	return change, nil
}

func (a applier) retire(ctx context.Context, service string) error {
	schedule := a.schedule(ctx, service)
	description, err := schedule.Describe(ctx)
	if notFound(err) {
		return nil // another apply was faster
	}
	if err != nil {
		return fmt.Errorf("describe its schedule: %w", err)
	}
	if owner := ownerOf(description.Memo); owner != a.taskQueue {
		return foreign(service, owner)
	}
	if err := schedule.Delete(ctx); err != nil && !notFound(err) {
		return fmt.Errorf("delete its schedule: %w", err)
	}
	for _, monitor := range description.Info.RunningWorkflows {
		if err := a.cancel(ctx, monitor.WorkflowID); err != nil {
			return err
		}
	}
	if err := a.cancel(ctx, workflows.RemediationID(service, "")); err != nil {
		return err
	}
	return a.cancelTargets(ctx, service)
}

// cancelTargets ends the open incidents of the service's targets, if it had any.
func (a applier) cancelTargets(ctx context.Context, service string) error {
	query := fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s = '%s'",
		workflows.RemediationType, workflows.AttributeService.GetName(), service)
	var page []byte
	for {
		found, err := a.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, NextPageToken: page})
		if err != nil {
			return fmt.Errorf("list the open incidents of its targets: %w", err)
		}
		for _, run := range found.GetExecutions() {
			if err := a.cancel(ctx, run.GetExecution().GetWorkflowId()); err != nil {
				return err
			}
		}
		if page = found.GetNextPageToken(); len(page) == 0 {
			return nil
		}
	}
}

// cancel asks a workflow to end, if it is still running.
func (a applier) cancel(ctx context.Context, workflowID string) error {
	if err := a.temporal.CancelWorkflow(ctx, workflowID, ""); err != nil && !notFound(err) {
		return fmt.Errorf("cancel %s: %w", workflowID, err)
	}
	return nil
}
