package browser

import (
	"testing"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/pipeline"
	"paramedic/internal/store"
)

// plant is a data pipeline: events come in at a gateway, wait in a write-ahead
// log, are stored in ClickHouse, and what could not be stored waits in queues
// for recovery. How it does is said by the age of its newest event.
func plant(t testing.TB, age time.Duration) *world {
	w := newWorld(t)
	w.keep(plantServices()...)
	broken := age > outage
	w.plantWell(age, broken)
	if broken {
		w.plantBroken()
	}
	return w.serve(site{panels: plantPanels(), public: true})
}

const (
	// outage is how long ClickHouse is away when the plant is broken, refused what
	// its probes find.
	outage  = 64 * time.Minute
	refused = "connection refused while connecting to 10.0.0.12:9000"
)

func plantServices() []board.Configured {
	labelled := map[string]string{"team": "ingest"}
	clickhouse := board.Configured{
		Name: "clickhouse", Severity: "P1", Kind: "clickhouse", Interval: time.Minute, Labels: labelled,
		Impact: "Reports show nothing of today.", Runbook: "https://wiki.example.org/runbooks/clickhouse",
		Steps: []string{"restart clickhouse-server.service", "run /opt/failover.sh"}, Receivers: []string{"ops", "pager"},
		YAML: `name: clickhouse
severity: P1
probe:
  clickhouse:
    dsn: "***"
    queries:
      - {name: lag_seconds, query: "SELECT now() - max(at) FROM events", max: 900}
remediation:
  steps:
    - systemd: {unit: clickhouse-server.service}
    - exec: {command: [/opt/failover.sh]}
alerts: [ops, pager]
`,
	}
	return []board.Configured{
		clickhouse,
		{Name: "gateway", Severity: "P1", Kind: "http", Interval: time.Minute, Labels: labelled},
		{Name: "wal", Severity: "P2", Kind: "directory", Interval: time.Minute, Labels: labelled},
		{Name: "dlq", Severity: "P2", Kind: "redis", Interval: time.Minute, Labels: labelled},
		{Name: "aggregator", Severity: "P2", Kind: "postgres", Interval: time.Minute, DependsOn: []string{"clickhouse"}, Labels: labelled},
		{Name: "archive", Severity: "P3", Kind: "s3", Interval: 5 * time.Minute, Labels: labelled},
		{Name: "reports", Severity: "P2", Kind: "http", Interval: time.Minute, DependsOn: []string{"clickhouse"}, Labels: map[string]string{"team": "web"}},
		{Name: "accounts", Severity: "P1", Kind: "postgres", Interval: time.Minute, Labels: map[string]string{"team": "web"}},
	}
}

func plantPanels() *pipeline.Panels {
	freshness, wal, failover, sync := pipeline.DefaultFreshness, pipeline.DefaultWAL, pipeline.DefaultFailover, pipeline.DefaultSync
	freshness.Service, wal.Service, failover.Service, sync.Service = "clickhouse", "wal", "gateway", "aggregator"
	events, clicks := pipeline.DefaultQueue, pipeline.DefaultQueue
	events.Name, events.Service = "events", "dlq"
	clicks.Name, clicks.Service, clicks.Pending = "clicks", "dlq", "pending_clicks"
	clicks.Recovered = "recovered_clicks"
	sync.Tables = []pipeline.Table{{Name: "hourly", Rows: "rows_hourly"}, {Name: "geo", Rows: "rows_geo"}, {Name: "media", Rows: "rows_media"}}
	return &pipeline.Panels{
		Freshness: &freshness, Services: []string{"gateway", "wal", "clickhouse", "dlq", "aggregator", "archive"},
		WAL: &wal, DLQ: []pipeline.Queue{events, clicks}, Failover: &failover, Sync: &sync,
	}
}

