package metrics

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/supervise"
)

var noon = time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)

// lines are those of a scrape that begin with any of the prefixes.
func lines(scrape string, prefixes ...string) []string {
	var found []string
	for line := range strings.Lines(scrape) {
		for _, prefix := range prefixes {
			if strings.HasPrefix(line, prefix) {
				found = append(found, strings.TrimSpace(line))
			}
		}
	}
	return found
}

func TestServicesAreTold(t *testing.T) {
	now := time.Now().Truncate(time.Second) // the board knows the machine's clock
	require.Equal(t, []string{
		`paramedic_incident_exhausted{reason="per incident",service="redis"} 1`,
		`paramedic_incident_open{service="redis",severity="P0",state="triggered"} 1`,
		`paramedic_incident_restarts{service="redis"} 3`,
		`paramedic_incident_start_timestamp_seconds{service="redis"} ` + seconds(now.Add(-time.Minute)),
		`paramedic_observation{name="lag_seconds",service="web"} 7`,
		`paramedic_observation{name="rows",service="web"} 3`,
		`paramedic_probe_failure_streak{service="redis"} 4`,
		`paramedic_probe_up{service="redis"} 0`,
		`paramedic_probe_up{service="web"} 1`,
		`paramedic_service_flapping{service="redis"} 1`,
		`paramedic_service_info{kind="http",mode="act",service="new",severity="P1"} 1`,
		`paramedic_service_info{kind="http",mode="act",service="redis",severity="P1"} 1`,
		`paramedic_service_info{kind="http",mode="act",service="web",severity="P1"} 1`,
		`paramedic_service_state{service="new",state="unknown"} 1`,
		`paramedic_service_state{service="redis",state="down"} 1`,
		`paramedic_service_state{service="web",state="healthy"} 1`,
		`paramedic_watch_lateness_seconds{service="new"} 0`,
		`paramedic_watch_lateness_seconds{service="redis"} 0`,
		`paramedic_watch_lateness_seconds{service="web"} 0`,
	}, lines(scrape(t, busy(now)), "paramedic_service", "paramedic_observation", "paramedic_incident_", "paramedic_probe_up",
		"paramedic_probe_failure", "paramedic_watch", "paramedic_monitor"))
}

// seconds writes a time as a scrape does.
func seconds(at time.Time) string { return strconv.FormatFloat(float64(at.Unix()), 'g', -1, 64) }

func TestWhatHappensIsCounted(t *testing.T) {
	answer := scrape(t, busy(noon))
	for _, line := range []string{
		`paramedic_alerts_delivered_total{receiver="ops"} 9`,
		`paramedic_alerts_lost_total{receiver="ops"} 1`,
		`paramedic_alerts_total{outcome="dead",receiver="ops"} 0`,
		`paramedic_alerts_total{outcome="delivered",receiver="ops"} 1`,
		`paramedic_config_last_reload_success_timestamp_seconds 1.7739216e+09`,
		`paramedic_config_last_reload_successful 1`,
		`paramedic_dead_letters{receiver="ops"} 1`,
		`paramedic_downtime_seconds_total{service="web"} 120`,
		`paramedic_incidents_total{outcome="healed",severity="P1"} 1`,
		`paramedic_incidents_total{outcome="healed",severity="P0"} 0`,
		`paramedic_outbox_waiting{receiver="ops"} 2`,
		`paramedic_permits_in_use 1`,
		`paramedic_permits_total{answer="granted"} 1`,
		`paramedic_permits_total{answer="refused"} 0`,
		`paramedic_probe_duration_seconds_bucket{service="web",le="0.1"} 0`,
		`paramedic_probe_duration_seconds_bucket{service="web",le="0.25"} 1`,
		`paramedic_probe_duration_seconds_sum{service="web"} 0.12`,
		`paramedic_probes_failed_total{service="redis"} 1`,
		`paramedic_probes_failed_total{service="web"} 0`,
		`paramedic_remediations_held_total{reason="backoff"} 1`,
		`paramedic_remediations_total{outcome="applied"} 1`,
		`paramedic_remediations_total{outcome="error"} 0`,
		`paramedic_store_behind_seconds 30`,
		`paramedic_store_buffered 5`,
		`paramedic_store_dropped_total 1`,
		`paramedic_store_write_failures_total 2`,
		`paramedic_store_written_total 100`,
	} {
		require.Contains(t, answer, "\n"+line+"\n")
	}
	require.Contains(t, answer, `paramedic_build_info{goversion="go`)
	require.NotContains(t, answer, `paramedic_probe_duration_seconds_count{service="redis"}`, "a failed probe has no duration worth knowing")
}

func TestPartsOfTheProcess(t *testing.T) {
	answer := scrape(t, busy(noon))
	require.Equal(t, []string{
		`worker_heartbeat_timestamp_seconds{name="http-server"} 1.7739216e+09`,
		`worker_heartbeat_timestamp_seconds{name="temporal-worker"} 1.77392154e+09`,
		`worker_status{name="http-server"} 1`,
		`worker_status{name="lookout"} 0`,
		`worker_status{name="temporal-worker"} 0`,
	}, lines(answer, "worker_status", "worker_heartbeat"))
	require.Contains(t, answer, `worker_transitions_total{name="temporal-worker",to="failed"} 2`)
	require.Contains(t, answer, `worker_transitions_total{name="lookout",to="failed"} 0`)
}

