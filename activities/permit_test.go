package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"paramedic/internal/health"
)

// keeper is a Temporal client that answers for the Gatekeeper: each question
// by the number of the step that it asks for. It fails the test when two
// updates are under way.
type keeper struct {
	client.Client
	t *testing.T
	// update, if set, is what becomes of update n, counted from 1.
	update func(ctx context.Context, n int, batch AskBatch) error

	// ended is how the last Gatekeeper ended, if there was one; unreadable is
	// set if its books cannot be read any more.
	ended      enums.WorkflowExecutionStatus
	unreadable error

	under   atomic.Int32
	mu      sync.Mutex
	batches []AskBatch
	asked   []client.StartWorkflowOptions
	books   []any
}

func (k *keeper) NewWithStartWorkflowOperation(
	options client.StartWorkflowOptions, _ any, args ...any,
) client.WithStartWorkflowOperation {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked, k.books = append(k.asked, options), args
	return nil
}

func (k *keeper) DescribeWorkflowExecution(
	context.Context, string, string,
) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if k.ended == enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflow.WorkflowExecutionInfo{
		Execution: &common.WorkflowExecution{RunId: "run-1"}, Status: k.ended,
	}}, nil
}

func (k *keeper) QueryWorkflow(_ context.Context, id, run, query string, _ ...any) (converter.EncodedValue, error) {
	require.Equal(k.t, []string{"gatekeeper/paramedic", "run-1", "ledger"}, []string{id, run, query})
	if k.unreadable != nil {
		return nil, k.unreadable
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(map[string]int{"spent": 3})
	return client.NewValue(payloads), err
}

func (k *keeper) UpdateWithStartWorkflow(
	ctx context.Context, options client.UpdateWithStartWorkflowOptions,
) (client.WorkflowUpdateHandle, error) {
	require.EqualValues(k.t, 1, k.under.Add(1), "updates in flight")
	defer k.under.Add(-1)
	batch := options.UpdateOptions.Args[0].(AskBatch)
	k.mu.Lock()
	k.batches = append(k.batches, batch)
	n := len(k.batches)
	k.mu.Unlock()
	if k.update != nil {
		if err := k.update(ctx, n, batch); err != nil {
			return nil, err
		}
	}
	var answers answered
	for _, in := range batch.Asks {
		answers = append(answers, AskAnswer{Decision: health.Decision{Act: true, Step: in.Situation.Attempts}})
	}
	return answers, nil
}

func (k *keeper) sizes() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	var sizes []int
	for _, batch := range k.batches {
		sizes = append(sizes, len(batch.Asks))
	}
	return sizes
}

// answered is a finished update.
type answered []AskAnswer

func (a answered) WorkflowID() string { return "" }
func (a answered) RunID() string      { return "" }
func (a answered) UpdateID() string   { return "" }
func (a answered) Get(_ context.Context, value any) error {
	*value.(*[]AskAnswer) = a
	return nil
}

type fewLimits struct{}

func (fewLimits) FleetLimits() FleetLimits {
	return FleetLimits{ConcurrentRestarts: 2, MinHealthy: 51, Services: 7}
}

// ask asks question n without Temporal's wrapping.
func (k *keeper) ask(ctx context.Context, p *Permits, n int) error {
	in := AskInput{Service: fmt.Sprint("s", n), Situation: health.Situation{Attempts: n}}
	answer, err := p.line("paramedic").ask(ctx, in, func(ctx context.Context, asks []AskInput) ([]AskAnswer, error) {
		return p.insist(ctx, "paramedic", asks)
	})
	if err == nil {
		require.Equal(k.t, n, answer.Decision.Step, "the answer to one's own question")
	}
	return err
}

// waiting waits until so many questions wait.
func waiting(t *testing.T, p *Permits, count int) {
	t.Helper()
	require.Eventually(t, func() bool {
		line := p.line("paramedic")
		line.mu.Lock()
		defer line.mu.Unlock()
		return len(line.waiting) == count
	}, 10*time.Second, time.Millisecond)
}

