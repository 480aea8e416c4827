package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

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
	// Services counts the services of the configuration; one with targets counts
	// as often as it has targets.
	Services int `json:"services"`
}

// Limiter tells the limits of the fleet.
type Limiter interface{ FleetLimits() FleetLimits }

// Permits are the activities that ask the Gatekeeper. One value serves a whole
// process: it puts questions that come up at the same time into one update, and
// has one update in flight for each task queue.
type Permits struct {
	Client client.Client
	Limits Limiter

	mu    sync.Mutex
	lines map[string]*line
}

// AskInput is what an incident asks the Gatekeeper: to be known as down, and to
// act if its situation allows that.
type AskInput struct {
	// Service is a health.TargetID: each target has its own budgets.
	Service  string `json:"service"`
	Incident string `json:"incident"`
	// Workflow and Run name the incident's workflow; Run is its first run's id.
	Workflow  string           `json:"workflow"`
	Run       string           `json:"run"`
	Situation health.Situation `json:"situation"`
	// Lease is the longest that a permit is kept.
	Lease health.Duration `json:"lease"`
	// Others counts what is down besides, for which this incident stands: the
	// targets of a service that have no incident of their own.
	Others int `json:"others,omitempty"`
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
// same permit. A Gatekeeper that is busy or in the middle of a change of runs
// is asked again until ctx ends.
func (p *Permits) Ask(ctx context.Context, in AskInput) (AskAnswer, error) {
	taskQueue := activity.GetInfo(ctx).TaskQueue
	return p.line(taskQueue).ask(ctx, in, func(ctx context.Context, asks []AskInput) ([]AskAnswer, error) {
		return p.insist(ctx, taskQueue, asks)
	})
}

func (p *Permits) line(taskQueue string) *line {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lines == nil {
		p.lines = map[string]*line{}
	}
	if p.lines[taskQueue] == nil {
		p.lines[taskQueue] = &line{}
	}
	return p.lines[taskQueue]
}

const (
	// busyPause is the first pause before a Gatekeeper is asked again that had
	// no room or was changing its run; each further one is twice as long, up
	// to busyPauseMost.
	busyPause     = 20 * time.Millisecond
	busyPauseMost = time.Second
)

// insist sends a batch until it is answered, refused, or ctx ends.
func (p *Permits) insist(ctx context.Context, taskQueue string, asks []AskInput) ([]AskAnswer, error) {
	for pause := busyPause; ; pause = min(2*pause, busyPauseMost) {
		answers, err := p.send(ctx, taskQueue, asks)
		if err == nil || final(err) || ctx.Err() != nil {
			return answers, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}

// first is the priority of the Gatekeeper's tasks: when the worker is
// saturated, many incidents wait for the one. Measured with a thousand
// questions beside a thousand busy workflows: the slowest of a hundred answers
// comes three times sooner.
const first = 1

// send sends a batch once. A question that arrives twice is answered alike.
func (p *Permits) send(ctx context.Context, taskQueue string, asks []AskInput) ([]AskAnswer, error) {
	id := GatekeeperID(taskQueue)
	books, err := p.books(ctx, id)
	if err != nil {
		return nil, err
	}
	start := p.Client.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                taskQueue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:            "grants permits to restart",
		Priority:                 temporal.Priority{PriorityKey: first},
	}, GatekeeperType, books)
	update, err := p.Client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName:   UpdateAsk,
			Args:         []any{AskBatch{Asks: asks, Limits: p.Limits.FleetLimits()}},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("asking the gatekeeper: %w", err)
	}
	var answers []AskAnswer
	if err := update.Get(ctx, &answers); err != nil {
		return nil, fmt.Errorf("the gatekeeper's answer: %w", err)
	}
	if len(answers) != len(asks) {
		return nil, fmt.Errorf("%w: %d to %d questions", errAnswers, len(answers), len(asks))
	}
	return answers, nil
}

var errAnswers = errors.New("the gatekeeper gave another number of answers")

// runEnded is the type of the error of an update whose run ended in between.
const runEnded = "AcceptedUpdateCompletedWorkflow"

// final reports whether asking again at once would be of no use. A Gatekeeper
// that has no room, has just gone home or continues as new is worth it.
func final(err error) bool {
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		return application.Type() != runEnded
	}
	var invalid *serviceerror.InvalidArgument
	var denied *serviceerror.PermissionDenied
	var nowhere *serviceerror.NamespaceNotFound
	var unknown *serviceerror.Unimplemented
	return errors.Is(err, errAnswers) || errors.As(err, &invalid) || errors.As(err, &denied) ||
		errors.As(err, &nowhere) || errors.As(err, &unknown)
}
