package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
)

// QueryLedger is the query by which the Gatekeeper shows its books, also when it
// has ended.
const QueryLedger = "ledger"

// books are what a Gatekeeper begins with if there is none: empty, as a rule,
// for it goes home only when nothing is in them. If the last one was ended by
// somebody, its books go on: what it has granted is still under way, and what
// was spent is spent.
func (p *Permits) books(ctx context.Context, id string) (any, error) {
	described, err := p.Client.DescribeWorkflowExecution(ctx, id, "")
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return struct{}{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the gatekeeper: %w", err)
	}
	info := described.GetWorkflowExecutionInfo()
	if !endedBySomebody(info.GetStatus()) {
		return struct{}{}, nil
	}
	var ledger converter.RawValue
	answer, err := p.Client.QueryWorkflow(ctx, id, info.GetExecution().GetRunId(), QueryLedger)
	var unreadable *serviceerror.QueryFailed
	switch {
	case errors.As(err, &unreadable):
		warn(ctx, "the gatekeeper was ended by somebody, and its books cannot be read: they begin anew: "+err.Error())
		return struct{}{}, nil
	case err != nil:
		return nil, fmt.Errorf("reading the books of the gatekeeper that was ended: %w", err)
	}
	if err := answer.Get(&ledger); err != nil {
		return nil, fmt.Errorf("reading the books of the gatekeeper that was ended: %w", err)
	}
	warn(ctx, "the gatekeeper was ended by somebody; the next one goes on with its books")
	return ledger, nil
}

// warn writes to the log of the activity that asks for a whole batch.
func warn(ctx context.Context, text string) {
	if activity.IsActivity(ctx) {
		activity.GetLogger(ctx).Warn(text)
	}
}

// endedBySomebody reports whether a workflow ended in another way than by
// itself.
func endedBySomebody(status enums.WorkflowExecutionStatus) bool {
	switch status {
	case enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, enums.WORKFLOW_EXECUTION_STATUS_CANCELED,
		enums.WORKFLOW_EXECUTION_STATUS_FAILED, enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return true
	}
	return false
}
