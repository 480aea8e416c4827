package workflows_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// gate runs a Gatekeeper in skipped time, and stands in for the incidents.
type gate struct {
	*testsuite.TestWorkflowEnvironment
	t      *testing.T
	limits activities.FleetLimits
	// unreachable names the workflows that cannot be told anything.
	unreachable map[string]bool
	// wakeTakes is how long it takes to tell one.
	wakeTakes time.Duration
	// onWake hears that a service was told that its turn has come.
	onWake func(service string)
	// sweep answers for the world: which incidents have ended.
	sweep func(activities.SweepInput) (activities.SweepOutput, error)

	mu    sync.Mutex
	woken []woken
	swept []swept
	asked int
}

// woken is one service that was told that its turn has come, with the time
// since noon.
type woken struct {
	at      time.Duration
	service string
}

// swept is one sweep, with the time since noon.
type swept struct {
	at       time.Duration
	services []string
}

func newGate(t *testing.T, limits activities.FleetLimits) *gate {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	g := &gate{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, limits: limits}
	g.SetStartTime(noon)
	g.SetTestTimeout(time.Minute)
	// A machine that is busy with other tests is no deadlock.
	g.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute})
	g.RegisterWorkflow(workflows.Gatekeeper)
	g.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", workflows.SignalWake, mock.Anything).AfterFn(
		func() time.Duration { return g.wakeTakes }).Return(
		func(_, id, _, _ string, _ any) error {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.unreachable[id] {
				return fmt.Errorf("%s is gone", id)
			}
			service := id[len("remediation/"):]
			g.woken = append(g.woken, woken{g.since(), service})
			if g.onWake != nil {
				g.onWake(service)
			}
			return nil
		})
	var permits *activities.Permits
	g.RegisterActivity(permits)
	g.OnActivity(permits.Sweep, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.SweepInput) (activities.SweepOutput, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			var services []string
			for _, incident := range in.Incidents {
				services = append(services, incident.Service)
			}
			g.swept = append(g.swept, swept{g.since(), services})
			if g.sweep == nil {
				return activities.SweepOutput{}, nil
			}
			return g.sweep(in)
		})
	return g
}

func (g *gate) since() time.Duration { return g.Now().Sub(noon) }

// at runs f when the given time since noon has come.
func (g *gate) at(after time.Duration, f func()) { g.RegisterDelayedCallback(f, after) }

// question is what the first incident of a service asks now: one that has
// nothing against a restart.
func (g *gate) question(service string) activities.AskInput {
	return activities.AskInput{
		Service: service, Incident: service + "@1", Workflow: "remediation/" + service, Run: service + "-1",
		Situation: health.Situation{Now: g.Now(), Steps: []int{0}, Limits: health.Limits{PerIncident: 3}},
		Lease:     health.Duration(5 * time.Minute), StableFor: health.Duration(10 * time.Minute),
	}
}

// nth makes a question one of a later incident.
func nth(in activities.AskInput, n int) activities.AskInput {
	in.Incident = fmt.Sprintf("%s@%d", in.Service, n)
	in.Run = fmt.Sprintf("%s-%d", in.Service, n)
	return in
}

// ask asks a batch and hands over the decisions once they are there.
func (g *gate) ask(then func([]health.Decision), asks ...activities.AskInput) {
	g.mu.Lock()
	g.asked++
	id := fmt.Sprint("ask-", g.asked)
	g.mu.Unlock()
	g.UpdateWorkflow(activities.UpdateAsk, id, &testsuite.TestUpdateCallback{
		OnReject: func(err error) { require.NoError(g.t, err) },
		OnAccept: func() {},
		OnComplete: func(result any, err error) {
			require.NoError(g.t, err)
			var decisions []health.Decision
			for _, answer := range result.([]activities.AskAnswer) {
				decisions = append(decisions, answer.Decision)
			}
			then(decisions)
		},
	}, activities.AskBatch{Asks: asks, Limits: g.limits})
}

// rule asks one question and requires the rule of the answer.
func (g *gate) rule(want health.Rule, in activities.AskInput) {
	g.ask(func(d []health.Decision) {
		require.Equal(g.t, want, d[0].Rule, "%s at %s: %s", in.Run, g.since(), d[0].Reason())
	}, in)
}

// release gives the permit of a service's first incident back.
func (g *gate) release(service string, acted bool) {
	g.SignalWorkflow(workflows.SignalRelease, workflows.Release{Service: service, Run: service + "-1", Acted: acted})
}

// close ends an incident.
func (g *gate) close(service string, n int) {
	g.SignalWorkflow(workflows.SignalClosed, workflows.Closed{
		Service: service, Incident: fmt.Sprintf("%s@%d", service, n), Run: fmt.Sprintf("%s-%d", service, n),
	})
}

// ledger asks for the books.
func (g *gate) ledger() workflows.Ledger {
	value, err := g.QueryWorkflow(workflows.QueryLedger)
	require.NoError(g.t, err)
	var ledger workflows.Ledger
	require.NoError(g.t, value.Get(&ledger))
	return ledger
}

// run runs the Gatekeeper until the given time since noon.
func (g *gate) run(until time.Duration) {
	g.t.Helper()
	reached := false
	g.at(until, func() { reached = true; g.CancelWorkflow() })
	g.ExecuteWorkflow(workflows.Gatekeeper, workflows.Ledger{})
	require.True(g.t, reached, "it ended before %s: %v", until, g.GetWorkflowError())
}
