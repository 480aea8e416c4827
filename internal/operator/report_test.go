package operator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// ended is an incident of a service that was healed so long after it opened.
func ended(service string, outcome health.Outcome, healing time.Duration) Incident {
	return Incident{Incident: health.Incident{
		Service: service, State: health.Resolved, Outcome: outcome,
		FirstFailureAt: began, OpenedAt: began.Add(time.Minute), ResolvedAt: began.Add(time.Minute + healing),
	}}
}

func TestSummarizeNothing(t *testing.T) {
	services, total := Summarize(nil)
	require.Empty(t, services)
	require.Equal(t, Tally{Service: "all"}, total)
}

func TestSummarizeByServiceAndInAll(t *testing.T) {
	first, second := ended("web", health.Healed, 10*time.Second), ended("web", health.Healed, 30*time.Second)
	first.Restarts, second.Restarts, second.Observed = 2, 1, 3
	first.Held = map[health.Rule]int{health.RuleConcurrent: 2}
	second.Held = map[health.Rule]int{health.RuleConcurrent: 1, health.RuleBackoff: 4}
	second.Acknowledged = &health.Acknowledgement{By: "ana"}

	services, total := Summarize([]Incident{first, ended("db", health.Recovered, time.Minute), second})
	require.Equal(t, []Tally{
		{Service: "db", Incidents: 1, DowntimeSeconds: 120, HealedByOthers: 1, HealedOthersSeconds: 60, Unacknowledged: 1, Held: map[health.Rule]int{}},
		{Service: "web", Incidents: 2, DowntimeSeconds: 160, Restarts: 3, Observed: 3, HealedByUs: 2, HealedByUsSeconds: 20,
			Unacknowledged: 1, Held: map[health.Rule]int{health.RuleConcurrent: 3, health.RuleBackoff: 4}},
	}, services)
	require.Equal(t, Tally{
		Service: "all", Incidents: 3, DowntimeSeconds: 280, Restarts: 3, Observed: 3, HealedByUs: 2, HealedByUsSeconds: 20,
		HealedByOthers: 1, HealedOthersSeconds: 60, Unacknowledged: 2,
		Held: map[health.Rule]int{health.RuleConcurrent: 3, health.RuleBackoff: 4},
	}, total)
	require.Equal(t, map[health.Rule]int{health.RuleConcurrent: 2}, first.Held, "the incidents are left as they are")
}

// What people closed counts as healed by others, what was abandoned as healed
// by nobody.
func TestSummarizeTellsWhoHealed(t *testing.T) {
	for outcome, want := range map[health.Outcome][2]int{
		health.Healed: {1, 0}, health.Recovered: {0, 1}, health.ByHand: {0, 1}, health.Abandoned: {0, 0},
	} {
		_, total := Summarize([]Incident{ended("web", outcome, time.Minute)})
		require.Equal(t, want, [2]int{total.HealedByUs, total.HealedByOthers}, outcome)
		require.Zero(t, total.Open, outcome)
	}
}

func TestSummarizeCountsAnOpenIncidentToNow(t *testing.T) {
	running := Incident{asOf: began.Add(time.Hour), Incident: health.Incident{
		Service: "web", State: health.Acknowledged, FirstFailureAt: began, OpenedAt: began.Add(time.Minute),
		Acknowledged: &health.Acknowledgement{By: "ana"},
	}}
	_, total := Summarize([]Incident{running})
	require.Equal(t, Tally{Service: "all", Incidents: 1, Open: 1, DowntimeSeconds: 3600, Held: map[health.Rule]int{}}, total)
}
