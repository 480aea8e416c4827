package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/supervise"
	"paramedic/workflows"
)

func TestHealthz(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 3, 19, 14, 30, 0, 7e6, time.UTC)
	w.options.Health = func() supervise.Health {
		return supervise.Health{Status: supervise.Failed, Timestamp: at, Parts: map[string]supervise.Mark{
			"http-server": {Status: supervise.Healthy, Since: at}, "temporal": {Status: supervise.Failed, Since: at},
		}}
	}
	w.assemble()
	got := w.get("/healthz")
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.JSONEq(t, `{"status":"failed","timestamp":"2026-03-19T14:30:00.007Z",
		"workers":{"http-server":{"status":"healthy"},"temporal":{"status":"failed"}}}`, got.body)
	for status, code := range map[supervise.Status]int{
		supervise.Healthy: 200, supervise.Starting: 503, supervise.Stopped: 503, supervise.Failed: 503,
	} {
		w.options.Health = func() supervise.Health { return supervise.Health{Status: status, Timestamp: at} }
		w.assemble()
		require.Equal(t, code, w.get("/healthz").status, status)
	}
}

// TestHealthIsThatOfTheWorst: degraded is still good.
func TestHealthIsThatOfTheWorst(t *testing.T) {
	for _, test := range []struct {
		states []health.State
		want   health.Status
		code   int
	}{
		{nil, health.Healthy, 200},
		{[]health.State{health.StateHealthy, health.StatePaused}, health.Healthy, 200},
		{[]health.State{health.StateHealthy, health.StateDegraded}, health.Degraded, 200},
		{[]health.State{health.StateFailing, health.StateHealthy}, health.Degraded, 200},
		{[]health.State{health.StateUnknown}, health.Degraded, 200},
		{[]health.State{health.StateDegraded, health.StateDown, health.StateHealthy}, health.Unhealthy, 503},
	} {
		w := newWorld(t)
		var configured []board.Configured
		for i := range test.states {
			configured = append(configured, board.Configured{Name: string(rune('a' + i)), Severity: "P1"})
		}
		w.board.Keep(configured)
		for i, state := range test.states {
			w.board.Stand(health.Standing{Service: configured[i].Name, State: state, Since: w.now, At: w.now})
		}
		w.now = w.now.Add(184 * time.Minute)
		for _, path := range []string{"/health", "/api/system/health"} {
			var body struct {
				Status health.Status
				Uptime string
			}
			got := w.get(path)
			got.read(t, &body)
			require.Equal(t, test.code, got.status, test.states)
			require.Equal(t, test.want, body.Status, test.states)
			require.Equal(t, "3h 4m", body.Uptime)
		}
	}
}

// TestHealthIsPublic: it tells a status, rows and times, and nothing else.
func TestHealthIsPublic(t *testing.T) {
	w := newWorld(t).fill()
	var body map[string]any
	w.get("/health").read(t, &body)
	require.Equal(t, map[string]any{
		"status": "unhealthy", "clickhouse_rows": 4711.0, "uptime": "0s", "timestamp": body["timestamp"],
	}, body)
	w.board.Keep([]board.Configured{{Name: "clickhouse", Kind: "http"}})
	require.NotContains(t, w.get("/health").body, "clickhouse_rows")
	w.board.Keep([]board.Configured{{Name: "analytics", Kind: "clickhouse"}})
	require.NotContains(t, w.get("/health").body, "clickhouse_rows", "nothing was counted yet")
}

func TestSystemHealth(t *testing.T) {
	w := newWorld(t).fill()
	var body struct {
		Status   string
		Version  string
		Memory   Memory
		Services []struct {
			Service, Status, State, Message string
			LastCheck                       *time.Time `json:"last_check"`
			ResponseTimeMS                  float64    `json:"response_time_ms"`
			Observations                    map[string]float64
		}
		Workers map[string]map[string]any
	}
	w.get("/api/system/health").read(t, &body)
	require.Equal(t, "unhealthy", body.Status)
	require.Equal(t, "v1.2.3", body.Version)
	require.NotZero(t, body.Memory.HeapBytes)
	require.Len(t, body.Services, 3)
	require.Equal(t, []string{"clickhouse", "healthy", "row count 4711"},
		[]string{body.Services[1].Service, body.Services[1].Status, body.Services[1].Message})
	require.Equal(t, w.now.Add(-time.Second), *body.Services[1].LastCheck)
	require.InDelta(t, 12.5, body.Services[1].ResponseTimeMS, 0)
	require.Equal(t, map[string]float64{"rows": 4711}, body.Services[1].Observations)
	require.Contains(t, body.Workers, "http-server")
}

