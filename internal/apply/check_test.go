package apply

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/workflows"
)

func TestCheckOf(t *testing.T) {
	require.Equal(t, workflows.Check{
		Service: "clickhouse", Severity: "P1", Runbook: "https://runbooks.example/clickhouse",
		Interval: seconds(60), RetryInterval: seconds(30), Timeout: seconds(10), Watch: seconds(600),
		FailureThreshold: 3, SuccessThreshold: 2,
		Remediation: workflows.Plan{
			Host: "db1", Settle: seconds(10), Backoff: []health.Duration{seconds(10), seconds(30)},
			Limits: health.Limits{PerIncident: 3},
			Steps:  []workflows.Step{{Title: "restart clickhouse-server.service", Limit: seconds(90)}},
		},
		Alerts: []string{"ops"},
	}, CheckOf(clickhouse()))
}

func TestCheckOfEverything(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	service := clickhouse()
	service.Labels, service.Impact = map[string]string{"team": "data"}, "No new events."
	service.DependsOn = []string{"disk"}
	service.Flapping, service.Reminder, service.Response = config.Flapping{Low: 20, High: 40}, seconds(600), seconds(3600)
	service.Maintenance = []config.Maintenance{
		{Cron: "0 2 * * *", For: seconds(1800), Reason: "backup"},
		{From: "2026-11-22 02:00", For: seconds(60), Starts: at, Ends: at.Add(time.Minute)},
	}
	service.Escalation = []config.Level{
		{After: seconds(0), Alerts: []string{"oncall"}},
		{After: seconds(60), Alerts: []string{"boss"}, Severities: []string{"P0"}},
		{After: seconds(900), Alerts: []string{"lead"}, Severities: []string{"P0", "P1"}},
	}
	service.Remediation.Mode, service.Remediation.ApproveWithin = health.ModeApprove, seconds(300)
	service.Remediation.StableFor = seconds(1200)
	service.Remediation.Limits = config.IncidentLimits{PerIncident: 3, IncidentsPerHour: 2, RestartsPerDay: 9}

	check := CheckOf(service)
	require.Equal(t, map[string]string{"team": "data"}, check.Labels)
	require.Equal(t, "No new events.", check.Impact)
	require.Equal(t, []string{"disk"}, check.DependsOn)
	require.Equal(t, []int{20, 40}, []int{check.FlapLow, check.FlapHigh})
	require.Equal(t, []health.Duration{seconds(3600), seconds(600)}, []health.Duration{check.Response, check.Reminder})
	require.Equal(t, []workflows.Maintenance{
		{Cron: "0 2 * * *", For: seconds(1800), Reason: "backup"},
		{From: at, Until: at.Add(time.Minute)},
	}, check.Maintenance)
	require.Equal(t, []workflows.Level{
		{After: seconds(0), Alerts: []string{"oncall"}}, {After: seconds(900), Alerts: []string{"lead"}},
	}, check.Escalation, "level for P0 is not for a service of P1")
	plan := check.Remediation
	require.Equal(t, health.ModeApprove, plan.Mode)
	require.Equal(t, []health.Duration{seconds(300), seconds(1200)}, []health.Duration{plan.ApproveWithin, plan.StableFor})
	require.Equal(t, health.Limits{PerIncident: 3, IncidentsPerHour: 2, RestartsPerDay: 9}, plan.Limits)
}

// What surrounds a remedy has its time too.
func TestStepLimits(t *testing.T) {
	options := step{"restart it", time.Minute}
	for name, test := range map[string]struct {
		step config.Step
		want health.Duration
	}{
		"the remedy alone": {config.Step{}, seconds(60)},
		"a pre-check":      {config.Step{PreCheck: &config.Probe{}}, seconds(70)},
		"a post-check":     {config.Step{PostCheck: &config.Probe{}}, seconds(70)},
		"evidence":         {config.Step{Evidence: 1}, seconds(66)},
		"all":              {config.Step{PreCheck: &config.Probe{}, PostCheck: &config.Probe{}, Evidence: 20}, seconds(86)},
	} {
		t.Run(name, func(t *testing.T) {
			service := clickhouse()
			test.step.Options, test.step.Tries = options, 4
			service.Remediation.Steps = []config.Step{test.step}
			require.Equal(t, []workflows.Step{{Title: "restart it", Limit: test.want, Tries: 4}}, CheckOf(service).Remediation.Steps)
		})
	}
}

