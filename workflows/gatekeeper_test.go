package workflows_test

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// gate runs a Gatekeeper in skipped time, and stands in for the incidents.
type gate struct {
	*testsuite.TestWorkflowEnvironment
	t      *testing.T
	limits activities.FleetLimits
	// unreachable names incidents that cannot be told anything.
	unreachable map[string]bool

	mu    sync.Mutex
	woken []woken
	asked int
}

// woken is one service that was told that its turn has come, with the time
// since noon.
type woken struct {
	at      time.Duration
	service string
}

func newGate(t *testing.T, limits activities.FleetLimits) *gate {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	g := &gate{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, limits: limits}
	g.SetStartTime(noon)
	g.SetTestTimeout(time.Minute)
	g.RegisterWorkflow(workflows.Gatekeeper)
	g.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", workflows.SignalWake, mock.Anything).Return(
		func(_, id, _, _ string, _ any) error {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.unreachable[id] {
				return fmt.Errorf("%s is gone", id)
			}
			g.woken = append(g.woken, woken{g.since(), id[len("remediation/"):]})
			return nil
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
	g.UpdateWorkflow(workflowsUpdateAsk, id, &testsuite.TestUpdateCallback{
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

const workflowsUpdateAsk = activities.UpdateAsk

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
	g.runWith(workflows.Ledger{}, until)
}

func (g *gate) runWith(ledger workflows.Ledger, until time.Duration) {
	g.at(until, g.CancelWorkflow)
	g.ExecuteWorkflow(workflows.Gatekeeper, ledger)
	require.True(g.t, g.IsWorkflowCompleted())
}

func one() activities.FleetLimits { return activities.FleetLimits{ConcurrentRestarts: 1, Services: 3} }

func TestGatekeeperOneAtATime(t *testing.T) {
	g := newGate(t, one())
	g.at(0, func() { g.rule(health.RuleClear, g.question("a")) })
	g.at(1*time.Second, func() { g.rule(health.RuleConcurrent, g.question("b")) })
	g.at(2*time.Second, func() { g.rule(health.RuleConcurrent, g.question("c")) })
	g.at(3*time.Second, func() { g.rule(health.RuleConcurrent, g.question("b")) })
	g.at(10*time.Second, func() { g.release("a", true) })
	g.at(11*time.Second, func() {
		require.Equal(t, []woken{{10 * time.Second, "b"}}, g.woken)
		g.rule(health.RuleConcurrent, g.question("c"))
	})
	g.at(12*time.Second, func() { g.rule(health.RuleClear, g.question("b")) })
	g.at(13*time.Second, func() { require.Equal(t, []string{"c"}, g.ledger().Queue) })
	g.run(20 * time.Second)
}