// plantWell is the plant as it is nearly always.
func (w *world) plantWell(age time.Duration, broken bool) {
	day := 24 * time.Hour
	latencies := map[string]float64{
		"clickhouse": 21, "gateway": 8, "wal": 0.6, "dlq": 1.9, "aggregator": 5, "archive": 48, "reports": 64, "accounts": 3.4,
	}
	for service, mean := range latencies {
		w.remembers(service, 89*day, 4*time.Hour, mean, "", nil)
		gone := time.Duration(0)
		if broken && service == "clickhouse" {
			gone = outage
		}
		w.remembers(service, day, 4*time.Minute, mean, refused, since(gone))
	}
	tier, standby := "primary", 1.0
	if age > 15*time.Minute {
		tier = "standby"
	}
	fine := func(latency float64, message string) health.Result {
		return health.Result{Status: health.Healthy, LatencyMS: latency, Message: message}
	}
	with := func(r health.Result, numbers map[string]float64, facts map[string]string) health.Result {
		r.Observations, r.Facts = numbers, facts
		return r
	}
	if !broken {
		w.stands("clickhouse", health.StateHealthy, 12*day, with(fine(20.4, "row count 184220 >= 1"),
			map[string]float64{"lag_seconds": age.Seconds(), "rows": 184220}, map[string]string{"version": "25.8.2"}))
	}
	w.stands("gateway", health.StateHealthy, 31*day, with(fine(7.9, "status 200"),
		map[string]float64{"last_event_seconds": 1560, "last_event_duration_seconds": 95, "standby_reachable": standby}, map[string]string{"tier": tier}))
	w.stands("wal", health.StateHealthy, 6*day, with(fine(0.6, "3 files, 48 MB"),
		map[string]float64{string(pipeline.DefaultWAL.Size): 48.2e6, "files": 3, "newest_age_seconds": 4, "pending": 0}, nil))
	w.stands("dlq", health.StateHealthy, 6*day, with(fine(1.8, "12 pending < 1000"),
		map[string]float64{"pending": 12, "pending_clicks": 0, "last_attempt_seconds": 240, "recovered_today": 1204, "recovered_clicks": 86}, map[string]string{"last_result": "all 40 recovered"}))
	w.stands("aggregator", health.StateHealthy, 6*day, with(fine(4.7, "lag 4m 10s < 15m"),
		map[string]float64{"lag_seconds": 250, "rows_hourly": 1903442, "rows_geo": 48210, "rows_media": 7731}, nil))
	w.stands("archive", health.StateHealthy, 20*day, fine(47, "wrote, read and deleted an object"))
	w.stands("reports", health.StateHealthy, 2*day, fine(66, "status 200"))
	w.stands("accounts", health.StateHealthy, 44*day, fine(3.3, "SELECT 1 answered"))
}

// plantBroken is the plant some time after ClickHouse went away.
func (w *world) plantBroken() {
	for _, days := range []int{13, 37, 38, 71} {
		at := time.Duration(days) * 24 * time.Hour
		w.failed("clickhouse", at, 25*time.Minute, refused)
		w.pile.Incidents = append(w.pile.Incidents, w.healed("clickhouse", at, 9*time.Minute, refused))
	}
	w.stands("clickhouse", health.StateDown, outage-2*time.Minute, health.Result{Status: health.Unhealthy, At: w.now.Add(-9 * time.Second), LatencyMS: 1.1, Message: refused,
		Observations: map[string]float64{"lag_seconds": 68 * 60}},
		func(s *health.Standing) { s.Failures = 65 })
	w.stands("reports", health.StateDegraded, 59*time.Minute, health.Result{Status: health.Degraded, At: w.now.Add(-11 * time.Second), LatencyMS: 1240, Message: "latency 1240ms > 500ms"})
	i := w.plantIncident()
	w.board.Report(i)
	for n, outcome := range []store.AlertOutcome{store.AlertDelivered, store.AlertRetrying} {
		alert := store.Alert{
			DedupKey: i.ID, Receiver: []string{"ops", "pager"}[n], Service: i.Service, Incident: i.ID, Status: health.AlertDown,
			Stage: health.AlertInitial, At: i.OpenedAt.Add(time.Duration(n+1) * time.Second), Outcome: outcome,
		}
		if outcome == store.AlertRetrying {
			alert.Error = "POST https://pager.example.org/v2/enqueue: 503 Service Unavailable"
		}
		w.pile.Alerts = append(w.pile.Alerts, alert)
	}
}

