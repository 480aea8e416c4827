package operator

import (
	"context"
	"errors"
	"fmt"

	"paramedic/activities"
	"paramedic/workflows"
)

// Ledger returns what the Gatekeeper knows: permits that are out, the queue and
// what every service has spent. One that does not run knows nothing.
func (o *Operator) Ledger(ctx context.Context) (workflows.Ledger, error) {
	var ledger workflows.Ledger
	id := activities.GatekeeperID(o.taskQueue)
	switch err := o.running(ctx, id); {
	case notFound(err):
		return ledger, nil
	case err != nil:
		return ledger, fmt.Errorf("look for %s: %w", id, err)
	}
	return ledger, o.ask(ctx, id, "", workflows.QueryLedger, &ledger)
}

// Rearm gives the budgets of a service back, or of a target of it by its
// health.TargetID, whether it has an open incident or not.
func (o *Operator) Rearm(ctx context.Context, name string, in workflows.Instruction) (Receipt, error) {
	receipt, err := o.Instruct(ctx, name, workflows.Rearm, in)
	var none NotOpen
	if !errors.As(err, &none) {
		return receipt, err
	}
	receipt = receiptOf(name, workflows.Rearm, in)
	id := activities.GatekeeperID(o.taskQueue)
	err = o.temporal.SignalWorkflow(ctx, id, "", workflows.SignalRearm, workflows.Rearmed{Service: name, By: in.By})
	switch {
	case notFound(err):
		receipt.Text = "nothing is used up"
	case err != nil:
		return Receipt{}, fmt.Errorf("re-arm %q: %w", name, err)
	default:
		receipt.Text = "its budgets are given back"
	}
	return receipt, nil
}
