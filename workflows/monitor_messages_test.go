package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/workflows"
)

func TestPauseAndResume(t *testing.T) {
	w := newWorld(t, "pff")
	caught := w.catchIncidents(time.Hour)
	w.at(150*time.Second, func() {
		w.SignalWorkflow(workflows.SignalPause, workflows.Pause{By: "ann", Note: "moving disks"})
	})
	w.at(200*time.Second, func() {
		require.Equal(t, workflows.MonitorState{
			State: health.StatePaused, Since: noon.Add(150 * time.Second),
			LastTick: noon.Add(2 * time.Minute), LastProbeAt: noon.Add(2 * time.Minute), LatencyMS: 2, Message: "status 503 != 200",
			Results: health.Results{Bits: 0b100, Count: 3},
			Paused:  &workflows.Pause{By: "ann", Note: "moving disks", At: noon.Add(150 * time.Second)},
		}, w.state())
	})
	w.at(450*time.Second, func() { w.SignalWorkflow(workflows.SignalResume, workflows.Resume{By: "bob"}) })
	state := w.watch(web())

	want := append(grid(0, time.Minute, 3), 450*time.Second, 8*time.Minute, 9*time.Minute)
	require.Equal(t, want, w.probed, "resuming probes at once, and once")
	require.Len(t, caught.opened, 1)
	require.Equal(t, noon.Add(450*time.Second), (caught.opened)[0].Streak.FirstFailureAt, "failures before the pause do not count")
	require.Nil(t, state.Paused)
	require.Equal(t, health.StateDown, state.State)
}

func TestPauseIsHandedOver(t *testing.T) {
	first := newWorld(t, "p")
	first.at(90*time.Second, func() { first.SignalWorkflow(workflows.SignalPause, workflows.Pause{By: "ann"}) })
	state := first.watch(web())
	require.Equal(t, health.StatePaused, state.State)

	second := newWorld(t, "p")
	second.SetStartTime(noon.Add(10 * time.Minute))
	second.SetLastCompletionResult(state)
	require.Equal(t, state, second.watch(web()))
	require.Empty(t, second.probed)
	require.Equal(t, 10*time.Minute+offDuty, second.since())
}

func TestResumeOfWhatIsNotPaused(t *testing.T) {
	w := newWorld(t, "p")
	w.at(90*time.Second, func() { w.SignalWorkflow(workflows.SignalResume, workflows.Resume{By: "ann"}) })
	w.watch(web())
	require.Equal(t, grid(0, time.Minute, 10), w.probed)
}

func TestProbeNow(t *testing.T) {
	w := newWorld(t, "p")
	w.at(90*time.Second, func() { w.SignalWorkflow(workflows.SignalProbeNow, nil) })
	w.watch(web())
	want := append([]time.Duration{0, time.Minute, 90 * time.Second}, grid(2*time.Minute, time.Minute, 8)...)
	require.Equal(t, want, w.probed, "the grid stays as it was")
}

// TestProbeNowWhilePaused: paused means that nothing touches the service.
func TestProbeNowWhilePaused(t *testing.T) {
	w := newWorld(t, "pf")
	w.at(90*time.Second, func() { w.SignalWorkflow(workflows.SignalPause, workflows.Pause{By: "ann"}) })
	w.at(5*time.Minute, func() { w.SignalWorkflow(workflows.SignalProbeNow, nil) })
	state := w.watch(web())
	require.Equal(t, []time.Duration{0, time.Minute}, w.probed)
	require.Equal(t, health.StatePaused, state.State)
}

func TestReconfigureAppliesAtOnce(t *testing.T) {
	w := newWorld(t, "pff")
	caught := w.catchIncidents(time.Hour)
	check := web()
	check.Interval, check.FailureThreshold = health.Duration(20*time.Second), 2
	w.at(90*time.Second, func() { w.SignalWorkflow(workflows.SignalReconfigure, check) })
	w.watch(web())
	second := time.Second
	// The point of the new grid at 1:20 has passed and is made at once.
	require.Equal(t, []time.Duration{0, 60 * second, 90 * second, 100 * second, 120 * second}, w.probed[:5])
	require.Equal(t, noon.Add(9*time.Minute+40*second), noon.Add(w.probed[len(w.probed)-1]))
	require.NotEmpty(t, caught.opened)
	require.Equal(t, 2, (caught.opened)[0].Streak.Failures)
	require.Equal(t, check, (caught.opened)[0].Check)
}

// TestReconfigureOfTheWatchRelieves: the next watch is already waiting.
func TestReconfigureOfTheWatchRelieves(t *testing.T) {
	w := newWorld(t, "p")
	check := web()
	check.Watch = health.Duration(5 * time.Minute)
	w.at(90*time.Second, func() { w.SignalWorkflow(workflows.SignalReconfigure, check) })
	state := w.watch(web())
	require.Equal(t, 90*time.Second, w.since())
	require.Equal(t, noon.Add(time.Minute), state.LastTick)
}

func TestReconfigureRefuses(t *testing.T) {
	other, broken := web(), web()
	other.Service, other.Interval = "mail", health.Duration(time.Second)
	broken.Interval = 0
	for name, check := range map[string]workflows.Check{"of another service": other, "what is broken": broken} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "p")
			w.at(90*time.Second, func() { w.SignalWorkflow(workflows.SignalReconfigure, check) })
			w.watch(web())
			require.Equal(t, grid(0, time.Minute, 10), w.probed)
		})
	}
}

// TestMessageAtTheEndOfTheWatch: what arrives with the last timer, or while
// the last probe runs past the end, is not lost with the run.
func TestMessageAtTheEndOfTheWatch(t *testing.T) {
	pause := workflows.Pause{By: "ann"}
	t.Run("with the last timer", func(t *testing.T) {
		w := newWorld(t, "p")
		w.at(offDuty-time.Millisecond, func() { w.SignalWorkflowSkippingWorkflowTask(workflows.SignalPause, pause) })
		require.Equal(t, health.StatePaused, w.watch(web()).State)
	})
	t.Run("two of them, in order", func(t *testing.T) {
		w := newWorld(t, "p")
		w.at(offDuty-time.Millisecond, func() {
			w.SignalWorkflowSkippingWorkflowTask(workflows.SignalPause, pause)
			w.SignalWorkflowSkippingWorkflowTask(workflows.SignalResume, workflows.Resume{By: "bob"})
		})
		require.Equal(t, health.StateUnknown, w.watch(web()).State)
	})
	t.Run("during a last probe that runs past the end", func(t *testing.T) {
		w := newWorld(t, "p")
		w.slowProbe(65*time.Second, 'p')
		w.at(601*time.Second, func() { w.SignalWorkflow(workflows.SignalPause, pause) })
		require.Equal(t, health.StatePaused, w.watch(web()).State)
	})
}
