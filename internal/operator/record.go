package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// read returns the record of one run: the answer of an open one, the result of
// a closed one. When neither is to be had, what the run was started with is
// still in its history, and the incident says that it may lag behind. Workers
// are asked within asking.
func (o *Operator) read(ctx, asking context.Context, run *workflowpb.WorkflowExecutionInfo) (Incident, error) {
	incident := Incident{
		WorkflowID: run.GetExecution().GetWorkflowId(),
		RunID:      run.GetExecution().GetRunId(),
		asOf:       o.now(),
	}
	var err error
	if open(run) {
		err = o.ask(asking, incident.WorkflowID, incident.RunID, workflows.QueryIncident, &incident.Incident)
	} else {
		err = o.temporal.GetWorkflow(ctx, incident.WorkflowID, incident.RunID).Get(ctx, &incident.Incident)
	}
	if err == nil {
		return incident, nil
	}
	if ctx.Err() != nil {
		return Incident{}, ctx.Err()
	}
	if incident.Incident, err = o.reconstruct(ctx, run, err); err != nil {
		return Incident{}, err
	}
	incident.Stale = staleness(run)
	return incident, nil
}

// staleness says why the record of a run may lag behind.
func staleness(run *workflowpb.WorkflowExecutionInfo) string {
	if open(run) {
		return "no worker answers; this is the record as of the start of the run"
	}
	return "the workflow was " + strings.ToLower(run.GetStatus().String()) + " before it could write its record"
}

// reconstruct builds a record from what the run was started with. cause is why
// the full one could not be read.
func (o *Operator) reconstruct(ctx context.Context, run *workflowpb.WorkflowExecutionInfo, cause error) (health.Incident, error) {
	var input workflows.RemediationInput
	if err := o.input(ctx, run, &input); err != nil {
		return health.Incident{}, fmt.Errorf("read the incident %s: %w", run.GetExecution().GetWorkflowId(), errors.Join(cause, err))
	}
	incident := begun(input)
	if incident.OpenedAt.IsZero() {
		incident.OpenedAt = run.GetStartTime().AsTime()
	}
	var state string
	if payload, ok := run.GetSearchAttributes().GetIndexedFields()[workflows.AttributeIncidentState.GetName()]; ok {
		if err := converter.GetDefaultDataConverter().FromPayload(payload, &state); err == nil && state != "" {
			incident.State = health.IncidentState(state)
		}
	}
	if !open(run) {
		incident.State, incident.Outcome = health.Resolved, health.Abandoned
		incident.ResolvedAt = run.GetCloseTime().AsTime()
	}
	return incident, nil
}

// begun is the record that a Remediation starts with.
func begun(input workflows.RemediationInput) health.Incident {
	if input.Record != nil {
		return input.Record.Incident
	}
	return health.Incident{
		ID:             health.IncidentID(input.Check.Service, input.Target, input.Streak.FirstFailureAt),
		Service:        input.Check.Service,
		Target:         input.Target,
		Severity:       input.Check.Severity,
		Runbook:        input.Check.Runbook,
		State:          health.Triggered,
		FirstFailureAt: input.Streak.FirstFailureAt,
		Reason:         input.LastFailure.Message,
	}
}

// input reads what a run was started with from the first event of its history.
func (o *Operator) input(ctx context.Context, run *workflowpb.WorkflowExecutionInfo, into any) error {
	execution := run.GetExecution()
	history := o.temporal.GetWorkflowHistory(ctx, execution.GetWorkflowId(), execution.GetRunId(), false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	if !history.HasNext() {
		return errors.New("its history is empty")
	}
	first, err := history.Next()
	if err != nil {
		return fmt.Errorf("read its history: %w", err)
	}
	payloads := first.GetWorkflowExecutionStartedEventAttributes().GetInput()
	if err := converter.GetDefaultDataConverter().FromPayloads(payloads, into); err != nil {
		return fmt.Errorf("read its input: %w", err)
	}
	return nil
}

// notFound reports whether Temporal does not know what was asked for.
func notFound(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}
