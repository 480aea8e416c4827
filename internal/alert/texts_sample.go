package alert

import (
	"fmt"
	"time"

	"paramedic/internal/health"
)

// sampleTime is when the samples' outage begins.
var sampleTime = time.Date(2026, 3, 19, 14, 27, 45, 0, time.UTC)

// sample is an alert that says everything there is to say.
func sample(stage health.AlertStage, service string) health.Alert {
	a := health.Alert{
		Stage: stage, Status: health.AlertDown, Incident: service + "@20260319T142745.000Z", Service: service, Severity: "P1",
		Labels: map[string]string{"team": "data"},
		Impact: "Dashboards show no new data.", Reason: "row count 0 < 1 after 3 failed probes",
		Action: "restarted " + service + "-server", Attempts: 1, Affected: []string{"api", "reports"},
		Evidence: "Mar 19 14:27:40 db1 clickhouse-server[812]: <Error> Out of memory\n\tat MergeTree <1>\nMainPID=812",
		Since:    sampleTime, At: sampleTime.Add(105 * time.Second), Response: health.Duration(time.Hour),
		NextUpdate: sampleTime.Add(time.Hour), Runbook: "https://runbooks.example/" + service,
		Workflow: "remediation/" + service, Run: "5c3f", Link: "https://temporal.example/namespaces/default/workflows/remediation%2F" + service,
	}
	a.DedupKey = a.Incident + "/down"
	switch stage {
	case health.AlertUpdate:
		a.News, a.Owner = "escalated to level 2 after 15m without an acknowledgement", "ana"
		a.At, a.DedupKey = sampleTime.Add(15*time.Minute), a.Incident+"/update-2"
	case health.AlertResolution:
		a.Status, a.Outcome, a.Downtime = health.AlertRecovered, health.Healed, health.Duration(135*time.Second)
		a.At, a.NextUpdate, a.Evidence = sampleTime.Add(135*time.Second), time.Time{}, ""
		a.DedupKey = a.Incident + "/recovered"
	}
	return a
}

// samples are groups of alerts that together lead through every branch of the
// built-in templates: each stage, full and bare, one and many.
func samples() [][]health.Alert {
	stages := []health.AlertStage{health.AlertInitial, health.AlertUpdate, health.AlertResolution}
	outcomes := []health.Outcome{health.Healed, health.Recovered, health.ByHand, health.Abandoned, ""}
	var groups [][]health.Alert
	var all []health.Alert
	for i, stage := range stages {
		for severity := range 4 {
			a := sample(stage, fmt.Sprintf("service-%d", 4*i+severity))
			a.Severity = fmt.Sprintf("P%d", severity)
			all = append(all, a)
			groups = append(groups, []health.Alert{a}, all)
		}
		bare := health.Alert{Stage: stage, Status: sample(stage, "").Status, Service: "bare", Target: "eu"}
		groups = append(groups, []health.Alert{bare}, []health.Alert{sample(stages[0], "one"), sample(stage, "one"), bare})
	}
	for _, outcome := range outcomes {
		a := sample(health.AlertResolution, "one")
		b := sample(health.AlertResolution, "two")
		a.Outcome, b.Outcome, a.Runbook, a.Action = outcome, outcome, "none yet", ""
		groups = append(groups, []health.Alert{a}, []health.Alert{b}, []health.Alert{a, b})
	}
	return groups
}
