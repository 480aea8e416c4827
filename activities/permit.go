package activities

import (
	"context"
	"fmt"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"paramedic/internal/health"
)

// UpdateAcquire is the update by which the Gatekeeper is asked for a permit; it
// carries an AcquireInput and answers with an AcquireAnswer.
const UpdateAcquire = "acquire"

// GatekeeperType is the workflow type of the Gatekeeper, as registered.
const GatekeeperType = "Gatekeeper"

// GatekeeperID names the one Gatekeeper of a deployment, which is all that
// works on a task queue.
func GatekeeperID(taskQueue string) string { return "gatekeeper/" + taskQueue }

// FleetLimits tells how many restarts this worker's configuration allows at
// the same time.
type FleetLimits interface{ ConcurrentRestarts() int }

// Permits are the activities that ask the Gatekeeper.
type Permits struct {
	Client client.Client
	Limits FleetLimits
}

// AcquireInput asks for a permit to restart.
type AcquireInput struct {
	Holder  string `json:"holder"`
	Service string `json:"service"`
	// Lease is the longest that the permit is kept.
	Lease health.Duration `json:"lease"`
	// Limit is filled in by the worker from its own configuration.
	Limit int `json:"limit"`
}

// AcquireAnswer grants a permit, or says why not.
type AcquireAnswer struct {
	Granted bool   `json:"granted"`
	Reason  string `json:"reason,omitempty"`
}

// Acquire asks the Gatekeeper for a permit and starts it if need be. Asking
// again with the same holder gives the same permit.
func (p *Permits) Acquire(ctx context.Context, in AcquireInput) (AcquireAnswer, error) {
	taskQueue := activity.GetInfo(ctx).TaskQueue
	in.Limit = p.Limits.ConcurrentRestarts()
	start := p.Client.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID:                       GatekeeperID(taskQueue),
		TaskQueue:                taskQueue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:            "grants permits to restart",
	}, GatekeeperType, struct{}{})
	update, err := p.Client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName: UpdateAcquire, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return AcquireAnswer{}, fmt.Errorf("asking the gatekeeper: %w", err)
	}
	var answer AcquireAnswer
	if err := update.Get(ctx, &answer); err != nil {
		return AcquireAnswer{}, fmt.Errorf("the gatekeeper's answer: %w", err)
	}
	return answer, nil
}