// TestBooksGoOn: a Gatekeeper that somebody has ended leaves its books to the
// next; one that went home has none, and those that cannot be read stop nobody.
func TestBooksGoOn(t *testing.T) {
	for status, goOn := range map[enums.WorkflowExecutionStatus]bool{
		enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED: false, enums.WORKFLOW_EXECUTION_STATUS_RUNNING: false,
		enums.WORKFLOW_EXECUTION_STATUS_COMPLETED: false, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED: true,
		enums.WORKFLOW_EXECUTION_STATUS_CANCELED: true, enums.WORKFLOW_EXECUTION_STATUS_FAILED: true,
	} {
		k := &keeper{t: t, ended: status}
		require.NoError(t, k.ask(t.Context(), &Permits{Client: k, Limits: fewLimits{}}, 1))
		text, err := converter.GetDefaultDataConverter().ToPayloads(k.books...)
		require.NoError(t, err)
		want := "{}"
		if goOn {
			want = `{"spent":3}`
		}
		require.Equal(t, want, string(text.Payloads[0].Data), status.String())
	}
	k := &keeper{t: t, ended: enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, unreadable: serviceerror.NewQueryFailed("nondeterminism")}
	require.NoError(t, k.ask(t.Context(), &Permits{Client: k, Limits: fewLimits{}}, 1))
	require.Equal(t, []any{struct{}{}}, k.books)

	k.unreadable = serviceerror.NewUnavailable("nobody answers")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, k.ask(ctx, &Permits{Client: k, Limits: fewLimits{}}, 1), k.unreadable, "who cannot know does not act")
}

// TestAskAlone: the activity asks the Gatekeeper of its own task queue, with
// the limits of its own configuration.
func TestAskAlone(t *testing.T) {
	k := &keeper{t: t}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	permits := &Permits{Client: k, Limits: fewLimits{}}
	env.RegisterActivity(permits)
	value, err := env.ExecuteActivity(permits.Ask, AskInput{Service: "web", Situation: health.Situation{Attempts: 5}})
	require.NoError(t, err)
	var answer AskAnswer
	require.NoError(t, value.Get(&answer))
	require.Equal(t, 5, answer.Decision.Step)
	require.Equal(t, FleetLimits{ConcurrentRestarts: 2, MinHealthy: 51, Services: 7}, k.batches[0].Limits)
	require.Equal(t, GatekeeperID(k.asked[0].TaskQueue), k.asked[0].ID)
	require.Equal(t, 1, k.asked[0].Priority.PriorityKey, "before all others")
}

// TestAskTogether: those who come while an update is under way go along in the
// next, and each gets its own answer.
func TestAskTogether(t *testing.T) {
	first := make(chan struct{})
	k := &keeper{t: t, update: func(_ context.Context, n int, _ AskBatch) error {
		if n == 1 {
			<-first
		}
		return nil
	}}
	p := &Permits{Client: k, Limits: fewLimits{}}
	var all sync.WaitGroup
	all.Go(func() { require.NoError(t, k.ask(t.Context(), p, 0)) })
	require.Eventually(t, func() bool { return k.under.Load() == 1 }, 10*time.Second, time.Millisecond)
	for n := range 450 {
		all.Go(func() { require.NoError(t, k.ask(t.Context(), p, n+1)) })
	}
	waiting(t, p, 450)
	close(first)
	all.Wait()
	require.Equal(t, []int{1, 200, 200, 50}, k.sizes())
	require.Nil(t, p.line("paramedic").leader)
}

// TestAskStorm: whatever the order, every question is answered once and by its
// own answer, with one update in flight.
func TestAskStorm(t *testing.T) {
	k := &keeper{t: t}
	p := &Permits{Client: k, Limits: fewLimits{}}
	var all sync.WaitGroup
	for asker := range 50 {
		all.Go(func() {
			for n := range 40 {
				ctx, cancel := context.WithCancel(t.Context())
				if (asker+n)%7 == 0 {
					cancel() // some have no time left
				}
				if err := k.ask(ctx, p, asker*40+n); err != nil {
					require.ErrorIs(t, err, context.Canceled)
				}
				cancel()
			}
		})
	}
	all.Wait()
	line := p.line("paramedic")
	require.Empty(t, line.waiting)
	require.Nil(t, line.leader)
}

