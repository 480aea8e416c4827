package browser

import (
	"testing"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
)

// clinic is services in every state that there is: their names say how they
// are. The incidents are by service.
func clinic(t testing.TB, s site) (w *world, incidents map[string]health.Incident) {
	w = newWorld(t)
	var services []board.Configured
	for _, name := range []string{
		"healthy", "degraded", "failing", "down", "held", "acknowledged", "approval", "maintained", "silenced",
		"paused", "late", "flapping", "observed", "never-probed",
	} {
		services = append(services, board.Configured{
			Name: name, Severity: "P2", Kind: "http", Interval: time.Minute, Mode: health.ModeAct,
			Steps: []string{"restart " + name + ".service"}, Receivers: []string{"ops"}, YAML: "name: " + name + "\n",
		})
	}
	w.keep(services...)
	w.clinicStates()
	incidents = w.clinicIncidents()
	return w.serve(s), incidents
}

func (w *world) clinicStates() {
	fine := health.Result{Status: health.Healthy, LatencyMS: 12.3, Message: "status 200"}
	bad := health.Result{Status: health.Unhealthy, LatencyMS: 5001, Message: "status 503, want 200"}
	window := &health.Window{Until: w.now.Add(90 * time.Minute), By: "Ana", Reason: "new disks"}
	w.stands("healthy", health.StateHealthy, 50*time.Hour, fine)
	w.stands("degraded", health.StateDegraded, time.Hour, health.Result{Status: health.Degraded, LatencyMS: 812, Message: "latency 812ms > 500ms"})
	w.stands("failing", health.StateFailing, time.Minute, bad, func(s *health.Standing) { s.Failures = 2 })
	for _, name := range []string{"down", "held", "acknowledged", "approval"} {
		w.stands(name, health.StateDown, 20*time.Minute, bad, func(s *health.Standing) { s.Failures = 21 })
	}
	w.stands("maintained", health.StateHealthy, time.Hour, fine, func(s *health.Standing) { s.Orders.Maintenance = window })
	w.stands("silenced", health.StateHealthy, time.Hour, fine, func(s *health.Standing) { s.Orders.Silence = window })
	w.stands("paused", health.StatePaused, time.Hour, fine, func(s *health.Standing) {
		s.Paused = &health.Pause{By: "Bo", Note: "moving house", At: w.now.Add(-time.Hour)}
	})
	past := fine
	past.At = w.now.Add(-20 * time.Minute)
	w.stands("late", health.StateHealthy, time.Hour, past)
	w.stands("flapping", health.StateHealthy, time.Minute, fine, func(s *health.Standing) { s.Flapping = true })
	w.stands("observed", health.StateHealthy, time.Hour, fine, func(s *health.Standing) {
		s.Orders.Mode = &health.ModeOrder{Mode: health.ModeObserve, By: "Bo", At: w.now.Add(-time.Hour)}
	})
	w.remembers("down", 80*24*time.Hour, 3*time.Hour, 30, bad.Message, func(age time.Duration) bool { return age%(9*24*time.Hour) < 4*time.Hour })
	w.remembers("down", time.Hour, time.Minute, 30, bad.Message, since(22*time.Minute))
	w.remembers("healthy", 30*24*time.Hour, 3*time.Hour, 12, "", nil)
	w.remembers("flapping", time.Hour, time.Minute, 12, bad.Message, func(age time.Duration) bool { return age/time.Minute%4 == 0 })
}

func (w *world) clinicIncidents() map[string]health.Incident {
	const reason = "status 503, want 200"
	all := map[string]health.Incident{}
	begin := func(service string, more ...entry) health.Incident {
		return w.story(service, 22*time.Minute, reason, append([]entry{
			{0, health.EntryFailure, "failure 1/3: " + reason},
			{2 * time.Minute, health.EntryFailure, "failure 3/3: " + reason},
			{2 * time.Minute, health.EntryOpened, "incident opened, severity P2"},
		}, more...)...)
	}
	all["down"] = begin("down",
		entry{121 * time.Second, health.EntryDecision, "act: restart 1 of 3 in this incident"},
		entry{122 * time.Second, health.EntryAttempt, "attempt 1: restart down.service"},
		entry{135 * time.Second, health.EntryVerification, "still down: " + reason})
	held := begin("held",
		entry{121 * time.Second, health.EntryDecision, "held: only 7 of 14 services are healthy, and below 51 % nothing is restarted: look for a common cause"},
		entry{5 * time.Minute, health.EntryDecision, "held: down, which this depends on, is down"},
		entry{9 * time.Minute, health.EntryObserved, "would have done: restart held.service"})
	held.Held = map[health.Rule]int{health.RuleMinHealthy: 12, health.RuleDependency: 7, health.RuleConcurrent: 1, health.RuleRestartsPerDay: 1}
	held.Waiting = "only 7 of 14 services are healthy, and below 51 % nothing is restarted: look for a common cause"
	all["held"] = held
	mine := begin("acknowledged", entry{6 * time.Minute, health.EntryAcknowledged, "acknowledged by Dora: looking at it"})
	mine.State, mine.Acknowledged = health.Acknowledged, &health.Acknowledgement{By: "Dora", Note: "looking at it", At: w.now.Add(-16 * time.Minute)}
	all["acknowledged"] = mine
	asked := begin("approval", entry{121 * time.Second, health.EntryDecision, "held: waiting for a human to approve"})
	asked.Waiting, asked.ApproveBy = "waiting for a human to approve: restart approval.service", w.now.Add(8*time.Minute)
	asked.Held = map[health.Rule]int{health.RuleApproval: 19}
	all["approval"] = asked
	for _, i := range all {
		w.board.Report(i)
	}
	all["resolved"] = w.healed("healthy", 50*time.Hour, 5*time.Minute, reason)
	w.pile.Incidents = append(w.pile.Incidents, all["resolved"])
	for n := range 60 {
		past := w.healed([]string{"healthy", "down", "flapping"}[n%3], time.Duration(n+3)*7*time.Hour, time.Duration(n%9+3)*time.Minute, reason)
		past.Outcome = []health.Outcome{health.Healed, health.Recovered, health.ByHand, health.Abandoned}[n%4]
		w.pile.Incidents = append(w.pile.Incidents, past)
	}
	for n, outcome := range []store.AlertOutcome{store.AlertDelivered, store.AlertRetrying, store.AlertDead} {
		alert := store.Alert{
			DedupKey: "down", Receiver: []string{"ops", "pager", "mail"}[n], Service: "down", Incident: all["down"].ID,
			Status: health.AlertDown, Stage: health.AlertInitial, At: w.now.Add(-20 * time.Minute), Outcome: outcome,
		}
		if outcome != store.AlertDelivered {
			alert.Error = "smtp mail.example.org:587: 451 greylisted, try again later"
		}
		w.pile.Alerts = append(w.pile.Alerts, alert)
	}
	return all
}

// well is three services that never had anything.
func well(t testing.TB) *world {
	w := newWorld(t)
	names := []string{"gateway", "accounts", "reports"}
	var services []board.Configured
	for _, name := range names {
		services = append(services, board.Configured{Name: name, Severity: "P1", Kind: "http", Interval: time.Minute})
	}
	w.keep(services...)
	for _, name := range names {
		w.remembers(name, 30*24*time.Hour, 2*time.Hour, 9, "", nil)
		w.remembers(name, 30*time.Minute, time.Minute, 9, "", nil)
		w.stands(name, health.StateHealthy, 30*24*time.Hour, health.Result{Status: health.Healthy, LatencyMS: 9.1, Message: "status 200"})
	}
	return w.serve(site{public: true})
}