// TestWorkerStatusFollowsTheStatus: nothing but healthy is running.
func TestWorkerStatusFollowsTheStatus(t *testing.T) {
	for status, want := range map[supervise.Status]string{
		supervise.Healthy: "1", supervise.Starting: "0", supervise.Stopped: "0", supervise.Failed: "0",
	} {
		m := New(Options{Health: func() supervise.Health {
			return supervise.Health{Parts: map[string]supervise.Mark{"p": {Status: status}}}
		}})
		require.Contains(t, scrape(t, m), "\nworker_status{name=\"p\"} "+want+"\n", status)
	}
}

// TestLateMonitor: what was found long ago is not told as if it were true.
func TestLateMonitor(t *testing.T) {
	b := newBoard()
	b.Keep([]board.Configured{configured("web"), configured("new")})
	now := time.Now()
	b.Probed("web", "", result(health.Healthy, now.Add(-10*time.Minute), map[string]float64{"rows": 3}))
	b.Stand(health.Standing{Service: "web", State: health.StateHealthy, At: now})
	clock := now
	m := New(Options{Board: b, Now: func() time.Time { return clock }})
	answer := scrape(t, m)
	require.Contains(t, answer, `paramedic_service_state{service="web",state="unknown"} 1`)
	require.Contains(t, answer, `paramedic_monitor_late{service="web"} 1`)
	require.Contains(t, answer, `paramedic_watch_lateness_seconds{service="web"} 530`, "10 minutes less interval and time-out")
	require.NotContains(t, answer, `paramedic_probe_up{service="web"}`)
	require.NotContains(t, answer, "paramedic_observation{")
	require.NotContains(t, answer, `paramedic_monitor_late{service="new"}`, "it has only just come")

	clock = now.Add(5 * time.Minute)
	answer = scrape(t, m)
	require.Contains(t, answer, `paramedic_monitor_late{service="new"} 1`, "it was never probed at all")
	require.Contains(t, answer, `paramedic_watch_lateness_seconds{service="new"} 230`)
}

func TestNobodyIsLateWhereNobodyCanSay(t *testing.T) {
	cron, paused := configured("cron"), configured("paused")
	cron.Interval, cron.Cron = 0, "0 * * * *"
	b := newBoard()
	b.Keep([]board.Configured{cron, paused})
	for _, name := range []string{"cron", "paused"} {
		b.Probed(name, "", result(health.Healthy, time.Now().Add(-time.Hour), nil))
	}
	b.Stand(health.Standing{Service: "paused", State: health.StatePaused, At: time.Now()})
	answer := scrape(t, New(Options{Board: b}))
	require.Empty(t, lines(answer, "paramedic_watch_lateness_seconds", "paramedic_monitor_late"))
}

// TestServiceThatGoesTakesItsSeriesWithIt: names that come and go must not pile up.
func TestServiceThatGoesTakesItsSeriesWithIt(t *testing.T) {
	b := newBoard()
	b.Keep([]board.Configured{configured("web"), configured("old")})
	m := New(Options{Board: b})
	for _, service := range []string{"web", "old"} {
		m.Probed(service, result(health.Healthy, noon, nil))
		m.IncidentClosed(health.Incident{ID: service, Service: service, State: health.Resolved})
	}
	require.Len(t, lines(scrape(t, m), `paramedic_downtime_seconds_total{service="old"}`), 1)
	b.Keep([]board.Configured{configured("web")})
	answer := scrape(t, m)
	require.NotRegexp(t, `(?m)^.*service="old".*$`, answer)
	require.Contains(t, answer, `paramedic_probe_duration_seconds_count{service="web"} 1`)
}

func TestIncidentThatIsToldTwiceCountsOnce(t *testing.T) {
	m := New(Options{})
	incident := health.Incident{
		ID: "web@1", Service: "web", Severity: "P1", State: health.Resolved, Outcome: health.Recovered,
		FirstFailureAt: noon, ResolvedAt: noon.Add(time.Minute),
	}
	m.IncidentClosed(incident)
	m.IncidentClosed(incident)
	incident.ID = "web@2"
	m.IncidentClosed(incident)
	answer := scrape(t, m)
	require.Contains(t, answer, `paramedic_incidents_total{outcome="recovered",severity="P1"} 2`)
	require.Contains(t, answer, `paramedic_downtime_seconds_total{service="web"} 120`)
}

func TestReloadThatFails(t *testing.T) {
	now := noon
	m := New(Options{Now: func() time.Time { return now }})
	now = noon.Add(time.Hour)
	m.Reloaded(false)
	answer := scrape(t, m)
	require.Contains(t, answer, "\nparamedic_config_last_reload_successful 0\n")
	require.Contains(t, answer, "paramedic_config_last_reload_success_timestamp_seconds 1.7739216e+09\n", "that of the last success")
}

// TestLint: names, units and help texts are as Prometheus wants them.
func TestLint(t *testing.T) {
	families, err := busy(noon).gather()
	require.NoError(t, err)
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestTextThatIsNoTextSpoilsNoScrape(t *testing.T) {
	b := newBoard()
	broken := configured("web")
	broken.Kind = "a\xffb"
	b.Keep([]board.Configured{broken})
	require.Contains(t, scrape(t, New(Options{Board: b})), "kind=\"a\uFFFDb\"")
}

func TestOpenMetrics(t *testing.T) {
	answer := scrape(t, busy(noon), "Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
	require.True(t, strings.HasSuffix(answer, "\n# EOF\n"))
	require.Contains(t, answer, "# TYPE paramedic_alerts counter\n")
}
