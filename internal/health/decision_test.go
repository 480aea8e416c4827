package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// down is a service that is down, with everything left to try.
func down() health.Situation {
	return health.Situation{
		Now:     noon,
		Steps:   2,
		Retry:   health.Duration(30 * time.Second),
		Backoff: []health.Duration{health.Duration(10 * time.Second), health.Duration(30 * time.Second)},
		Limits:  health.Limits{PerIncident: 3},
	}
}

func TestDecide(t *testing.T) {
	tests := map[string]struct {
		change func(*health.Situation)
		want   health.Decision
	}{
		"the first restart is made at once": {
			change: func(*health.Situation) {},
			want:   health.Decision{Act: true, Rule: health.RuleClear, Reason: "restart 1 of 3 in this incident"},
		},
		"a passing service is confirmed, not restarted": {
			change: func(s *health.Situation) { s.Passes = 1 },
			want: health.Decision{Rule: health.RulePassing, At: noon.Add(30 * time.Second),
				Reason: "the latest probe passed; confirming"},
		},
		"no steps means alert only": {
			change: func(s *health.Situation) { s.Steps = 0 },
			want:   health.Decision{Rule: health.RuleAlertOnly, Reason: "no remediation is configured: alert only"},
		},
		"an attempt that nobody has judged yet": {
			change: func(s *health.Situation) { s.Attempts, s.Unverified = 1, true },
			want:   health.Decision{Rule: health.RuleUnverified, Reason: "attempt 1 could not be verified yet"},
		},
		"restarts are used up": {
			change: func(s *health.Situation) { s.Attempts, s.Restarts = 3, 3 },
			want:   health.Decision{Rule: health.RulePerIncident, Reason: "3 of 3 restarts in this incident are used up"},
		},
		"more restarts than a lowered limit": {
			change: func(s *health.Situation) { s.Attempts, s.Restarts, s.Limits.PerIncident = 3, 3, 1 },
			want:   health.Decision{Rule: health.RulePerIncident, Reason: "3 of 1 restarts in this incident are used up"},
		},
		"a limit of none": {
			change: func(s *health.Situation) { s.Limits.PerIncident = 0 },
			want:   health.Decision{Rule: health.RulePerIncident, Reason: "0 of 0 restarts in this incident are used up"},
		},
		"back-off after the first attempt": {
			change: func(s *health.Situation) { s.Attempts, s.Restarts, s.Rested = 1, 1, noon.Add(-9*time.Second) },
			want: health.Decision{Rule: health.RuleBackoff, At: noon.Add(time.Second),
				Reason: "backing off for 10s after attempt 1"},
		},
		"back-off ends to the instant": {
			change: func(s *health.Situation) { s.Attempts, s.Restarts, s.Rested = 1, 1, noon.Add(-10*time.Second) },
			want: health.Decision{Act: true, Rule: health.RuleClear, Step: 1,
				Reason: "restart 2 of 3 in this incident"},
		},
		"the last back-off and the last step repeat": {
			change: func(s *health.Situation) {
				s.Attempts, s.Restarts, s.Rested = 5, 2, noon.Add(-29*time.Second)
			},
			want: health.Decision{Rule: health.RuleBackoff, At: noon.Add(time.Second),
				Reason: "backing off for 30s after attempt 5"},
		},
		"after many attempts the last step is taken": {
			change: func(s *health.Situation) { s.Attempts, s.Restarts, s.Rested = 5, 2, noon.Add(-time.Minute) },
			want: health.Decision{Act: true, Rule: health.RuleClear, Step: 1,
				Reason: "restart 3 of 3 in this incident"},
		},
		"an attempt that did nothing uses up no restart": {
			change: func(s *health.Situation) { s.Attempts, s.Rested = 1, noon.Add(-time.Minute) },
			want: health.Decision{Act: true, Rule: health.RuleClear, Step: 1,
				Reason: "restart 1 of 3 in this incident"},
		},
		"no back-off is configured": {
			change: func(s *health.Situation) { s.Attempts, s.Restarts, s.Rested, s.Backoff = 1, 1, noon, nil },
			want: health.Decision{Act: true, Rule: health.RuleClear, Step: 1,
				Reason: "restart 2 of 3 in this incident"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			situation := down()
			test.change(&situation)
			require.Equal(t, test.want, health.Decide(situation))
		})
	}
}

// TestDecideAsksInOrder: with every guard against it, the rules answer in the
// order in which they are documented, each once the one before it is lifted.
func TestDecideAsksInOrder(t *testing.T) {
	situation := down()
	situation.Passes, situation.Unverified = 1, true
	situation.Attempts, situation.Restarts, situation.Rested = 3, 3, noon
	situation.Steps = 0

	lift := []struct {
		want health.Rule
		lift func()
	}{
		{health.RulePassing, func() { situation.Passes = 0 }},
		{health.RuleAlertOnly, func() { situation.Steps = 1 }},
		{health.RuleUnverified, func() { situation.Unverified = false }},
		{health.RulePerIncident, func() { situation.Limits.PerIncident = 4 }},
		{health.RuleBackoff, func() { situation.Now = noon.Add(30 * time.Second) }},
		{health.RuleClear, func() {}},
	}
	for _, step := range lift {
		decision := health.Decide(situation)
		require.Equal(t, step.want, decision.Rule)
		require.Equal(t, step.want == health.RuleClear, decision.Act)
		require.NotEmpty(t, decision.Reason)
		step.lift()
	}
}
