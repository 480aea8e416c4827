package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/targets"
)

// crowd is a process that watches services, and one with so many targets. Every
// twentieth target is down.
func crowd(t testing.TB, services, size int, now time.Time) (*Metrics, *board.Board) {
	t.Helper()
	all := make([]health.Target, size)
	findings := make([]health.Finding, size)
	late := make([]time.Duration, size)
	for i := range all {
		all[i] = health.Target{Name: fmt.Sprintf("10.0.%d.%d:80", i/256, i%256)}
		findings[i] = health.Finding{Target: all[i].Name, Result: result(health.Healthy, now, map[string]float64{"status_code": 200})}
		if i%20 == 0 {
			findings[i].Status = health.Unhealthy
		}
		late[i] = time.Duration(i) * time.Millisecond
	}
	list, err := targets.NewList(all, nil)
	require.NoError(t, err)
	configuration := []board.Configured{configured("shops")}
	configuration[0].HasTargets = true
	for i := range services {
		configuration = append(configuration, configured(fmt.Sprintf("service-%04d", i)))
	}
	b := newBoard()
	b.SetTargets(func(string) (*targets.List, error) { return list, nil })
	b.Keep(configuration)
	m := New(Options{Board: b, Now: func() time.Time { return now }})
	b.Surveyed("shops", findings, late)
	m.Surveyed("shops", findings, late)
	for i := 0; i < size; i += 20 {
		b.Stand(health.Standing{Service: "shops", Target: all[i].Name, State: health.StateDown, At: now})
		b.Report(health.Incident{
			ID: all[i].Name, Service: "shops", Target: all[i].Name, Severity: "P2", State: health.Triggered, FirstFailureAt: now,
		})
	}
	for _, s := range configuration[1:] {
		b.Probed(s.Name, "", result(health.Healthy, now, map[string]float64{"status_code": 200, "rows": 3, "lag_seconds": 3}))
		m.Probed(s.Name, result(health.Healthy, now, nil))
	}
	return m, b
}

// TestTargetsAreTold by their service: there are too many for a series each.
func TestTargetsAreTold(t *testing.T) {
	m, b := crowd(t, 0, 41, time.Now())
	answer := scrape(t, m)
	require.Equal(t, []string{
		`paramedic_target_incidents{service="shops"} 3`,
		`paramedic_target_interval_seconds{service="shops"} 60`,
		`paramedic_targets{service="shops",state="degraded"} 0`,
		`paramedic_targets{service="shops",state="down"} 3`,
		`paramedic_targets{service="shops",state="failing"} 0`,
		`paramedic_targets{service="shops",state="healthy"} 38`,
		`paramedic_targets{service="shops",state="paused"} 0`,
		`paramedic_targets{service="shops",state="unknown"} 0`,
	}, lines(answer, "paramedic_target", "paramedic_incident_whole"))
	for _, line := range []string{
		`paramedic_incident_open{service="shops",severity="P2",state="triggered"} 1`,
		`paramedic_probe_up{service="shops"} 1`,
		`paramedic_probe_duration_seconds_count{service="shops"} 38`,
		`paramedic_probes_failed_total{service="shops"} 3`,
		`paramedic_probe_lateness_seconds_count{service="shops"} 41`,
		`paramedic_probe_lateness_seconds_bucket{service="shops",le="0.1"} 41`,
	} {
		require.Contains(t, answer, line+"\n")
	}
	require.NotContains(t, answer, "10.0.0")

	b.Report(health.Incident{ID: "shops@1", Service: "shops", Severity: "P2", State: health.Triggered})
	answer = scrape(t, m)
	require.Contains(t, answer, `paramedic_incident_whole{service="shops"} 1`)
	require.Contains(t, answer, `paramedic_target_incidents{service="shops"} 3`)
	b.Keep(nil)
	require.NotContains(t, scrape(t, m), `"shops"`, "a service that goes takes its series with it")
}

func TestLoadIsTold(t *testing.T) {
	require.Equal(t, []string{
		`paramedic_probes_running 7`,
		`paramedic_probes_unjudged_total{reason="missed"} 2`,
		`paramedic_probes_unjudged_total{reason="overloaded"} 3`,
		`paramedic_probes_waiting 5`,
	}, lines(scrape(t, busy(noon)), "paramedic_probes_running", "paramedic_probes_unjudged", "paramedic_probes_waiting"))
}

// TestScrapeOfTargets: as many series for ten thousand targets as for ten.
func TestScrapeOfTargets(t *testing.T) {
	few, _ := crowd(t, 1, 10, time.Now())
	many, _ := crowd(t, 1, 10_000, time.Now())
	require.Equal(t, strings.Count(scrape(t, few), "{service=\"shops\""), strings.Count(scrape(t, many), "{service=\"shops\""))
}
