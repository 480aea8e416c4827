package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/pipeline"
	"paramedic/internal/store"
)

// crowd is 2,000 services, a few of which are not well.
func crowd(t testing.TB) *world {
	w := newWorld(t)
	var services []board.Configured
	for n := range 2000 {
		services = append(services, board.Configured{
			Name: fmt.Sprintf("service-%04d", n), Severity: "P2", Kind: "http", Interval: time.Minute,
			Labels: map[string]string{"rack": fmt.Sprint(n / 40)},
		})
	}
	w.keep(services...)
	for n, service := range services {
		state, found := health.StateHealthy, health.Result{Status: health.Healthy, LatencyMS: float64(n%90) + 1, Message: "status 200"}
		switch {
		case n%97 == 3:
			state, found.Status, found.Message = health.StateDown, health.Unhealthy, "connection refused"
		case n%61 == 5:
			state, found.Status, found.Message = health.StateDegraded, health.Degraded, "latency 812ms > 500ms"
		}
		w.stands(service.Name, state, time.Duration(n)*time.Minute, found)
		if state == health.StateDown {
			w.board.Report(w.story(service.Name, 22*time.Minute, found.Message))
		}
	}
	return w.serve(site{public: true})
}

// hostile is a text that breaks pages which are careless, long one that breaks
// those which are narrow.
const hostile = `</title><script>alert(1)</script><img src=x onerror="alert(1)">"'&{{.}} ` + "\u202e evil \u2066 \t\r\n %s %d"

var long = strings.Repeat("unbroken", 75)

// strangers are services whose every text means no good.
func strangers(t testing.TB) (*world, health.Incident) {
	w := newWorld(t)
	stranger := board.Configured{
		Name: "stranger", Severity: hostile, Kind: hostile, Interval: time.Minute, Impact: hostile + long, Runbook: "javascript:alert(1)",
		Labels: map[string]string{hostile: long}, Steps: []string{hostile, long}, Receivers: []string{long}, YAML: hostile + "\n" + long, Host: long,
		DependsOn: []string{"very." + strings.Repeat("long-", 20) + "name"},
	}
	w.keep(stranger, board.Configured{Name: stranger.DependsOn[0], Kind: "http"})
	w.stands(stranger.Name, health.StateDown, time.Hour, health.Result{
		Status: health.Unhealthy, LatencyMS: 1e9, Message: hostile + long,
		Observations: map[string]float64{long: 1e300}, Facts: map[string]string{hostile: long, "tier": hostile, "last_result": long},
	}, func(s *health.Standing) {
		s.Orders.Silence = &health.Window{Until: w.now.Add(time.Hour), By: long, Reason: hostile}
		s.Orders.Maintenance = &health.Window{Until: w.now.Add(time.Hour), By: hostile, Reason: long}
	})
	w.remembers(stranger.Name, time.Hour, time.Minute, 10, hostile+long, func(time.Duration) bool { return true })
	i := w.story(stranger.Name, time.Hour, hostile+long,
		entry{0, health.EntryFailure, long},
		entry{time.Minute, health.EntryEvidence, hostile + "\n" + long},
		entry{2 * time.Minute, health.EntryAcknowledged, hostile},
		entry{3 * time.Minute, hostile, hostile})
	i.State, i.Acknowledged = health.Acknowledged, &health.Acknowledgement{By: long, Note: hostile, At: w.now}
	i.Severity, i.Action, i.Waiting, i.Evidence, i.Runbook = hostile, long, hostile, hostile+"\n"+long, "javascript:alert(1)"
	i.Affected, i.Held = []string{long, hostile}, map[health.Rule]int{hostile: 3}
	w.board.Report(i)
	w.pile.Alerts = append(w.pile.Alerts, store.Alert{
		DedupKey: "1", Receiver: long, Service: stranger.Name, Incident: i.ID, Status: health.AlertDown, Stage: health.AlertInitial,
		At: w.now, Outcome: store.AlertDead, Error: hostile + long,
	})
	panels := plantPanels()
	panels.Freshness, panels.Failover.Service = nil, stranger.Name
	panels.DLQ = []pipeline.Queue{{Name: long, Service: stranger.Name, Pending: pipeline.Ref(long), LastResult: "last_result"}}
	return w.serve(site{panels: panels, public: true}), i
}
