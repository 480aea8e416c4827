package workflows_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// watch runs one watch and returns the state that it hands over.
func (w *world) watch(check workflows.Check) workflows.MonitorState {
	w.t.Helper()
	w.ExecuteWorkflow(workflows.Monitor, check)
	require.True(w.t, w.IsWorkflowCompleted())
	require.NoError(w.t, w.GetWorkflowError())
	var state workflows.MonitorState
	require.NoError(w.t, w.GetWorkflowResult(&state))
	return state
}

// scheduledAt has the schedule start the run nominally at the given time.
func (w *world) scheduledAt(nominal time.Time) {
	key := temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")
	require.NoError(w.t, w.SetTypedSearchAttributesOnStart(temporal.NewSearchAttributes(key.ValueSet(nominal))))
}

// state asks the running Monitor for its state.
func (w *world) state() workflows.MonitorState {
	w.t.Helper()
	answer, err := w.QueryWorkflow(workflows.QueryState)
	require.NoError(w.t, err)
	var state workflows.MonitorState
	require.NoError(w.t, answer.Get(&state))
	return state
}

// offDuty is when the Monitor of web goes off duty in its watch of ten
// minutes: half a second before the next watch begins.
const offDuty = 10*time.Minute - 500*time.Millisecond

func TestHealthyWatchProbesOnTheGrid(t *testing.T) {
	w := newWorld(t, "p")
	state := w.watch(web())
	require.Equal(t, grid(0, time.Minute, 10), w.probed)
	require.Equal(t, workflows.MonitorState{
		State: health.StateHealthy, Since: noon,
		LastTick: noon.Add(9 * time.Minute), LastProbeAt: noon.Add(9 * time.Minute),
		LatencyMS: 1.5, Message: "status 200", Results: health.Results{Bits: 1<<10 - 1, Count: 10},
	}, state)
	require.Equal(t, offDuty, w.since())
}

// TestFirstWatchBeginsOffTheGrid: a schedule is triggered when it is created,
// at any time; the service is probed at once and then on the grid.
func TestFirstWatchBeginsOffTheGrid(t *testing.T) {
	w := newWorld(t, "p")
	w.SetStartTime(noon.Add(90 * time.Second))
	w.watch(web())
	require.Equal(t, append([]time.Duration{90 * time.Second}, grid(2*time.Minute, time.Minute, 8)...), w.probed)
	require.Equal(t, offDuty, w.since(), "it ends with the watch that it began in")
}

// TestHandover: three watches after each other lose no tick and double none,
// whether a run starts a little early, on time or late.
func TestHandover(t *testing.T) {
	for name, shift := range map[string]time.Duration{
		"early": -3 * time.Millisecond, "on time": 0, "late": 40 * time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			var state workflows.MonitorState
			var probed []time.Duration
			for n := range 3 {
				nominal := noon.Add(time.Duration(n) * 10 * time.Minute)
				w := newWorld(t, "p")
				w.SetStartTime(nominal.Add(shift))
				w.scheduledAt(nominal)
				if n > 0 {
					w.SetLastCompletionResult(state)
				}
				state = w.watch(web())
				for _, at := range w.probed {
					probed = append(probed, at.Round(time.Second))
				}
			}
			if shift < 0 {
				// The very first one starts before its first tick: the tick
				// before that is due, as for any service that is new.
				require.Equal(t, time.Duration(0), probed[0])
				probed = probed[1:]
			}
			require.Equal(t, grid(0, time.Minute, 30), probed)
		})
	}
}

// TestHandoverKeepsTheStreak: the third failure counts as such also when the
// watch has changed in between.
func TestHandoverKeepsTheStreak(t *testing.T) {
	first := newWorld(t, "ppppppppff")
	state := first.watch(web())
	require.Equal(t, 2, state.Streak.Failures)
	require.Equal(t, noon.Add(8*time.Minute), state.Streak.FirstFailureAt)

	second := newWorld(t, "fp")
	second.SetStartTime(noon.Add(10 * time.Minute))
	second.SetLastCompletionResult(state)
	caught := second.catchIncidents(time.Hour)
	second.watch(web())
	require.Len(t, caught.opened, 1)
	require.Equal(t, noon.Add(8*time.Minute), (caught.opened)[0].Streak.FirstFailureAt)
}

