package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// acknowledgeTimeout is how long a worker is given to confirm; beyond it the
// acknowledgement is left as a signal.
const acknowledgeTimeout = 5 * time.Second

// Receipt is what became of an acknowledgement.
type Receipt struct {
	Service string `json:"service"`
	// Incident and At are not known while the acknowledgement is pending.
	Incident string `json:"incident"`
	By       string `json:"by"`
	Note     string `json:"note"`
	At       Time   `json:"at"`
	// Pending is set when no worker has confirmed; the acknowledgement is
	// stored and takes effect when one runs again.
	Pending bool `json:"pending"`
}

// NotOpen is an acknowledgement of a service that has no open incident.
type NotOpen struct {
	Service string
	// Open names the services and targets that have one.
	Open []string
}

// Error implements error.
func (e NotOpen) Error() string {
	if len(e.Open) == 0 {
		return fmt.Sprintf("%q has no open incident, nor has any other service", e.Service)
	}
	return fmt.Sprintf("%q has no open incident; open ones: %s", e.Service, strings.Join(e.Open, ", "))
}

// Acknowledge says that a human owns the open incident of a service. Without
// one it returns a NotOpen.
func (o *Operator) Acknowledge(ctx context.Context, service string, request workflows.Acknowledge) (Receipt, error) {
	if err := named(request.By); err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{Service: service, By: request.By, Note: request.Note}
	confirmed, err := o.confirm(ctx, service, request)
	if unanswered(err) && ctx.Err() == nil {
		receipt.Pending = true
		err = o.temporal.SignalWorkflow(ctx, workflows.RemediationID(service, ""), "", workflows.SignalAcknowledge, request)
	}
	var rejected *temporal.ApplicationError
	switch {
	case err == nil:
		receipt.Incident, receipt.At = confirmed.Incident, Time{confirmed.At}
		return receipt, nil
	case notFound(err):
		return Receipt{}, o.notOpen(ctx, service)
	case errors.As(err, &rejected):
		return Receipt{}, fmt.Errorf("acknowledge the incident of %q: %s", service, rejected.Message())
	default:
		return Receipt{}, fmt.Errorf("acknowledge the incident of %q: %w", service, err)
	}
}

// confirm acknowledges with an update and waits for the workflow's answer. It
// asks first whether a worker is there to answer: an update that nobody takes
// may still be taken later, besides the signal that replaces it.
func (o *Operator) confirm(ctx context.Context, service string, request workflows.Acknowledge) (workflows.AcknowledgeReceipt, error) {
	var receipt workflows.AcknowledgeReceipt
	id := workflows.RemediationID(service, "")
	if err := o.running(ctx, id); err != nil {
		return receipt, err
	}
	var incident health.Incident
	if err := o.ask(ctx, id, "", workflows.QueryIncident, &incident); err != nil {
		return receipt, err
	}
	ctx, cancel := context.WithTimeout(ctx, acknowledgeTimeout)
	defer cancel()
	handle, err := o.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   id,
		UpdateName:   workflows.UpdateAcknowledge,
		Args:         []any{request},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return receipt, err
	}
	return receipt, handle.Get(ctx, &receipt)
}

// running fails with a not-found error unless a workflow is running; queries
// are answered for closed ones, too.
func (o *Operator) running(ctx context.Context, workflowID string) error {
	description, err := o.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return err
	}
	if !open(description.GetWorkflowExecutionInfo()) {
		return serviceerror.NewNotFoundf("workflow %s has ended", workflowID)
	}
	return nil
}

// notOpen names the incidents that are open, to help with a mistyped service.
func (o *Operator) notOpen(ctx context.Context, service string) error {
	runs, err := o.list(ctx, Filter{Open: true}.query(o.taskQueue), pageSize)
	if err != nil {
		return errors.Join(NotOpen{Service: service}, err)
	}
	missing := NotOpen{Service: service}
	for _, run := range runs {
		missing.Open = append(missing.Open, strings.TrimPrefix(run.GetExecution().GetWorkflowId(), workflows.RemediationID("", "")))
	}
	return missing
}