func (w *world) plantIncident() health.Incident {
	i := w.story("clickhouse", outage, refused,
		entry{0, health.EntryFailure, "failure 1/3: " + refused},
		entry{time.Minute, health.EntryFailure, "failure 2/3: " + refused},
		entry{2 * time.Minute, health.EntryFailure, "failure 3/3: " + refused},
		entry{2 * time.Minute, health.EntryOpened, "incident opened, severity P1"},
		entry{122 * time.Second, health.EntryAlert, "ops told: down"},
		entry{123 * time.Second, health.EntryDecision, "act: restart 1 of 3 in this incident"},
		entry{124 * time.Second, health.EntryAttempt, "attempt 1: restart clickhouse-server.service"},
		entry{124 * time.Second, health.EntryEvidence, "clickhouse-server[811]: <Fatal> Application: std::exception: not enough space\nsystemd[1]: clickhouse-server.service: Main process exited, status=1"},
		entry{139 * time.Second, health.EntryVerification, "still down: " + refused},
		entry{140 * time.Second, health.EntryDecision, "held: backing off for 5m after attempt 1"},
		entry{5 * time.Minute, health.EntryNote, "also degraded: reports, which depends on this"},
		entry{440 * time.Second, health.EntryDecision, "act: restart 2 of 3 in this incident"},
		entry{441 * time.Second, health.EntryAttempt, "attempt 2: restart clickhouse-server.service"},
		entry{455 * time.Second, health.EntryVerification, "still down: " + refused},
		entry{456 * time.Second, health.EntryDecision, "held: backing off for 15m after attempt 2"},
		entry{1356 * time.Second, health.EntryDecision, "act: restart 3 of 3 in this incident"},
		entry{1357 * time.Second, health.EntryAttempt, "attempt 3: run /opt/failover.sh"},
		entry{1371 * time.Second, health.EntryVerification, "still down: " + refused},
		entry{1372 * time.Second, health.EntryDecision, "held: 3 of 3 restarts in this incident are used up"},
		entry{1373 * time.Second, health.EntryEscalated, "pager told: nobody has acknowledged, and nothing more is done"},
		entry{31 * time.Minute, health.EntryAcknowledged, "acknowledged by Ana: the disk is full, freeing space"},
		entry{45 * time.Minute, health.EntryVerification, "still down: " + refused},
		entry{60 * time.Minute, health.EntryVerification, "still down: " + refused},
	)
	i.State = health.Acknowledged
	i.Acknowledged = &health.Acknowledgement{By: "Ana", Note: "the disk is full, freeing space", At: i.FirstFailureAt.Add(31 * time.Minute)}
	i.Attempts, i.Restarts, i.Verifications = 3, 3, 41
	i.Action = "run /opt/failover.sh succeeded in 1.3s"
	i.Evidence = "clickhouse-server[811]: <Fatal> Application: std::exception: not enough space\nsystemd[1]: clickhouse-server.service: Main process exited, status=1"
	i.Held = map[health.Rule]int{health.RuleBackoff: 20, health.RulePerIncident: 41}
	i.Waiting = "3 of 3 restarts in this incident are used up"
	i.Runbook = "https://wiki.example.org/runbooks/clickhouse"
	i.Affected = []string{"reports"}
	return i
}

// healed is an incident that ended some time ago, after a restart.
func (w *world) healed(service string, ago, downtime time.Duration, reason string) health.Incident {
	i := w.story(service, ago, reason,
		entry{0, health.EntryFailure, "failure 1/3: " + reason},
		entry{time.Minute, health.EntryFailure, "failure 2/3: " + reason},
		entry{2 * time.Minute, health.EntryFailure, "failure 3/3: " + reason},
		entry{2 * time.Minute, health.EntryOpened, "incident opened, severity P1"},
		entry{125 * time.Second, health.EntryDecision, "act: restart 1 of 3 in this incident"},
		entry{126 * time.Second, health.EntryAttempt, "attempt 1: restart " + service + ".service"},
		entry{downtime, health.EntryVerification, "verification passed: status 200"},
		entry{downtime, health.EntryResolved, "healed after " + downtime.String()},
	)
	i.State, i.Outcome, i.ResolvedAt = health.Resolved, health.Healed, i.FirstFailureAt.Add(downtime)
	i.Attempts, i.Restarts, i.Verifications, i.Action = 1, 1, 1, "restart "+service+".service"
	return i
}