// incidents are what stands in for Remediation has got.
type incidents struct {
	opened []workflows.RemediationInput
	passed []health.Result
}

// catchIncidents stands in for Remediation: an incident that stays open until
// the Monitor tells it of a passing probe, at most for the given time.
func (w *world) catchIncidents(limit time.Duration) *incidents {
	var caught incidents
	w.incident = func(ctx workflow.Context, in workflows.RemediationInput) (health.Incident, error) {
		require.Equal(w.t, "remediation/web", workflow.GetInfo(ctx).WorkflowExecution.ID)
		caught.opened = append(caught.opened, in)
		var result health.Result
		if ok, _ := workflow.GetSignalChannel(ctx, workflows.SignalPassed).ReceiveWithTimeout(ctx, limit, &result); ok {
			caught.passed = append(caught.passed, result)
		}
		return health.Incident{}, nil
	}
	return &caught
}

func TestThirdFailureOpensAnIncident(t *testing.T) {
	w := newWorld(t, "pfffffp")
	caught := w.catchIncidents(time.Hour)
	w.lastIncident = func() (activities.LastIncident, error) { return activities.LastIncident{Open: true}, nil }
	w.watch(web())

	require.Equal(t, []workflows.RemediationInput{{
		Check: web(),
		Streak: health.Streak{
			Failures: 3, FirstFailureAt: noon.Add(time.Minute), FirstFailure: "status 503 != 200",
		},
		LastFailure: health.Result{
			Status: health.Unhealthy, At: noon.Add(3 * time.Minute), LatencyMS: 2, Message: "status 503 != 200",
		},
	}}, caught.opened)
	require.Len(t, caught.passed, 1, "the incident hears of the first passing probe, once")
	require.Equal(t, noon.Add(6*time.Minute), caught.passed[0].At)
}

func TestFailuresBelowTheThresholdOpenNothing(t *testing.T) {
	w := newWorld(t, "ffpffpffdf")
	caught := w.catchIncidents(time.Hour)
	state := w.watch(web())
	require.Empty(t, caught.opened)
	require.Equal(t, health.StateFailing, state.State)
	require.Equal(t, 1, state.Streak.Failures)
}

func TestDegradedIsNoFailure(t *testing.T) {
	w := newWorld(t, "d")
	caught := w.catchIncidents(time.Hour)
	state := w.watch(web())
	require.Empty(t, caught.opened)
	require.Equal(t, health.StateDegraded, state.State)
	require.Equal(t, "response time 900ms > 500ms", state.Message)
	require.Zero(t, state.Streak)
}

// TestIncidentThatIsOpenAlready: the id is the guard, and the Monitor goes on.
func TestIncidentThatIsOpenAlready(t *testing.T) {
	w := newWorld(t, "fffpfffppp")
	started := 0
	w.incident = func(ctx workflow.Context, _ workflows.RemediationInput) (health.Incident, error) {
		started++
		return health.Incident{}, workflow.Sleep(ctx, 8*time.Minute)
	}
	state := w.watch(web())
	require.Equal(t, 1, started)
	require.Len(t, w.probed, 10)
	require.Equal(t, health.StateHealthy, state.State)
}

