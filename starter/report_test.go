package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/operator"
)

func TestParseLength(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "24h": 24 * time.Hour, "1d": 24 * time.Hour, "30d": 720 * time.Hour,
	} {
		got, err := parseLength(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "d", "0d", "-1d", "+1d", "1.5d", "70000d", "0s", "-1h", "week", "30"} {
		_, err := parseLength(text)
		require.EqualError(t, err, `"`+text+`" is not a length of time; write it like 24h or 30d`, text)
	}
}

func TestReportIsChecked(t *testing.T) {
	for want, args := range map[string][]string{
		"--since \"week\" is not a length of time; write it like 24h or 30d\n": {"--since", "week"},
		"unknown command \"web\" for \"starter report\"\n":                     {"web"},
		"unknown flag: --unti\n":                                               {"--unti", "1d"},
	} {
		require.Equal(t, answer{exitBad, "", want}, starter(t, shop, append([]string{"report"}, args...)...), args)
	}
	require.Equal(t, exitUnreachable, starter(t, shop, "report", "--since", "30d", "--address", nobody(t)).code)
}

// recovered is an incident that ended without a restart: mode observe kept one back.
func recovered() operator.Incident {
	return operator.Incident{Incident: health.Incident{
		Service: "web", State: health.Resolved, Outcome: health.Recovered,
		FirstFailureAt: began, OpenedAt: began.Add(time.Minute), ResolvedAt: began.Add(5 * time.Minute),
		Observed: 1, Held: map[health.Rule]int{health.RuleObserve: 1, health.RuleDependency: 2},
	}}
}

func TestReportTable(t *testing.T) {
	require.Equal(t, ""+
		"Since 2026-11-20 22:56:30 UTC\n\n"+
		"SERVICE     INCIDENTS  OPEN  DOWNTIME  RESTARTS  WOULD HAVE RESTARTED  HEALED BY US  BY OTHERS    UNACKNOWLEDGED  HELD\n"+
		"clickhouse  1          0     2m 15s    1         0                     1, in 1m 15s  -            0               -\n"+
		"web         1          0     5m 0s     0         1                     -             1, in 4m 0s  1               dependency 2×, observe 1×\n"+
		"all         2          0     7m 15s    1         1                     1, in 1m 15s  1, in 4m 0s  1               dependency 2×, observe 1×\n",
		shown(t, false, func(a *app) error { return a.showReport([]operator.Incident{recovered(), healed()}, began) }))
	require.Equal(t, "no incidents since 2026-11-20 22:56:30 UTC\n",
		shown(t, false, func(a *app) error { return a.showReport(nil, began) }))
}

func TestReportForPrograms(t *testing.T) {
	var report struct {
		Since    string
		Services []operator.Tally
		Total    operator.Tally
	}
	text := shown(t, true, func(a *app) error { return a.showReport([]operator.Incident{recovered()}, began) })
	require.NoError(t, json.Unmarshal([]byte(text), &report))
	require.Equal(t, "2026-11-20T22:56:30.123Z", report.Since)
	require.Len(t, report.Services, 1)
	require.Equal(t, operator.Tally{
		Service: "web", Incidents: 1, DowntimeSeconds: 300, Observed: 1, HealedByOthers: 1, HealedOthersSeconds: 240,
		Unacknowledged: 1, Held: map[health.Rule]int{health.RuleObserve: 1, health.RuleDependency: 2},
	}, report.Services[0])
	require.Equal(t, "all", report.Total.Service)

	none := shown(t, true, func(a *app) error { return a.showReport(nil, began) })
	require.Contains(t, none, `"services": []`)
}
