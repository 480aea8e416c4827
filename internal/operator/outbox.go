package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"paramedic/activities"
	"paramedic/workflows"
)

// Outboxes returns what each receiver's Outbox has to do and could not, in the
// order of the receivers. One that does not run has nothing to do.
func (o *Operator) Outboxes(ctx context.Context, receivers []string) ([]workflows.OutboxState, error) {
	states := make([]workflows.OutboxState, len(receivers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, receiver := range receivers {
		group.Go(func() error {
			state, err := o.outbox(ctx, receiver)
			state.Receiver = receiver
			states[i] = state
			return err
		})
	}
	return states, group.Wait()
}

func (o *Operator) outbox(ctx context.Context, receiver string) (workflows.OutboxState, error) {
	var state workflows.OutboxState
	id := activities.OutboxID(o.taskQueue, receiver)
	switch err := o.running(ctx, id); {
	case notFound(err):
		return state, nil
	case err != nil:
		return state, fmt.Errorf("look for %s: %w", id, err)
	}
	return state, o.ask(ctx, id, "", workflows.QueryOutbox, &state)
}

// Resend has dead letters of a receiver tried again: the one with the id, or
// all when it is empty. It returns how many.
func (o *Operator) Resend(ctx context.Context, receiver string, in workflows.Resend) (int, error) {
	if err := named(in.By); err != nil {
		return 0, err
	}
	id := activities.OutboxID(o.taskQueue, receiver)
	switch err := o.running(ctx, id); {
	case notFound(err):
		return 0, Refused{fmt.Sprintf("receiver %q has no dead letters", receiver)}
	case err != nil:
		return 0, fmt.Errorf("look for %s: %w", id, err)
	}
	ctx, cancel := context.WithTimeout(ctx, instructTimeout)
	defer cancel()
	update, err := o.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: workflows.UpdateResend, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	count := 0
	if err == nil {
		err = update.Get(ctx, &count)
	}
	var rejected *temporal.ApplicationError
	switch {
	case err == nil:
		return count, nil
	case unanswered(err):
		return 0, NoWorker{TaskQueue: o.taskQueue}
	case errors.As(err, &rejected):
		return 0, Refused{fmt.Sprintf("receiver %q: %s", receiver, rejected.Message())}
	default:
		return 0, fmt.Errorf("resend dead letters of %q: %w", receiver, err)
	}
}

// ParseDeadLetter splits the name of a dead letter, RECEIVER/ID.
func ParseDeadLetter(name string) (receiver, id string, err error) {
	receiver, id, found := strings.Cut(name, "/")
	if !found || receiver == "" || id == "" {
		return "", "", fmt.Errorf("%q names no dead letter; write it as the list shows it, RECEIVER/ID", name)
	}
	return receiver, id, nil
}
