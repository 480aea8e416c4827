package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// instructTimeout is how long a worker is given to confirm; beyond it the
// instruction is left as a signal.
const instructTimeout = 5 * time.Second

// Receipt is what became of an instruction.
type Receipt struct {
	Service string `json:"service"`
	// Target is empty for the incident of a service as a whole.
	Target string `json:"target"`
	// Instruction is what was said: workflows.Acknowledge and its like.
	Instruction string `json:"instruction"`
	// Incident, At and Text are not known while the instruction is pending.
	Incident string `json:"incident"`
	By       string `json:"by"`
	Note     string `json:"note"`
	At       Time   `json:"at"`
	// Text says what follows from it.
	Text string `json:"text"`
	// Pending is set when no worker has confirmed; the instruction is stored
	// and takes effect when one runs again.
	Pending bool `json:"pending"`
}

// NotOpen is an instruction to a service or target that has no open incident.
type NotOpen struct {
	// Service is its health.TargetID.
	Service string
	// Open names the services and targets that have one; those of the same
	// service come first.
	Open []string
}

// Error implements error.
func (e NotOpen) Error() string {
	if len(e.Open) == 0 {
		return fmt.Sprintf("%q has no open incident, nor has any other service", e.Service)
	}
	return fmt.Sprintf("%q has no open incident; open ones: %s", e.Service, e.open())
}

// open lists the open incidents, or the first of many.
func (e NotOpen) open() string {
	if more := len(e.Open) - openLimit; more > 0 {
		return fmt.Sprintf("%s and %s more", strings.Join(e.Open[:openLimit], ", "), Thousands(more))
	}
	return strings.Join(e.Open, ", ")
}

// openLimit is how many open incidents are worth listing in an error.
const openLimit = 20

// sort puts the incidents of the same service first, and all by name.
func (e *NotOpen) sort() {
	service, _ := health.SplitTargetID(e.Service)
	slices.SortFunc(e.Open, func(a, b string) int {
		ofA, _ := health.SplitTargetID(a)
		ofB, _ := health.SplitTargetID(b)
		switch {
		case ofA == service && ofB != service:
			return -1
		case ofB == service && ofA != service:
			return 1
		}
		return strings.Compare(a, b)
	})
}

// Instruct passes what a human says on to the open incident of a service as a
// whole, or of one of its targets, named by its health.TargetID. Without one it returns a NotOpen; what makes no sense is refused with the
// incident's own sentence.
func (o *Operator) Instruct(ctx context.Context, name, instruction string, in workflows.Instruction) (Receipt, error) {
	if err := named(in.By); err != nil {
		return Receipt{}, err
	}
	receipt := receiptOf(name, instruction, in)
	confirmed, err := o.confirm(ctx, name, instruction, in)
	if unanswered(err) && ctx.Err() == nil {
		receipt.Pending = true
		err = o.temporal.SignalWorkflow(ctx, remediationOf(name), "", instruction, in)
	}
	var rejected *temporal.ApplicationError
	switch {
	case err == nil:
		receipt.Incident, receipt.At, receipt.Text = confirmed.Incident, Time{confirmed.At}, confirmed.Text
		return receipt, nil
	case notFound(err):
		return Receipt{}, o.notOpen(ctx, name)
	case errors.As(err, &rejected):
		return Receipt{}, Refused{fmt.Sprintf("%s the incident of %q: %s", instruction, name, rejected.Message())}
	default:
		return Receipt{}, fmt.Errorf("%s the incident of %q: %w", instruction, name, err)
	}
}

func receiptOf(name, instruction string, in workflows.Instruction) Receipt {
	receipt := Receipt{Instruction: instruction, By: in.By, Note: in.Note}
	receipt.Service, receipt.Target = health.SplitTargetID(name)
	return receipt
}

// confirm instructs with an update and waits for the workflow's answer. It
// asks first whether a worker is there to answer: an update that nobody takes
// may still be taken later, besides the signal that replaces it.
func (o *Operator) confirm(ctx context.Context, name, instruction string, in workflows.Instruction) (workflows.Receipt, error) {
	var receipt workflows.Receipt
	id := remediationOf(name)
	if err := o.running(ctx, id); err != nil {
		return receipt, err
	}
	var incident health.Incident
	if err := o.ask(ctx, id, "", workflows.QueryIncident, &incident); err != nil {
		return receipt, err
	}
	ctx, cancel := context.WithTimeout(ctx, instructTimeout)
	defer cancel()
	handle, err := o.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   id,
		UpdateName:   instruction,
		Args:         []any{in},
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

// notOpen names the incidents that are open, to help with a mistyped name.
func (o *Operator) notOpen(ctx context.Context, name string) error {
	runs, err := o.list(ctx, Filter{Open: true}.query(o.taskQueue), pageSize)
	if err != nil {
		return errors.Join(NotOpen{Service: name}, err)
	}
	missing := NotOpen{Service: name}
	for _, run := range runs {
		missing.Open = append(missing.Open, remediationName(run.GetExecution().GetWorkflowId()))
	}
	missing.sort()
	return missing
}