// TestIncidentIsAskedForAgain: at each multiple of the threshold the Monitor
// makes sure that the incident it opened still is.
func TestIncidentIsAskedForAgain(t *testing.T) {
	tests := map[string]struct {
		last     activities.LastIncident
		opened   int
		failures int
	}{
		"it is open":                     {activities.LastIncident{Open: true}, 1, 10},
		"it was never opened":            {activities.LastIncident{}, 3, 10},
		"an old one is the last":         {activities.LastIncident{ClosedAt: noon.Add(-time.Hour)}, 3, 10},
		"it has dealt with these before": {activities.LastIncident{ClosedAt: noon.Add(5*time.Minute - time.Second)}, 2, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "f")
			caught := w.catchIncidents(time.Minute)
			w.lastIncident = func() (activities.LastIncident, error) { return test.last, nil }
			state := w.watch(web())
			require.Len(t, caught.opened, test.opened)
			require.Equal(t, test.failures, state.Streak.Failures)
		})
	}
}

func TestRetryIntervalWhileFailing(t *testing.T) {
	check := web()
	check.RetryInterval = health.Duration(20 * time.Second)
	w := newWorld(t, "pffp")
	w.watch(check)
	second := time.Second
	want := append([]time.Duration{0, 60 * second, 80 * second, 100 * second}, grid(2*time.Minute, time.Minute, 8)...)
	require.Equal(t, want, w.probed)
}

// TestSlowProbesSkipGridPoints: they never pile up.
func TestSlowProbesSkipGridPoints(t *testing.T) {
	check := web()
	check.Timeout = health.Duration(170 * time.Second)
	w := newWorld(t, "p")
	begun := w.slowProbe(150*time.Second, 'p')
	state := w.watch(check)
	require.Equal(t, health.StateHealthy, state.State)
	// 2:30 is past the tick of 2:00, which is made at once; the one of 1:00 is not.
	require.Equal(t, grid(0, 150*time.Second, 4), *begun)
}

// TestProberErrorIsNoFailure: that the prober broke says nothing about the
// service, and does not make the Monitor run in circles.
func TestProberErrorIsNoFailure(t *testing.T) {
	w := newWorld(t, "pffe")
	caught := w.catchIncidents(time.Hour)
	check := web()
	check.RetryInterval = health.Duration(30 * time.Second)
	state := w.watch(check)
	require.Empty(t, caught.opened)
	require.Equal(t, health.StateFailing, state.State, "as it was")
	require.Equal(t, "the probe could not run: out of sockets", state.Message)
	require.Equal(t, noon.Add(90*time.Second), state.LastProbeAt)
	require.Zero(t, state.Streak, "the failures before have become stale")
	require.Less(t, len(w.probed), 21)
}

// TestStaleStreakIsForgotten: after a night without a worker nothing is known,
// and an outage is not counted from a failure before that.
func TestStaleStreakIsForgotten(t *testing.T) {
	state := workflows.MonitorState{
		State: health.StateFailing, Since: noon, LastTick: noon, LastProbeAt: noon,
		Streak: health.Streak{Failures: 2, FirstFailureAt: noon.Add(-time.Minute), FirstFailure: "refused"},
	}
	for name, test := range map[string]struct {
		away     time.Duration
		failures int
	}{
		"three intervals and a timeout": {3*time.Minute + 10*time.Second, 3},
		"a moment longer":               {3*time.Minute + 11*time.Second, 1},
		"a night":                       {10 * time.Hour, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "fp")
			w.SetStartTime(noon.Add(test.away))
			w.SetLastCompletionResult(state)
			w.catchIncidents(time.Hour)
			w.at(time.Second, func() { require.Equal(t, test.failures, w.state().Streak.Failures) })
			w.watch(web())
		})
	}
}

// TestIncidentHearsOfTheRecoveryAfterAGap: the streak that opened the incident
// is stale by then, but the downtime still ends with the first passing probe.
func TestIncidentHearsOfTheRecoveryAfterAGap(t *testing.T) {
	w := newWorld(t, "fffeeeep")
	caught := w.catchIncidents(time.Hour)
	w.at(6*time.Minute+time.Second, func() { require.Zero(t, w.state().Streak, "stale") })
	w.watch(web())
	require.Len(t, caught.opened, 1)
	require.Len(t, caught.passed, 1)
	require.Equal(t, noon.Add(7*time.Minute), caught.passed[0].At)
}