// A check of a configuration comes out of a schedule as it went in, or each
// apply would find a change.
func TestCheckOfAConfigurationIsStable(t *testing.T) {
	cfg, err := config.Parse("test.yml", []byte(`
services:
  - name: web
    timezone: Europe/Madrid
    labels: {team: web}
    maintenance: [{from: 2026-11-22 02:00, for: 1h}, {cron: "0 4 * * SUN", for: 30m}]
    escalation: [{after: 0s, alerts: [log]}, {alerts: [log]}]
    probe: {tcp: {address: "127.0.0.1:1"}}
    remediation: {steps: [{exec: {command: ["true"]}, tries: 2, pre_check: {tcp: {address: "127.0.0.1:2"}}}, {exec: {command: ["true"]}}]}
`), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	check := CheckOf(cfg.Services[0])
	require.Equal(t, time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC), check.Maintenance[0].From)
	require.Equal(t, time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC), check.Maintenance[0].Until)
	require.Equal(t, []workflows.Level{
		{After: 0, Alerts: []string{"log"}}, {After: seconds(3600), Alerts: []string{"log"}},
	}, check.Escalation)
	require.Equal(t, []int{2, 0}, []int{check.Remediation.Steps[0].Tries, check.Remediation.Steps[1].Tries})
	text, err := json.Marshal(check)
	require.NoError(t, err)
	var again workflows.Check
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, check, again)
	require.True(t, compare(existing(t, check), check, "paramedic").none())
}

// The Monitor of a service with targets knows how they are looked at, and not
// which they are.
func TestCheckOfTargets(t *testing.T) {
	cfg, err := config.Parse("test.yml", []byte(`
services:
  - name: shops
    interval: 3s
    watch: 2
    probe: {http: {url: "http://{{target}}/"}}
    targets: [{target: "10.0.0.1:80", labels: {tier: gold}}]
    fleet: {batch: 200, vantage: [eu, us], classes: [{name: gold, match: {tier: gold}, interval: 1s}]}
  - name: desks
    probe: {tcp: {address: "{{target}}"}}
    targets: {file_sd: desks.json}
  - name: plain
    probe: {tcp: {address: "127.0.0.1:1"}}
`), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	shops, desks, plain := CheckOf(cfg.Services[0]), CheckOf(cfg.Services[1]), CheckOf(cfg.Services[2])
	require.Equal(t, &workflows.Fleet{
		Batch: 200, Classes: []workflows.Class{{Name: "gold", Interval: seconds(1)}}, MaxOpenIncidents: 50,
		Vantage: []string{"eu", "us"}, Quorum: 2,
	}, shops.Fleet)
	require.Equal(t, seconds(12), shops.Watch, "two watches of six seconds, for one would be below ten")
	require.Equal(t, []int{0, 0}, []int{shops.FlapLow, shops.FlapHigh})
	require.Equal(t, &workflows.Fleet{Batch: 1000, MaxOpenIncidents: 50}, desks.Fleet)
	require.Equal(t, seconds(600), desks.Watch)
	require.Nil(t, plain.Fleet)
	text, err := json.Marshal(shops)
	require.NoError(t, err)
	require.NotContains(t, string(text), "10.0.0.1")
	var again workflows.Check
	require.NoError(t, json.Unmarshal(text, &again))
	require.True(t, compare(existing(t, shops), again, "paramedic").none())
}

func TestCheckOfWithoutRemediationAlertsOnly(t *testing.T) {
	service := clickhouse()
	service.Remediation = nil
	require.Empty(t, CheckOf(service).Remediation.Steps)
}

func TestWatch(t *testing.T) {
	for name, test := range map[string]struct {
		interval time.Duration
		probes   int
		cron     string
		want     health.Duration
	}{
		"ten probes":               {time.Minute, 10, "", seconds(600)},
		"rounded up":               {1300 * time.Millisecond, 9, "", seconds(12)},
		"at least ten seconds":     {time.Second, 3, "", seconds(10)},
		"an hour for a cron entry": {0, 10, "*/5 * * * *", seconds(3600)},
	} {
		t.Run(name, func(t *testing.T) {
			service := config.Service{Cron: test.cron}
			service.Interval, service.Watch = health.Duration(test.interval), test.probes
			require.Equal(t, test.want, watchOf(service))
		})
	}
}