func TestDataFreshness(t *testing.T) {
	w := full(t)
	w.board.Probed("clickhouse", "", health.Result{
		Status: health.Healthy, At: w.now.Add(time.Millisecond), LatencyMS: 5,
		Observations: map[string]float64{"lag_seconds": 1200, "rows": 10, "size_bytes": 4096, "files": 3, "pending": 0,
			"newest_age_seconds": 4, "standby_reachable": 1, "last_event_duration_seconds": 30},
		Facts: map[string]string{"tier": "Primary"},
	})
	var body map[string]any
	w.get("/api/system/data-freshness").read(t, &body)
	event, aggregation := body["last_event"].(map[string]any), body["aggregation"].(map[string]any)
	require.Equal(t, "warning", event["status"])
	require.InDelta(t, 1200, event["age_seconds"], 0.01)
	require.Equal(t, "15m", event["warn_after"])
	require.InDelta(t, 1200, aggregation["lag_seconds"], 0.01)
	require.Equal(t, "168h", aggregation["lookback"])
	require.Equal(t, map[string]any{"geo": 10.0, "media": nil}, aggregation["rows"])
	stages := body["pipeline"].(map[string]any)
	require.Equal(t, 4096.0, stages["wal"].(map[string]any)["size_bytes"])
	require.Equal(t, true, stages["failover"].(map[string]any)["standby_reachable"])
	require.Equal(t, "ok", stages["failover"].(map[string]any)["status"])
	require.Nil(t, stages["dlq"].([]any)[0].(map[string]any)["pending"])
	require.Equal(t, "unknown", stages["services"].([]any)[1].(map[string]any)["state"])
}

// TestDataFreshnessWithoutSources: what has no source is absent.
func TestDataFreshnessWithoutSources(t *testing.T) {
	w := newWorld(t).fill()
	var body map[string]any
	w.get("/api/system/data-freshness").read(t, &body)
	require.Equal(t, "unknown", body["status"])
	require.Equal(t, map[string]any{"services": []any{}}, body["pipeline"])
	require.NotContains(t, body, "last_event")
	require.NotContains(t, body, "aggregation")
}

func TestPermits(t *testing.T) {
	w := full(t)
	var body Permits
	got := w.get("/api/v1/permits")
	require.NoError(t, json.Unmarshal([]byte(got.body), &struct {
		Queue *[]string `json:"queue"`
	}{&body.Queue}))
	require.Equal(t, []string{"web"}, body.Queue)
	require.Contains(t, got.body, `"stable_for":"10m"`)

	large := workflows.Ledger{Accounts: map[string]*workflows.Account{}}
	for i := range 1500 {
		large.Accounts[string(rune(0x4e00+i))] = &workflows.Account{Incident: "x"}
	}
	w.options.Permits = func() (workflows.Ledger, time.Time, bool) { return large, w.now, true }
	w.assemble()
	var plain struct{ Accounts map[string]any }
	w.get("/api/v1/permits").read(t, &plain)
	require.Len(t, plain.Accounts, 1500, "a large ledger is not packed")

	w.options.Permits = func() (workflows.Ledger, time.Time, bool) { return workflows.Ledger{}, time.Time{}, false }
	w.assemble()
	w.refused(http.MethodGet, "/api/v1/permits", "", 503, "has not been asked yet")
}

func TestConfiguration(t *testing.T) {
	w := full(t)
	got := w.get("/api/v1/configuration")
	require.Equal(t, "application/yaml", got.header.Get("Content-Type"))
	require.Equal(t, "services:\n  - name: web\n", got.body)
	request := httptest.NewRequest(http.MethodGet, "/api/v1/configuration", http.NoBody)
	request.Header.Set("Accept", "application/json")
	require.JSONEq(t, `{"services":[{"name":"web"}]}`, w.send(request).body)

	w.options.Reload = func(context.Context) error { return errors.New("paramedic.yml:3:5: unknown key") }
	w.assemble()
	w.refused(http.MethodPost, "/api/v1/configuration/reload", "", 409, "the configuration in force stays: paramedic.yml:3:5: unknown key")
	w.refused(http.MethodPost, "/api/v1/configuration/reload", `{"path":"/etc"}`, 400, `unknown field "path"`)
}
