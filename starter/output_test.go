package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/apply"
	"paramedic/internal/health"
	"paramedic/internal/operator"
)

var began = time.Date(2026, 11, 20, 22, 56, 30, 123e6, time.UTC)

// shown returns what a command writes.
func shown(t *testing.T, json bool, show func(*app) error) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, show(&app{out: &out, json: json}))
	return out.String()
}

func healed() operator.Incident {
	incident := health.Incident{
		ID: "clickhouse@20261120T225630.123Z", Service: "clickhouse", Severity: "P1", State: health.Resolved,
		FirstFailureAt: began, OpenedAt: began.Add(time.Minute), ResolvedAt: began.Add(135 * time.Second),
		Reason: "row count 0 < 1", Attempts: 1, Restarts: 1, Verifications: 2, Outcome: health.Healed,
		Acknowledged: &health.Acknowledgement{By: "ana", Note: "on it", At: began.Add(62300 * time.Millisecond)},
	}
	incident.Timeline.Add(began, health.EntryFailure, "failure 1/3: row count 0 < 1")
	incident.Timeline.Add(began.Add(time.Minute), health.EntryOpened, "incident opened")
	incident.Timeline.Add(began.Add(135*time.Second), health.EntryResolved, "healed by attempt 1, downtime 2m 15s")
	return operator.Incident{Incident: incident, WorkflowID: "remediation/clickhouse", RunID: "01a1fb43"}
}

func TestStory(t *testing.T) {
	require.Equal(t, `clickhouse@20261120T225630.123Z: resolved, healed

  service         clickhouse, severity P1
  reason          row count 0 < 1
  downtime        2m 15s
  time to detect  1m 0s
  time to heal    1m 15s
  attempts        1 (1 restart, 2 verifications)
  outcome         healed
  acknowledged    by ana at +1m02.3s: on it
  workflow id     remediation/clickhouse
  run id          01a1fb43
  in the Web UI   /namespaces/default/workflows/remediation%2Fclickhouse/01a1fb43/history

Timeline, from 2026-11-20 22:56:30.123 UTC
  +0.0s     failure   failure 1/3: row count 0 < 1
  +1m00.0s  opened    incident opened
  +2m15.0s  resolved  healed by attempt 1, downtime 2m 15s
`, shown(t, false, func(a *app) error { return a.tellStory(healed(), "default") }))
}

func TestIncidentList(t *testing.T) {
	require.Equal(t, ""+
		"INCIDENT                         STATE     OPENED                   DOWNTIME  ATTEMPTS  OUTCOME  ACKNOWLEDGED BY  REASON\n"+
		"clickhouse@20261120T225630.123Z  resolved  2026-11-20 22:57:30 UTC  2m 15s    1         healed   ana              row count 0 < 1\n",
		shown(t, false, func(a *app) error { return a.showIncidents([]operator.Incident{healed()}) }))
	require.Equal(t, "no incidents\n", shown(t, false, func(a *app) error { return a.showIncidents(nil) }))
}

func TestStatusTable(t *testing.T) {
	now := began.Add(time.Hour)
	statuses := []operator.TargetStatus{
		{Service: "clickhouse", State: health.StateFailing, Since: operator.Time{Time: began}, Message: "row count\n0 < 1",
			LastProbeAt: operator.Time{Time: now.Add(-12 * time.Second)}, LatencyMS: 4.21, Streak: 2},
		{Service: "web", State: health.StateUnknown, Message: "not applied yet: run `starter apply`"},
	}
	require.Equal(t, ""+
		"SERVICE     STATE    FOR    LAST PROBE  LATENCY  STREAK  MESSAGE\n"+
		"clickhouse  failing  1h 0m  12s ago     4.2 ms   2       row count 0 < 1\n"+
		"web         unknown  -      -           -        0       not applied yet: run `starter apply`\n",
		shown(t, false, func(a *app) error { return a.showStatus(statuses, now) }))
	require.Equal(t, "[]\n", shown(t, true, func(a *app) error { return a.showStatus(nil, now) }))
}

func TestStatusIsGoodWhileAllAreUpOrPaused(t *testing.T) {
	for state, good := range map[health.State]bool{
		health.StateHealthy: true, health.StateDegraded: true, health.StatePaused: true,
		health.StateFailing: false, health.StateDown: false, health.StateUnknown: false,
	} {
		require.Equal(t, good, allGood([]operator.TargetStatus{{State: health.StateHealthy}, {State: state}}), state)
	}
}

func TestChanges(t *testing.T) {
	changes := []apply.Change{
		{Service: "cache", Action: apply.Deleted},
		{Service: "web", Action: apply.Changed, Detail: "interval 60s → 30s"},
	}
	require.Equal(t, ""+
		"deleted  cache\n"+
		"changed  web    interval 60s → 30s\n"+
		"0 created, 1 changed, 0 unchanged, 1 deleted (dry run: nothing was done)\n",
		shown(t, false, func(a *app) error { return a.showChanges(changes, true) }))
}

func TestOffset(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"+0.0s":     0,
		"+12.3s":    12345 * time.Millisecond,
		"+1m00.0s":  59960 * time.Millisecond,
		"+2m05.5s":  125500 * time.Millisecond,
		"+3h02m05s": 3*time.Hour + 2*time.Minute + 5*time.Second,
		"-0.2s":     -200 * time.Millisecond,
	} {
		require.Equal(t, want, offset(d))
	}
}

func TestCount(t *testing.T) {
	require.Equal(t, []string{"0 services", "1 service", "2 entries"},
		[]string{count(0, "service"), count(1, "service"), count(2, "entry")})
}

func TestOneLineLeavesNothingThatSteersATerminal(t *testing.T) {
	require.Equal(t, "a b c [31md", oneLine("a\tb\nc\x1b[31md"))
}
