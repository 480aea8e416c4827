package metrics

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// prometheusServer is a real Prometheus with the shipped configuration.
type prometheusServer struct {
	t       *testing.T
	address string
}

// startPrometheus makes it read target, with a token, twice a second.
func startPrometheus(t *testing.T, target, token string) prometheusServer {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"prometheus.yml", "alerts.yml"} {
		text, err := os.ReadFile(filepath.Join(deployed, "prometheus", name))
		require.NoError(t, err)
		shipped := string(text)
		if name == "prometheus.yml" {
			require.Contains(t, shipped, `"127.0.0.1:8080"`)
			shipped = strings.NewReplacer(`"127.0.0.1:8080"`, `"`+target+`"`, ": 30s", ": 500ms").Replace(shipped)
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(shipped), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte(token+"\n"), 0o600))
	return prometheusServer{t, realtest.Prometheus(t, filepath.Join(dir, "prometheus.yml"),
		"--enable-feature=native-histograms").Addr}
}

// get reads a part of Prometheus' API into data.
func (p prometheusServer) get(path string, data any) {
	response, err := http.Get("http://" + p.address + path)
	require.NoError(p.t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(p.t, http.StatusOK, response.StatusCode, path)
	require.NoError(p.t, json.NewDecoder(response.Body).Decode(&struct{ Data any }{data}))
}

// query returns the value of every series of an expression, by one label.
func (p prometheusServer) query(expression, label string) map[string]string {
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	p.get("/api/v1/query?query="+url.QueryEscape(expression), &data)
	values := map[string]string{}
	for _, series := range data.Result {
		values[series.Metric[label]], _ = series.Value[1].(string)
	}
	return values
}

// firing are the alerts that Prometheus holds true, pending or firing.
func (p prometheusServer) firing() map[string]bool {
	var data struct {
		Alerts []struct{ Labels map[string]string }
	}
	p.get("/api/v1/alerts", &data)
	names := map[string]bool{}
	for _, alert := range data.Alerts {
		names[alert.Labels["alertname"]] = true
	}
	return names
}

// TestPrometheusScrapes: a real Prometheus, the shipped configuration and
// rules, a real listener that wants a token, and the death of that listener.
func TestPrometheusScrapes(t *testing.T) {
	var gone atomic.Bool
	handler := busy(time.Now()).Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case gone.Load():
			panic(http.ErrAbortHandler)
		case r.URL.Path != "/metrics" || r.Header.Get("Authorization") != "Bearer sesame":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	p := startPrometheus(t, server.Listener.Addr().String(), "sesame")

	const patience, often = 30 * time.Second, 200 * time.Millisecond
	require.Eventually(t, func() bool { return p.query("up", "job")["paramedic"] == "1" }, patience, often)
	require.Equal(t, map[string]string{"http-server": "1", "temporal-worker": "0", "lookout": "0"}, p.query("worker_status", "name"))
	require.Equal(t, map[string]string{"redis": "0", "web": "1"}, p.query("paramedic_probe_up", "service"))
	require.Equal(t, map[string]string{"web": "1"}, p.query("histogram_count(paramedic_probe_duration_seconds)", "service"), "the native histogram")
	require.Equal(t, map[string]string{"StartWorkflowExecution": "3"}, p.query("temporal_request_total", "operation"))
	for _, alert := range []string{"BackgroundWorkerDown", "ServiceDown", "RemediationExhausted", "AlertsUndeliverable"} {
		require.Eventually(t, func() bool { return p.firing()[alert] }, patience, often, alert)
	}
	require.False(t, p.firing()["ConfigReloadFailed"])

	gone.Store(true)
	require.Eventually(t, func() bool { return p.query("up", "job")["paramedic"] == "0" }, patience, often)
	require.Empty(t, p.query("worker_status", "name"), "nothing that was read before stays true")
	require.Eventually(t, func() bool { return p.firing()["BackgroundWorkerDown"] }, patience, often)
}
