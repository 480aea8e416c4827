package operator

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// shops is what a Monitor knows of ten thousand targets, three of which are down.
func shops() workflows.FleetState {
	failing := func(target string, failures int, open bool) workflows.FailingTarget {
		return workflows.FailingTarget{Target: target, Open: open, Streak: health.Streak{
			Failures: failures, FirstFailureAt: began, FirstFailure: "connection refused",
		}}
	}
	return workflows.FleetState{
		Classes: map[string]workflows.ClassState{"": {Size: 9000}, "gold": {Size: 1000}},
		Failing: []workflows.FailingTarget{
			failing("10.0.0.1:80", 1, false), failing("10.0.0.2:80", 3, false),
			failing("10.0.0.3:80", 4, true), failing("a/b/c", 2, true),
		},
	}
}

func TestIncidentsOfTargetsAreNamedByBothParts(t *testing.T) {
	for name, want := range map[string]string{
		"shops":                           "remediation/shops",
		"shops/10.0.0.1:80":               "remediation/shops/10.0.0.1:80",
		"shops/https://shop.example/a/b/": "remediation/shops/https://shop.example/a/b/",
	} {
		require.Equal(t, want, remediationOf(name))
		require.Equal(t, name, remediationName(remediationOf(name)))
	}
	require.Equal(t, "WorkflowType = 'Remediation' AND TaskQueue = 'q' AND WorkflowId = 'remediation/shops/a/b' AND ExecutionStatus != 'ContinuedAsNew'",
		Filter{Service: "shops/a/b"}.query("q"))
	target, at, ok := parseIncidentID(health.IncidentID("shops", "mail@10.0.0.1/x", began))
	require.True(t, ok)
	require.Equal(t, "shops/mail@10.0.0.1/x", target)
	require.True(t, began.Equal(at))
}

func TestReceiptsNameTheTarget(t *testing.T) {
	in := workflows.Instruction{By: "ana", Note: "mine"}
	require.Equal(t, Receipt{Service: "shops", Target: "a/b", Instruction: "acknowledge", By: "ana", Note: "mine"},
		receiptOf("shops/a/b", workflows.Acknowledge, in))
	require.Empty(t, receiptOf("shops", workflows.Acknowledge, in).Target)
}

func TestOpenIncidentsOfTheSameServiceAreNamedFirst(t *testing.T) {
	missing := NotOpen{Service: "shops/b", Open: []string{"web", "shops/c", "cache", "shops/a"}}
	missing.sort()
	require.EqualError(t, missing, `"shops/b" has no open incident; open ones: shops/a, shops/c, cache, web`)
	for range 30 {
		missing.Open = append(missing.Open, "x")
	}
	require.ErrorContains(t, missing, "x and 14 more")
}

func TestTargetsAreCounted(t *testing.T) {
	fleet := shops()
	require.Equal(t, health.Counts{Total: 10000, Failing: 4, Down: 3}, CountTargets(fleet, 3))
	fleet.Classes["gold"] = workflows.ClassState{Size: 1000, Omitted: map[int]int{0: 400, 1: 100}}
	require.Equal(t, health.Counts{Total: 10000, Failing: 504, Down: 503}, CountTargets(fleet, 3))
	require.Equal(t, health.Counts{}, CountTargets(workflows.FleetState{}, 3))
}

func TestFailingTargetsComeWorstFirst(t *testing.T) {
	statuses := FailingTargets("shops", shops(), 3)
	var names []string
	for _, status := range statuses {
		names = append(names, status.Target+" "+string(status.State))
	}
	require.Equal(t, []string{"10.0.0.2:80 down", "10.0.0.3:80 down", "a/b/c down", "10.0.0.1:80 failing"}, names)
	require.Equal(t, TargetStatus{
		Service: "shops", Target: "10.0.0.2:80", State: health.StateDown, Since: Time{began}, Message: "connection refused", Streak: 3,
	}, statuses[0])
}

func TestStatusOfAFleet(t *testing.T) {
	fleet := shops()
	status := StatusOf("shops", workflows.MonitorState{State: health.StateDegraded, Since: began, Fleet: &fleet})
	status.Count(3)
	text, err := json.Marshal(status)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"service": "shops", "target": "", "state": "degraded", "since": "2026-11-20T22:56:30.123Z", "last_probe_at": null,
		"latency_ms": 0, "message": "", "streak": 0, "targets": {"total": 10000, "failing": 4, "down": 3},
		"notes": ["9,996 of 10,000 up, 3 down, 1 failing"]
	}`, string(text))

	for reason, want := range map[workflows.WholeReason]string{
		workflows.Storm: "one incident for all that are down", workflows.CutOff: "the workers that look are cut off",
	} {
		fleet.Whole = &workflows.WholeState{Reason: reason, SeenAt: time.Now()}
		status := StatusOf("shops", workflows.MonitorState{Fleet: &fleet})
		status.Count(3)
		require.Equal(t, want, status.Notes[1])
	}
	alone := StatusOf("web", workflows.MonitorState{})
	alone.Count(3)
	require.Nil(t, alone.Targets)
}

func TestTellCounts(t *testing.T) {
	for want, counts := range map[string]health.Counts{
		"9,997 of 10,000 up, 3 down":   {Total: 10000, Failing: 3, Down: 3},
		"998 of 1,000 up, 2 failing":   {Total: 1000, Failing: 2},
		"1,234,567 of 1,234,567 up":    {Total: 1234567},
		"0 of 1,002 up, 1,002 down":    {Total: 1002, Failing: 1002, Down: 1002},
		"2 of 5 up, 1 down, 2 failing": {Total: 5, Failing: 3, Down: 1},
		"0 of 0 up":                    {},
	} {
		require.Equal(t, want, Tell(counts))
	}
}