// TestWatchEndsByItsNominalStart: a run that starts some milliseconds before
// its boundary stays for its own watch.
func TestWatchEndsByItsNominalStart(t *testing.T) {
	w := newWorld(t, "p")
	w.SetStartTime(noon.Add(-5 * time.Millisecond))
	w.scheduledAt(noon)
	w.watch(web())
	require.Equal(t, offDuty, w.since())
}

// TestLateRunStaysUntilTheNextBoundary: the worker was away for hours.
func TestLateRunStaysUntilTheNextBoundary(t *testing.T) {
	w := newWorld(t, "p")
	w.SetStartTime(noon.Add(3*time.Hour + 2*time.Minute))
	w.scheduledAt(noon)
	w.watch(web())
	require.Equal(t, 3*time.Hour+offDuty, w.since())
	require.Equal(t, grid(3*time.Hour+2*time.Minute, time.Minute, 8), w.probed)
}

// TestCancelledWatchHandsNothingOver: only a successful run does.
func TestCancelledWatchHandsNothingOver(t *testing.T) {
	w := newWorld(t, "p")
	w.at(90*time.Second, w.CancelWorkflow)
	w.ExecuteWorkflow(workflows.Monitor, web())
	require.True(t, w.IsWorkflowCompleted())
	require.True(t, temporal.IsCanceledError(w.GetWorkflowError()), "%v", w.GetWorkflowError())
	require.Len(t, w.probed, 2)
}

func TestBadCheckFailsForGood(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*workflows.Check)
		want   string
	}{
		"no interval": {func(c *workflows.Check) { c.Interval = 0 }, "cadence of web: neither interval nor cron is set"},
		"no watch":    {func(c *workflows.Check) { c.Watch = 0 }, "cadence of web: watch of 0s is below 1s"},
		"bad cron":    {func(c *workflows.Check) { c.Cron = "at noon" }, "needs five fields"},
		"bad hours":   {func(c *workflows.Check) { c.ActiveHours = "* * * * * *" }, "needs five fields"},
		"bad zone":    {func(c *workflows.Check) { c.Cron, c.Timezone = "* * * * *", "Mars" }, "not a known time zone"},
	} {
		t.Run(name, func(t *testing.T) {
			check := web()
			test.change(&check)
			w := newWorld(t, "p")
			w.ExecuteWorkflow(workflows.Monitor, check)
			var failure *temporal.ApplicationError
			require.ErrorAs(t, w.GetWorkflowError(), &failure)
			require.ErrorContains(t, failure, test.want)
			require.True(t, failure.NonRetryable())
		})
	}
}

// TestStateIsSmall: it is copied into three histories a watch.
func TestStateIsSmall(t *testing.T) {
	long := strings.Repeat("<p>the quick brown fox jumps över the \"lazy\" dog</p>\r\n", 4000)
	measure := func(state workflows.MonitorState) {
		t.Helper()
		text, err := json.Marshal(state)
		require.NoError(t, err)
		require.Less(t, len(text), 1000, "%s", text)
	}
	w := newWorld(t, "p")
	var probes *activities.Probes
	w.OnActivity(probes.Probe, mock.Anything, mock.Anything).Return(
		func(context.Context, activities.ProbeInput) (health.Result, error) {
			return health.Result{Status: health.Unhealthy, At: w.Now().UTC().Add(123456789), LatencyMS: 1e9 / 3, Message: long}, nil
		})
	w.catchIncidents(time.Hour)
	w.at(9*time.Minute+30*time.Second, func() {
		measure(w.state())
		w.SignalWorkflow(workflows.SignalPause, workflows.Pause{By: long, Note: long})
		span := workflows.Span{For: health.Duration(time.Hour), By: long, Reason: long}
		w.SignalWorkflow(workflows.SignalMaintain, span)
		w.SignalWorkflow(workflows.SignalSilence, span)
		w.SignalWorkflow(workflows.SignalMode, workflows.SetMode{Mode: health.ModeObserve, By: long})
	})
	measure(w.watch(web()))
}
