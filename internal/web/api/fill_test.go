package api

import (
	"errors"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// hostile is what a service may say that wants to break whoever shows it.
const hostile = "<script>alert(1)</script> \u202e\"quoted\" \\ \u2028 ]]>"

// configured are those three services.
func configured() []board.Configured {
	return []board.Configured{
		{Name: "web", Severity: "P2", Kind: "http", Interval: time.Minute, Timeout: 5 * time.Second, FailureThreshold: 3,
			Labels: map[string]string{"team": "shop"}, Mode: health.ModeObserve, YAML: "name: web\n"},
		{Name: "clickhouse", Severity: "P1", Kind: "clickhouse", Interval: time.Minute, Timeout: 5 * time.Second,
			FailureThreshold: 3, Runbook: "https://wiki.example/clickhouse", Impact: "no reports",
			Labels: map[string]string{"team": "data", "tier": "1"}, Steps: []string{"restart clickhouse-server"},
			Receivers: []string{"ops"}, YAML: "name: clickhouse\nprobe: {clickhouse: {password: ***}}\n"},
		{Name: "cache", Severity: "P0", Kind: "redis", Interval: time.Minute, Timeout: 5 * time.Second, FailureThreshold: 3,
			Labels: map[string]string{"team": "data"}, DependsOn: []string{"clickhouse"}},
	}
}

// fill brings in three services: cache is down with an open incident,
// clickhouse is healthy and counts rows, and web has been told much.
func (w *world) fill() *world {
	w.board.Keep(configured())
	w.probed("web", health.Degraded, -time.Second, hostile)
	w.probed("cache", health.Unhealthy, -2*time.Minute, "timeout")
	w.probed("cache", health.Unhealthy, -time.Second, "connection refused")
	w.board.Probed("clickhouse", "", health.Result{
		Status: health.Healthy, At: w.now.Add(-time.Second), LatencyMS: 12.5, Message: "row count 4711",
		Observations: map[string]float64{"rows": 4711}, Facts: map[string]string{"tier": "primary"},
	})
	for name, state := range map[string]health.State{
		"web": health.StateDegraded, "clickhouse": health.StateHealthy, "cache": health.StateDown,
	} {
		w.board.Stand(health.Standing{Service: name, State: state, Since: w.now.Add(-time.Hour), At: w.now})
	}
	w.board.Report(w.open())
	w.board.Report(w.closed())
	w.board.Alerted("ops", []health.Alert{{
		DedupKey: "cache/down", Service: "cache", Incident: w.open().ID, Status: health.AlertDown, Stage: health.AlertInitial,
	}}, time.Second, errors.New(hostile))
	w.board.Outbox(health.Outbox{Receiver: "ops", At: w.now, Waiting: 1, Delivered: 3, Lost: 1, DeadLetters: []health.DeadLetter{{
		ID: "4", Receiver: "ops", At: w.now, Error: "status 404", Tries: 2,
		Alert: health.Alert{Service: "cache", Status: health.AlertDown, Stage: health.AlertInitial, Severity: "P0", At: w.now, Since: w.now, DedupKey: "k"},
	}}})
	return w
}

func (w *world) probed(service string, status health.Status, ago time.Duration, message string) {
	w.board.Probed(service, "", health.Result{Status: status, At: w.now.Add(ago), LatencyMS: 7, Message: message})
}

// open is the open incident of cache, which asks a human.
func (w *world) open() health.Incident {
	began := w.now.Add(-2 * time.Minute)
	incident := health.Incident{
		ID: health.IncidentID("cache", "", began), Service: "cache", Severity: "P0", State: health.Acknowledged,
		FirstFailureAt: began, OpenedAt: began.Add(time.Minute), ActedAt: began.Add(90 * time.Second),
		Workflow: "remediation/cache", Run: "run-1", Reason: hostile, Attempts: 1, Restarts: 1, Action: "restarted dragonfly",
		Waiting: "a human is asked", ApproveBy: w.now.Add(time.Hour), Held: map[health.Rule]int{health.RuleApproval: 2},
		Acknowledged: &health.Acknowledgement{By: "ana", Note: "mine", At: w.now}, Affected: []string{"web"},
	}
	incident.Timeline.Add(began, health.EntryFailure, hostile)
	return incident
}

// closed is an incident of web of yesterday.
func (w *world) closed() health.Incident {
	began := w.now.Add(-24 * time.Hour)
	return health.Incident{
		ID: health.IncidentID("web", "", began), Service: "web", Severity: "P2", State: health.Resolved,
		FirstFailureAt: began, OpenedAt: began.Add(time.Minute), ResolvedAt: began.Add(5 * time.Minute),
		Reason: "status 503", Outcome: health.Recovered, Workflow: "remediation/web", Run: "run-0",
	}
}

// state is what the Monitors of the test answer.
func (w *world) state() workflows.MonitorState {
	return workflows.MonitorState{
		State: health.StateHealthy, Since: w.now, LastProbeAt: w.now, LatencyMS: 3, Message: "fine",
		Orders: health.Orders{Maintenance: &health.Window{From: w.now, Until: w.now.Add(time.Hour), By: "ana"}},
	}
}
