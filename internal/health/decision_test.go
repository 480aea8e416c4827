package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func seconds(n int) health.Duration { return health.Duration(time.Duration(n) * time.Second) }

// down is a service that is down, with everything left to try.
func down() health.Situation {
	return health.Situation{
		Now:     noon,
		Steps:   []int{0},
		Retry:   seconds(30),
		Backoff: []health.Duration{seconds(10), seconds(30)},
		Limits:  health.Limits{PerIncident: 3, IncidentsPerHour: 1, RestartsPerDay: 3},
	}
}

// calm is a fleet of which nothing else is down.
func calm() health.Fleet {
	return health.Fleet{Incident: "this", Services: 100, Down: 1, MinHealthy: 51, ConcurrentRestarts: 1}
}

// ago is a restart in another incident so long before noon.
func ago(before time.Duration, incident string) health.Spending {
	return health.Spending{At: noon.Add(-before), Incident: incident}
}

type change func(*health.Situation, *health.Fleet)

// TestDecideRules: what each rule holds for, and what it says.
func TestDecideRules(t *testing.T) {
	tests := map[string]struct {
		change change
		want   health.Decision
		reason string
	}{
		"clear": {
			change: func(*health.Situation, *health.Fleet) {},
			want:   health.Decision{Act: true, Rule: health.RuleClear, Count: 1, Limit: 3},
			reason: "restart 1 of 3 in this incident",
		},
		"passing": {
			change: func(s *health.Situation, _ *health.Fleet) { s.Passes = 1 },
			want:   health.Decision{Rule: health.RulePassing, At: noon.Add(30 * time.Second)},
			reason: "the latest probe passed; confirming",
		},
		"alert only": {
			change: func(s *health.Situation, _ *health.Fleet) { s.Steps = nil },
			want:   health.Decision{Rule: health.RuleAlertOnly},
			reason: "no remediation is configured: alert only",
		},
		"maintenance": {
			change: func(s *health.Situation, _ *health.Fleet) { s.Maintenance = noon.Add(2 * time.Hour) },
			want:   health.Decision{Rule: health.RuleMaintenance, At: noon.Add(2 * time.Hour), Wait: seconds(2 * 3600)},
			reason: "maintenance until 14:00 UTC",
		},
		"flapping": {
			change: func(s *health.Situation, _ *health.Fleet) { s.Flapping = true },
			want:   health.Decision{Rule: health.RuleFlapping},
			reason: "flapping: it changes its state too often, and a restart would only add to that",
		},
		"unverified": {
			change: func(s *health.Situation, _ *health.Fleet) { s.Attempts, s.Unverified = 2, true },
			want:   health.Decision{Rule: health.RuleUnverified, Count: 2},
			reason: "attempt 2 could not be verified yet",
		},
		"dependency": {
			change: func(s *health.Situation, _ *health.Fleet) { s.Down = []string{"clickhouse"} },
			want:   health.Decision{Rule: health.RuleDependency, Names: []string{"clickhouse"}},
			reason: "clickhouse, which this depends on, is down",
		},
		"per incident": {
			change: func(s *health.Situation, _ *health.Fleet) { s.Attempts, s.Restarts = 3, 3 },
			want:   health.Decision{Rule: health.RulePerIncident, Count: 3, Limit: 3},
			reason: "3 of 3 restarts in this incident are used up",
		},
		"runbook": {
			change: func(s *health.Situation, _ *health.Fleet) { s.Steps, s.Attempts = []int{1, 1}, 2 },
			want:   health.Decision{Rule: health.RuleRunbook, Count: 2},
			reason: "the runbook is at its end after 2 attempts",
		},
		"backoff": {
			change: func(s *health.Situation, _ *health.Fleet) { s.Attempts, s.Rested = 2, noon.Add(-29*time.Second) },
			want:   health.Decision{Rule: health.RuleBackoff, Count: 2, Wait: seconds(30), At: noon.Add(time.Second)},
			reason: "backing off for 30s after attempt 2",
		},
		"incidents per hour": {
			change: func(_ *health.Situation, f *health.Fleet) { f.Spent = []health.Spending{ago(10*time.Minute, "other")} },
			want:   health.Decision{Rule: health.RuleIncidentsPerHour, Count: 1, Limit: 1, At: noon.Add(50 * time.Minute)},
			reason: "1 other incident in the last hour used up the limit of 1, next at 12:50 UTC",
		},
		"restarts per day": {
			change: func(_ *health.Situation, f *health.Fleet) {
				f.Spent = []health.Spending{ago(21*time.Hour+55*time.Minute, "x"), ago(9*time.Hour, "y"), ago(2*time.Hour, "z")}
			},
			want:   health.Decision{Rule: health.RuleRestartsPerDay, Count: 3, Limit: 3, At: noon.Add(2*time.Hour + 5*time.Minute)},
			reason: "3 restarts in 24 h are used up, next at 14:05 UTC",
		},
		"approval lapsed": {
			change: func(s *health.Situation, _ *health.Fleet) {
				s.Mode, s.Approval.Deadline = health.ModeApprove, noon.Add(-time.Minute)
			},
			want:   health.Decision{Rule: health.RuleLapsed, Deadline: noon.Add(-time.Minute)},
			reason: "nobody approved by 11:59 UTC; ask again with `starter retry`",
		},
		"approval": {
			change: func(s *health.Situation, _ *health.Fleet) {
				s.Mode, s.Approval.Deadline = health.ModeApprove, noon.Add(time.Minute)
			},
			want:   health.Decision{Rule: health.RuleApproval, At: noon.Add(time.Minute)},
			reason: "waiting for a human to approve, until 12:01 UTC",
		},
		"min healthy": {
			change: func(_ *health.Situation, f *health.Fleet) { f.Services, f.Down = 12, 8 },
			want:   health.Decision{Rule: health.RuleMinHealthy, Count: 4, Services: 12, Limit: 51},
			reason: "only 4 of 12 services are healthy, and below 51 % nothing is restarted: look for a common cause",
		},
		"concurrent": {
			change: func(_ *health.Situation, f *health.Fleet) {
				f.ConcurrentRestarts, f.Running, f.Restarting = 2, 2, []string{"mail", "web"}
			},
			want:   health.Decision{Rule: health.RuleConcurrent, Count: 2, Limit: 2, Names: []string{"mail", "web"}},
			reason: "2 of 2 restarts at the same time: mail, web",
		},
		"observe": {
			change: func(s *health.Situation, _ *health.Fleet) { s.Mode, s.Restarts = health.ModeObserve, 1 },
			want:   health.Decision{Rule: health.RuleObserve, Count: 2, Limit: 3},
			reason: "mode observe: this would be restart 2 of 3 in this incident",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			situation, fleet := down(), calm()
			test.change(&situation, &fleet)
			decision := health.Decide(&situation, &fleet)
			require.Equal(t, test.want, decision)
			require.Equal(t, test.reason, decision.Reason())
			require.Equal(t, name, string(decision.Rule), "each rule is named as it is tested")
		})
	}
	require.Len(t, tests, len(order), "one for each rule")
}