// TestAskOwnTime: each waits as long as its own context allows. One who ends
// while it sends for others hands them over.
func TestAskOwnTime(t *testing.T) {
	var answers atomic.Bool
	k := &keeper{t: t, update: func(ctx context.Context, _ int, _ AskBatch) error {
		if answers.Load() {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}}
	p := &Permits{Client: k, Limits: fewLimits{}}
	firstCtx, endFirst := context.WithCancel(t.Context())
	secondCtx, endSecond := context.WithCancel(t.Context())
	thirdCtx, endThird := context.WithCancel(t.Context())
	defer endThird()
	ends := []chan error{make(chan error, 1), make(chan error, 1), make(chan error, 1), make(chan error, 1)}
	var all sync.WaitGroup
	begin := func(n int, ctx context.Context) { all.Go(func() { ends[n] <- k.ask(ctx, p, n) }) }

	begin(0, firstCtx)
	require.Eventually(t, func() bool { return k.under.Load() == 1 }, 10*time.Second, time.Millisecond)
	begin(1, secondCtx)
	waiting(t, p, 1)
	begin(2, thirdCtx)
	waiting(t, p, 2)
	begin(3, t.Context())
	waiting(t, p, 3)

	endThird() // while it waits: the others do not notice
	require.ErrorIs(t, <-ends[2], context.Canceled)
	waiting(t, p, 2)
	endFirst() // while it sends alone: 1 sends for itself and 3
	require.ErrorIs(t, <-ends[0], context.Canceled)
	require.Eventually(t, func() bool { return len(k.sizes()) == 2 && k.under.Load() == 1 }, 10*time.Second, time.Millisecond)
	answers.Store(true)
	endSecond() // while it sends for 3, too: 3 sends for itself
	require.ErrorIs(t, <-ends[1], context.Canceled)
	require.NoError(t, <-ends[3])
	all.Wait()
	require.Equal(t, []int{1, 2, 1}, k.sizes())
}

// TestAskAgain: a Gatekeeper that has no room, has gone home or continues as
// new is asked again; one that refuses is not.
func TestAskAgain(t *testing.T) {
	busy := []error{
		serviceerror.NewResourceExhausted(enums.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT, "10 in flight"),
		serviceerror.NewNotFound("workflow execution already completed"),
		serviceerror.NewUnavailable("shard is moving"),
		temporal.NewNonRetryableApplicationError("ended", "AcceptedUpdateCompletedWorkflow", nil),
	}
	k := &keeper{t: t, update: func(_ context.Context, n int, _ AskBatch) error {
		if n <= len(busy) {
			return fmt.Errorf("failed workflow update: %w", busy[n-1])
		}
		return nil
	}}
	p := &Permits{Client: k, Limits: fewLimits{}}
	require.NoError(t, k.ask(t.Context(), p, 1))
	require.Equal(t, []int{1, 1, 1, 1, 1}, k.sizes())

	for _, refusal := range []error{
		temporal.NewApplicationError("question 1 must have a service", ""),
		serviceerror.NewPermissionDenied("no", ""),
		serviceerror.NewInvalidArgument("no"),
	} {
		k := &keeper{t: t, update: func(context.Context, int, AskBatch) error { return refusal }}
		err := k.ask(t.Context(), &Permits{Client: k, Limits: fewLimits{}}, 1)
		require.ErrorContains(t, err, "asking the gatekeeper")
		require.ErrorIs(t, err, refusal)
		require.Len(t, k.sizes(), 1)
	}
}

// TestAskBusyForTooLong: the error says what was in the way, not only that
// time is over.
func TestAskBusyForTooLong(t *testing.T) {
	busy := serviceerror.NewResourceExhausted(enums.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT, "10 in flight")
	k := &keeper{t: t, update: func(context.Context, int, AskBatch) error { return busy }}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, k.ask(ctx, &Permits{Client: k, Limits: fewLimits{}}, 1), busy)
	require.Greater(t, len(k.sizes()), 1)
}

// morgue is a Temporal client that describes workflows.
type morgue struct {
	client.Client
	runs map[string]*workflow.WorkflowExecutionInfo
}

func (m morgue) DescribeWorkflowExecution(
	_ context.Context, id, _ string,
) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	switch info := m.runs[id]; {
	case id == "broken":
		return nil, errors.New("no connection")
	case info == nil:
		return nil, serviceerror.NewNotFound("no such workflow")
	default:
		return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: info}, nil
	}
}

// TestSweep: terminated, forgotten and followed by another incident means gone;
// what cannot be found out is left alone.
func TestSweep(t *testing.T) {
	info := func(status enums.WorkflowExecutionStatus, first string) *workflow.WorkflowExecutionInfo {
		return &workflow.WorkflowExecutionInfo{Status: status, FirstRunId: first}
	}
	running := enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	m := morgue{runs: map[string]*workflow.WorkflowExecutionInfo{
		"open":       info(running, "run"),
		"terminated": info(enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, "run"),
		"followed":   info(running, "other"),
		"old server": info(running, ""),
	}}
	var in SweepInput
	for _, id := range []string{"open", "terminated", "followed", "old server", "broken", "forgotten"} {
		in.Incidents = append(in.Incidents, SweepIncident{Service: id, Workflow: id, Run: "run"})
	}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	permits := &Permits{Client: m}
	env.RegisterActivity(permits)
	value, err := env.ExecuteActivity(permits.Sweep, in)
	require.NoError(t, err)
	var out SweepOutput
	require.NoError(t, value.Get(&out))
	require.Equal(t, []SweepIncident{in.Incidents[1], in.Incidents[2], in.Incidents[5]}, out.Gone)
}
