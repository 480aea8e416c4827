package metrics

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/supervise"
)

// nowhere is a store that keeps nothing.
type nowhere struct{}

func (nowhere) Put(store.Batch)                                {}
func (nowhere) Archive(context.Context, health.Incident) error { return nil }
func (nowhere) Settled(context.Context) error                  { return nil }

func newBoard() *board.Board { return board.New(nowhere{}, slog.New(slog.DiscardHandler)) }

// configured is a service that is probed every minute.
func configured(name string) board.Configured {
	return board.Configured{
		Name: name, Severity: "P1", Kind: "http", Interval: time.Minute, Timeout: 10 * time.Second,
		FailureThreshold: 3, Mode: health.ModeAct,
	}
}

// result is what a probe found a moment ago.
func result(status health.Status, at time.Time, observations map[string]float64) health.Result {
	return health.Result{Status: status, At: at, LatencyMS: 120, Observations: observations}
}

// working is a process of three parts, one of which has failed.
func working(now time.Time) supervise.Health {
	return supervise.Health{
		Status: supervise.Failed, Timestamp: now,
		Parts: map[string]supervise.Mark{
			"http-server":     {Status: supervise.Healthy, Since: now},
			"temporal-worker": {Status: supervise.Failed, Since: now},
			"lookout":         {Status: supervise.Starting, Since: now},
		},
		Vitals: map[string]supervise.Vitals{
			"http-server":     {Beat: now, Entered: map[supervise.Status]int{supervise.Healthy: 1}},
			"temporal-worker": {Beat: now.Add(-time.Minute), Entered: map[supervise.Status]int{supervise.Healthy: 2, supervise.Failed: 2}},
		},
	}
}

// busy is a process that has something to tell of everything.
func busy(now time.Time) *Metrics {
	b := newBoard()
	b.Keep([]board.Configured{configured("web"), configured("redis"), configured("new")})
	b.Probed("web", "", result(health.Healthy, now, map[string]float64{"lag_seconds": 7, "rows": 3}))
	b.Probed("redis", "", result(health.Unhealthy, now, nil))
	b.Stand(health.Standing{Service: "web", State: health.StateHealthy, At: now, Since: now})
	b.Stand(health.Standing{Service: "redis", State: health.StateDown, Failures: 4, Flapping: true, At: now, Since: now})
	b.Report(health.Incident{
		ID: "redis@1", Service: "redis", Severity: "P0", State: health.Triggered, FirstFailureAt: now.Add(-time.Minute),
		Restarts: 3, Held: map[health.Rule]int{health.RulePerIncident: 1, health.RuleBackoff: 2},
	})
	b.Outbox(health.Outbox{Receiver: "ops", At: now, Waiting: 2, Delivered: 9, Lost: 1, DeadLetters: []health.DeadLetter{{ID: "d1"}}})
	m := New(Options{
		Board: b,
		Load:  func() Load { return Load{Overloaded: 3, Missed: 2, Waiting: 5, Running: 7} },
		Store: func() Store {
			return Store{Buffered: 5, Dropped: 1, Written: 100, Failures: 2, Oldest: now.Add(-30 * time.Second)}
		},
		Health:  func() supervise.Health { return working(now) },
		Permits: func() int { return 1 }, Version: "v1.2.3", Now: func() time.Time { return now },
	})
	m.Probed("web", result(health.Healthy, now, nil))
	m.Probed("redis", result(health.Unhealthy, now, nil))
	m.Remediated(string(health.Applied))
	m.Held(health.RuleBackoff)
	m.Permit(true)
	m.Alert("ops", store.AlertDelivered)
	m.IncidentClosed(health.Incident{
		ID: "web@1", Service: "web", Severity: "P1", State: health.Resolved, Outcome: health.Healed,
		FirstFailureAt: now.Add(-2 * time.Minute), ResolvedAt: now,
	})
	sdk := m.Temporal().WithTags(map[string]string{"namespace": "default", "operation": "StartWorkflowExecution"})
	sdk.Counter("temporal_request").Inc(3)
	sdk.Timer("temporal_request_latency").Record(30 * time.Millisecond)
	sdk.Gauge("temporal_worker_task_slots_available").Update(98)
	return m
}

// scrape is what GET /metrics answers.
func scrape(t testing.TB, m *Metrics, headers ...string) string {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, request)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Code, "%s", body)
	return string(body)
}

// fleet is a process that watches many services, one in 20 of them down.
func fleet(services int, now time.Time) *Metrics {
	b := newBoard()
	all := make([]board.Configured, services)
	for i := range all {
		all[i] = configured(fmt.Sprintf("service-%04d", i))
	}
	b.Keep(all)
	m := New(Options{Board: b, Now: func() time.Time { return now }})
	for i, s := range all {
		found := result(health.Healthy, now, map[string]float64{"status_code": 200, "rows": float64(i), "lag_seconds": 3})
		state := health.StateHealthy
		if i%20 == 0 {
			found.Status, state = health.Unhealthy, health.StateDown
			b.Report(health.Incident{ID: s.Name, Service: s.Name, Severity: "P1", State: health.Triggered, FirstFailureAt: now})
		}
		b.Probed(s.Name, "", found)
		b.Stand(health.Standing{Service: s.Name, State: state, At: now, Since: now})
		for j := range 10 {
			found.LatencyMS = float64(j * j * 20)
			m.Probed(s.Name, found)
		}
	}
	return m
}