// order lists the rules as they are asked, each with what lifts it.
var order = []struct {
	rule health.Rule
	lift change
}{
	{health.RulePassing, func(s *health.Situation, _ *health.Fleet) { s.Passes = 0 }},
	{health.RuleAlertOnly, func(s *health.Situation, _ *health.Fleet) { s.Steps = []int{1, 3} }},
	{health.RuleMaintenance, func(s *health.Situation, _ *health.Fleet) { s.Maintenance = s.Now }},
	{health.RuleFlapping, func(s *health.Situation, _ *health.Fleet) { s.Flapping = false }},
	{health.RuleUnverified, func(s *health.Situation, _ *health.Fleet) { s.Unverified = false }},
	{health.RuleDependency, func(s *health.Situation, _ *health.Fleet) { s.Down = nil }},
	{health.RulePerIncident, func(s *health.Situation, _ *health.Fleet) { s.Limits.PerIncident = 9 }},
	{health.RuleRunbook, func(s *health.Situation, _ *health.Fleet) { s.Steps = []int{4, 1} }},
	{health.RuleBackoff, func(s *health.Situation, _ *health.Fleet) { s.Hurry = true }},
	{health.RuleIncidentsPerHour, func(s *health.Situation, _ *health.Fleet) { s.Limits.IncidentsPerHour = 2 }},
	{health.RuleRestartsPerDay, func(s *health.Situation, _ *health.Fleet) { s.Limits.RestartsPerDay = 3 }},
	{health.RuleLapsed, func(s *health.Situation, _ *health.Fleet) { s.Approval.Deadline = s.Now.Add(1) }},
	{health.RuleApproval, func(s *health.Situation, _ *health.Fleet) { s.Approval.By = "ann" }},
	{health.RuleMinHealthy, func(_ *health.Situation, f *health.Fleet) { f.Down = 4 }},
	{health.RuleConcurrent, func(_ *health.Situation, f *health.Fleet) { f.Running, f.Ahead = 0, 0 }},
	// A mode is one of three: what stands against acting to the last is observe.
	{health.RuleObserve, func(s *health.Situation, _ *health.Fleet) { s.Mode = health.ModeAct }},
	{health.RuleClear, func(*health.Situation, *health.Fleet) {}},
}

