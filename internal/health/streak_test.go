package health_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func result(status health.Status, after time.Duration, message string) health.Result {
	return health.Result{Status: status, At: noon.Add(after), Message: message}
}

func TestStreakKeepsTheFirstFailure(t *testing.T) {
	streak := health.Streak{}.
		Observe(result(health.Unhealthy, 0, "refused")).
		Observe(result(health.Unhealthy, time.Minute, "timed out"))
	require.Equal(t, health.Streak{Failures: 2, FirstFailureAt: noon, FirstFailure: "refused"}, streak)

	for _, up := range []health.Status{health.Healthy, health.Degraded} {
		require.Zero(t, streak.Observe(result(up, 2*time.Minute, "fine")), "%s ends a streak", up)
	}
	again := streak.Observe(result(health.Healthy, 0, "")).Observe(result(health.Unhealthy, time.Hour, "gone"))
	require.Equal(t, health.Streak{Failures: 1, FirstFailureAt: noon.Add(time.Hour), FirstFailure: "gone"}, again)
}

// TestStreakIsSmall: one watch hands the streak to the next, in three histories.
func TestStreakIsSmall(t *testing.T) {
	streak := health.Streak{Failures: 1e9}.Observe(result(health.Healthy, 0, "")).
		Observe(result(health.Unhealthy, 0, strings.Repeat("ü", 10_000)))
	text, err := json.Marshal(streak)
	require.NoError(t, err)
	require.Less(t, len(text), 320)
	empty, err := json.Marshal(health.Streak{})
	require.NoError(t, err)
	require.JSONEq(t, `{"failures": 0}`, string(empty))
}

func TestStreakAgainstThreshold(t *testing.T) {
	below, reached := health.BelowThreshold, health.ReachedThreshold
	again, beyond := health.ReachedAgain, health.BeyondThreshold
	tests := map[int][]health.Threshold{ // by threshold: the standing after 0, 1, 2 ... failures
		1: {below, reached, again, again, again},
		2: {below, below, reached, beyond, again, beyond, again},
		3: {below, below, below, reached, beyond, beyond, again, beyond, beyond, again},
	}
	for threshold, standings := range tests {
		for failures, want := range standings {
			got := health.Streak{Failures: failures}.Against(threshold)
			require.Equal(t, want, got, "%d failures of %d", failures, threshold)
		}
	}
}

func TestStateOf(t *testing.T) {
	tests := []struct {
		status   health.Status
		failures int
		want     health.State
	}{
		{health.Healthy, 0, health.StateHealthy},
		{health.Degraded, 0, health.StateDegraded},
		{health.Unhealthy, 1, health.StateFailing},
		{health.Unhealthy, 2, health.StateFailing},
		{health.Unhealthy, 3, health.StateDown},
		{health.Unhealthy, 4, health.StateDown},
		{health.Unhealthy, 6, health.StateDown},
	}
	for _, test := range tests {
		got := health.StateOf(result(test.status, 0, ""), health.Streak{Failures: test.failures}, 3)
		require.Equal(t, test.want, got, "%s after %d failures", test.status, test.failures)
	}
}
