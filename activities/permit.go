package activities

import (
	"context"
	"fmt"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"paramedic/internal/health"
)

// UpdateAsk is the update by which the Gatekeeper is asked; it carries an
// AskBatch and answers with an AskAnswer for each question, in order.
const UpdateAsk = "ask"

// GatekeeperType is the workflow type of the Gatekeeper, as registered.
const GatekeeperType = "Gatekeeper"

// GatekeeperID names the one Gatekeeper of a deployment, which is all that
// works on a task queue.
func GatekeeperID(taskQueue string) string { return "gatekeeper/" + taskQueue }

// FleetLimits are what this worker's configuration allows in all of the fleet.
type FleetLimits struct {
	// ConcurrentRestarts is how many restarts may be under way at once.
	ConcurrentRestarts int `json:"concurrent_restarts"`
	// MinHealthy is the share of healthy services, in percent, below which
	// nothing is restarted.
	MinHealthy int `json:"min_healthy"`
	// Services counts the services of the configuration.
	Services int `json:"services"`
}

// Limiter tells the limits of the fleet.
type Limiter interface{ FleetLimits() FleetLimits }

// Permits are the activities that ask the Gatekeeper.
type Permits struct {
	Client client.Client
	Limits Limiter
}

// AskInput is what an incident asks the Gatekeeper: to be known as down, and to
// act if its situation allows that.
type AskInput struct {
	Service  string `json:"service"`
	Incident string `json:"incident"`
	// Workflow and Run name the incident's workflow; Run is its first run's id.
	Workflow  string           `json:"workflow"`
	Run       string           `json:"run"`
	Situation health.Situation `json:"situation"`
	// Lease is the longest that a permit is kept.
	Lease health.Duration `json:"lease"`
	// StableFor is how long the service must be up before its budget of one
	// incident is its own again.
	StableFor health.Duration `json:"stable_for"`
}

// AskBatch are the questions that came up while an earlier batch was under way.
type AskBatch struct {
	Asks []AskInput `json:"asks"`
	// Limits are filled in by the worker from its own configuration.
	Limits FleetLimits `json:"limits"`
}

// AskAnswer is the Gatekeeper's decision; to act is a permit to do so.
type AskAnswer struct {
	Decision health.Decision `json:"decision"`
}

// Ask asks the Gatekeeper and starts it if need be. Asking again gives the
// same permit.
func (p *Permits) Ask(ctx context.Context, in AskInput) (AskAnswer, error) {
	taskQueue := activity.GetInfo(ctx).TaskQueue
	batch := AskBatch{Asks: []AskInput{in}, Limits: p.Limits.FleetLimits()}
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
			UpdateName: UpdateAsk, Args: []any{batch}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return AskAnswer{}, fmt.Errorf("asking the gatekeeper: %w", err)
	}
	var answers []AskAnswer
	if err := update.Get(ctx, &answers); err != nil {
		return AskAnswer{}, fmt.Errorf("the gatekeeper's answer: %w", err)
	}
	if len(answers) != 1 {
		return AskAnswer{}, fmt.Errorf("the gatekeeper gave %d answers to one question", len(answers))
	}
	return answers[0], nil
}