// against is a situation in which every rule would hold.
func against() (health.Situation, health.Fleet) {
	situation := health.Situation{
		Now: noon, Mode: health.ModeApprove, Passes: 1, Retry: seconds(30), Maintenance: noon.Add(time.Hour),
		Flapping: true, Attempts: 4, Restarts: 3, Unverified: true, Rested: noon,
		Backoff: []health.Duration{seconds(10)}, Down: []string{"db"},
		Approval: health.Approval{Deadline: noon},
		Limits:   health.Limits{PerIncident: 5, IncidentsPerHour: 1, RestartsPerDay: 2},
	}
	fleet := health.Fleet{
		Spent:    []health.Spending{ago(2*time.Hour, "x"), ago(time.Minute, "y")},
		Incident: "this", Carried: 2, Services: 10, Down: 5, MinHealthy: 51,
		Running: 1, ConcurrentRestarts: 1, Restarting: []string{"mail"}, Ahead: 3,
	}
	return situation, fleet
}

// TestDecideAsksInOrder: with everything against it, the rules answer in the
// order in which they are documented, each once the one before it is lifted.
func TestDecideAsksInOrder(t *testing.T) {
	situation, fleet := against()
	for _, step := range order {
		if step.rule == health.RuleObserve {
			situation.Mode = health.ModeObserve
		}
		decision := health.Decide(&situation, &fleet)
		require.Equal(t, step.rule, decision.Rule)
		require.Equal(t, step.rule == health.RuleClear, decision.Act)
		step.lift(&situation, &fleet)
	}
}

// TestDecideWithoutTheFleet: an incident that asks itself hears of the same
// rules in the same order, but for those of the fleet.
func TestDecideWithoutTheFleet(t *testing.T) {
	situation, fleet := against()
	situation.Restarts += fleet.Carried
	ofFleet := map[health.Rule]bool{
		health.RuleIncidentsPerHour: true, health.RuleRestartsPerDay: true,
		health.RuleMinHealthy: true, health.RuleConcurrent: true,
	}
	for _, step := range order {
		if step.rule == health.RuleObserve {
			situation.Mode = health.ModeObserve
		}
		if !ofFleet[step.rule] {
			require.Equal(t, step.rule, health.Decide(&situation, nil).Rule)
		}
		step.lift(&situation, &fleet)
	}
}

func TestExhausted(t *testing.T) {
	var exhausted []health.Rule
	for _, step := range order {
		if step.rule.Exhausted() {
			exhausted = append(exhausted, step.rule)
		}
	}
	require.Equal(t, []health.Rule{
		health.RulePerIncident, health.RuleRunbook, health.RuleIncidentsPerHour, health.RuleRestartsPerDay,
	}, exhausted)
	require.False(t, health.RuleGatekeeper.Exhausted())
}
