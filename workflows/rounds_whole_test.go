package workflows_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// wholeInput opens the incident of a service with targets as a whole.
func wholeInput() workflows.RemediationInput {
	check := fleet()
	check.Fleet, check.Remediation, check.SuccessThreshold = nil, workflows.Plan{}, 1
	text := "60 of 200 targets are down, among them shop-0000:80 (refused)"
	return workflows.RemediationInput{
		Check: check, Whole: workflows.Storm, Down: 60,
		Streak:      health.Streak{Failures: 3, FirstFailureAt: noon.Add(-2 * time.Minute), FirstFailure: text},
		LastFailure: health.Result{Status: health.Unhealthy, At: noon, Message: text},
	}
}

// TestIncidentForTheWhole: nothing is probed or restarted for it; people are
// told with the count and a sample, the Gatekeeper for how many it stands, and
// the Monitor ends it.
func TestIncidentForTheWhole(t *testing.T) {
	w := newWorld(t, "f")
	w.at(3*time.Minute, func() {
		w.SignalWorkflow(workflows.SignalWorse, workflows.Worse{Down: 80, Result: health.Result{
			Status: health.Unhealthy, At: w.Now().UTC(), Message: "80 of 200 targets are down",
		}})
	})
	w.at(5*time.Minute, func() {
		w.SignalWorkflow(workflows.SignalReconfigure, fleet()) // with steps, which are not for the whole
	})
	w.at(7*time.Minute, func() {
		w.SignalWorkflow(workflows.SignalPassed, health.Result{Status: health.Healthy, At: w.Now().UTC(), Message: "4 targets are down now"})
	})
	w.ExecuteWorkflow(workflows.Remediation, wholeInput())
	require.NoError(t, w.GetWorkflowError())
	var incident health.Incident
	require.NoError(t, w.GetWorkflowResult(&incident))
	require.Empty(t, w.probed)
	require.Empty(t, w.treated)
	require.Equal(t, "web@20260301T115825.000Z", incident.ID)
	require.Equal(t, "80 of 200 targets are down", incident.Reason)
	require.Equal(t, health.Recovered, incident.Outcome)
	require.Equal(t, 9*time.Minute, incident.Downtime(incident.ResolvedAt))
	var others []int
	for _, in := range w.asked {
		require.Equal(t, "web", in.Service)
		others = append(others, in.Others)
	}
	require.Equal(t, []int{59, 79}, others[:2])
	require.Equal(t, "60 of 200 targets are down, among them shop-0000:80 (refused)", w.told[0].alert.Reason)
	require.Equal(t, health.AlertRecovered, w.told[len(w.told)-1].alert.Status)
}

// TestIncidentOfATarget: it has its own name for people and for the Gatekeeper,
// and its own probes and steps.
func TestIncidentOfATarget(t *testing.T) {
	w := newWorld(t, "p")
	check := fleet()
	check.Fleet = nil
	w.ExecuteWorkflow(workflows.Remediation, workflows.RemediationInput{
		Check: check, Target: "10.0.0.1:80",
		Streak:      health.Streak{Failures: 3, FirstFailureAt: noon.Add(-2 * time.Minute), FirstFailure: "refused"},
		LastFailure: health.Result{Status: health.Unhealthy, At: noon, Message: "refused"},
	})
	var incident health.Incident
	require.NoError(t, w.GetWorkflowResult(&incident))
	require.Equal(t, "web/10.0.0.1:80@20260301T115825.000Z", incident.ID)
	require.Equal(t, []string{"web", "10.0.0.1:80"}, []string{incident.Service, incident.Target})
	require.Equal(t, "web/10.0.0.1:80", w.asked[0].Service)
	require.Equal(t, "10.0.0.1:80", w.treated[0].in.Target)
	require.Equal(t, "web/10.0.0.1:80", w.closed[0].Service)
	require.Equal(t, "10.0.0.1:80", w.told[0].alert.Target)
	require.Equal(t, health.Healed, incident.Outcome)
}

// TestStateOfManyFailingTargetsIsSmall: it is copied into three histories a
// watch, and comes back as it was.
func TestStateOfManyFailingTargetsIsSmall(t *testing.T) {
	for _, count := range []int{0, 1, 50, 51, 1000} {
		var state workflows.FleetState
		for n := range count {
			at := noon.Add(time.Duration(n) * 137 * time.Millisecond)
			state.Failing = append(state.Failing, workflows.FailingTarget{
				Target: fmt.Sprintf("10.1.%d.%d:8080/%s", n/250, n%250, strings.Repeat("x", 40)),
				Streak: health.Streak{Failures: n % 9, FirstFailureAt: at, FirstFailure: "connection refused while connecting to it"},
				Last:   health.Result{Status: health.Unhealthy, At: at.Add(time.Minute), LatencyMS: float64(n) / 7, Message: "timed out"},
			})
		}
		text, err := json.Marshal(state)
		require.NoError(t, err)
		require.Less(t, len(text), 100_000, "%d targets", count)
		var back workflows.FleetState
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, state, back)
	}
	var state workflows.FleetState
	require.ErrorContains(t, json.Unmarshal([]byte(`{"failing_packed": "AAAA"}`), &state), "unpacking failing targets")
}

// TestStormHoldsRestarts: what an incident stands for counts as down, also in
// books that were packed.
func TestStormHoldsRestarts(t *testing.T) {
	g := newGate(t, activities.FleetLimits{ConcurrentRestarts: 1, MinHealthy: 51, Services: 200})
	whole := func(others int) activities.AskInput {
		in := g.question("web")
		in.Situation.Steps, in.Others = nil, others
		return in
	}
	g.at(0, func() { g.rule(health.RuleAlertOnly, whole(120)) })
	g.at(time.Second, func() { g.rule(health.RuleMinHealthy, g.question("web/a")) })
	g.at(2*time.Second, func() { g.rule(health.RuleAlertOnly, whole(4)) })
	g.at(3*time.Second, func() { g.rule(health.RuleClear, g.question("web/a")) })
	g.run(5 * time.Second)
}
