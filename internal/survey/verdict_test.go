package survey

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestControlProbeIsMadeOnlyWhenMostFail(t *testing.T) {
	for name, c := range map[string]struct {
		up, down int
		asked    bool
	}{
		"none fails":              {up: 10},
		"less than half":          {up: 6, down: 5},
		"half":                    {up: 5, down: 5, asked: true},
		"two of four are no sign": {up: 2, down: 2},
		"three of four":           {up: 1, down: 3, asked: true},
		"two of three":            {up: 1, down: 2},
		"both of two":             {down: 2, asked: true},
		"one of two":              {up: 1, down: 1},
		"the only one":            {down: 1, asked: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(time.Second)
				w.add("up", c.up, always(10*time.Millisecond, true))
				w.add("down", c.down, always(10*time.Millisecond, false))
				s := w.survey(2, 0, 2)
				s.Control = w.control(true)
				report, d := w.run(t, s)
				require.Equal(t, c.asked, len(w.controls) == 1, w.controls)
				require.Len(t, report.Failed, c.down, "they are down: the control probe passes, or was not needed")
				require.Empty(t, report.CutOff)
				require.Len(t, d.told, c.up+c.down)
			})
		})
	}
}

func TestCutOffHoldsNothingAgainstTheTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("up", 3, always(10*time.Millisecond, true))
		w.add("again", 1, fails(1))
		w.add("down", 6, always(10*time.Millisecond, false))
		s := w.survey(2, 0, 2)
		s.Control = w.control(false)
		report, d := w.run(t, s)
		require.Equal(t, "the control probe failed too: no route to the host", report.CutOff)
		require.Empty(t, report.Failed)
		require.Zero(t, report.Omitted)
		require.Len(t, w.controls, 1)
		require.Less(t, w.controls[0], 100*time.Millisecond, "while others are tried again")
		require.ElementsMatch(t, []string{"up-000", "up-001", "up-002", "again-000"}, names(d.told))
	})
}

func TestCutOffThatIsOverInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("again", 10, fails(1))
		s := w.survey(2, 0, 2)
		s.Control = w.control(false)
		report, d := w.run(t, s)
		require.Equal(t, Report{Probed: 10}, report)
		require.Len(t, d.told, 10)
	})
}

func TestWithoutControlProbeNothingIsJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("down", 10, always(10*time.Millisecond, false))
		report, _ := w.run(t, w.survey(2, 0, 0))
		require.Len(t, report.Failed, 10)
		require.Empty(t, report.CutOff)
	})
}

// Failures are not told before it is certain whose they are, also in a long
// batch that tells of what passed in the meantime.
func TestLongBatchWaitsForTheVerdict(t *testing.T) {
	for _, up := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(30 * time.Second)
			w.add("up", 40, always(500*time.Millisecond, true))
			w.add("down", 41, always(500*time.Millisecond, false))
			s := w.survey(2, 0, 0)
			s.Control = w.control(up)
			report, d := w.run(t, s)
			require.Greater(t, d.calls, 3)
			require.Len(t, w.controls, 1)
			if up {
				require.Len(t, d.told, 81)
				require.Len(t, report.Failed, 41)
			} else {
				require.Len(t, d.told, 40)
				require.NotEmpty(t, report.CutOff)
			}
		})
	}
}

// lag is what a machine says of itself.
type lag time.Duration

func (l lag) Worst(time.Time) time.Duration { return time.Duration(l) }

func TestOverloadIsNoFailureOfTheTarget(t *testing.T) {
	for late, dropped := range map[time.Duration]bool{
		0: false, time.Second: false, time.Second + time.Millisecond: true, time.Minute: true,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(4 * time.Second)
			w.add("up", 5, always(0, true))
			w.add("slow", 5, always(time.Hour, true))
			w.add("down", 5, always(10*time.Millisecond, false))
			s := w.survey(5, 0, 1)
			s.Lag, s.Control = lag(late), w.control(true)
			report, d := w.run(t, s)
			if !dropped {
				require.Len(t, report.Failed, 10)
				require.Len(t, d.told, 15)
				return
			}
			require.Equal(t, 5, report.Overloaded)
			require.Len(t, report.Failed, 5, "what was not ended by the time limit is a failure in any case")
			require.Len(t, d.told, 10)
			require.Equal(t, 10, report.Probed)
			require.Len(t, w.tries["slow-000"], 2, "it may be better in a second")
		})
	}
}
