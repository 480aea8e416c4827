package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// monday is the first boundary of the hourly watches of "web" after 08:00 UTC
// on a Monday.
func monday() time.Time {
	watches := health.Grid{Interval: time.Hour, Offset: health.Spread("web", time.Hour)}
	return watches.After(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)).UTC()
}

// watches runs a number of watches of one hour after each other and returns
// when they probed, in UTC.
func watches(t *testing.T, check workflows.Check, start time.Time, count int, script string) []string {
	t.Helper()
	check.Watch = health.Duration(time.Hour)
	var state workflows.MonitorState
	var clock []string
	for n := range count {
		w := newWorld(t, script[min(len(clock), len(script)-1):])
		w.SetStartTime(start.Add(time.Duration(n) * time.Hour))
		w.scheduledAt(start.Add(time.Duration(n) * time.Hour))
		if n > 0 {
			w.SetLastCompletionResult(state)
		}
		state = w.watch(check)
		for _, at := range w.probed {
			clock = append(clock, noon.Add(at).Format("15:04:05"))
		}
	}
	return clock
}

func TestCronCadence(t *testing.T) {
	check := web()
	check.Cron, check.Interval = "*/20 * * * *", 0
	start := monday()
	require.Equal(t, "08:50:25", start.Format("15:04:05"))
	require.Equal(t, []string{
		"08:50:25", // a new service is probed at once
		"09:00:00", "09:20:00", "09:40:00", "10:00:00", "10:20:00", "10:40:00", "11:00:00", "11:20:00", "11:40:00",
	}, watches(t, check, start, 3, "p"))
}

func TestCronCadenceInAZone(t *testing.T) {
	check := web()
	check.Cron, check.Timezone = "0 10 * * *", "Europe/Madrid"
	require.Equal(t, []string{"08:50:25", "09:00:00"}, watches(t, check, monday(), 3, "p"))
}

// TestMissedCronTime: of the times missed while the worker was away, the
// latest is made good, once.
func TestMissedCronTime(t *testing.T) {
	check := web()
	check.Cron = "*/20 * * * *"
	check.Watch = health.Duration(time.Hour)
	w := newWorld(t, "p")
	w.SetLastCompletionResult(workflows.MonitorState{
		State: health.StateHealthy, LastTick: monday(), LastProbeAt: monday(),
	})
	w.SetStartTime(monday().Add(3 * time.Hour))
	w.watch(check)
	require.Equal(t, monday().Add(3*time.Hour), noon.Add(w.probed[0]))
	require.Equal(t, monday().Add(3*time.Hour).Truncate(20*time.Minute).Add(20*time.Minute), noon.Add(w.probed[1]))
}

// TestRetryIntervalWithCron: a cron expression says when to look; a failure
// is confirmed sooner.
func TestRetryIntervalWithCron(t *testing.T) {
	check := web()
	check.Cron, check.RetryInterval = "*/20 * * * *", health.Duration(30*time.Second)
	require.Equal(t, []string{"08:50:25", "09:00:00", "09:00:30", "09:01:00", "09:20:00", "09:40:00"},
		watches(t, check, monday(), 1, "pffp"))
}

func TestActiveHours(t *testing.T) {
	check := web()
	check.Interval, check.ActiveHours = health.Duration(10*time.Minute), "* 9-10 * * *"
	require.Equal(t, []string{
		"09:00:00", // as the hours begin, and then on the grid
		"09:00:25", "09:10:25", "09:20:25", "09:30:25", "09:40:25", "09:50:25",
		"10:00:25", "10:10:25", "10:20:25", "10:30:25", "10:40:25", "10:50:25",
	}, watches(t, check, monday(), 4, "p"))
}
