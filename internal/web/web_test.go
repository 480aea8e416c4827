package web

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/supervise"
)

var noon = time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)

var working = supervise.Health{Status: supervise.Healthy, Timestamp: noon, Parts: map[string]supervise.Mark{
	"http-server":     {Status: supervise.Healthy, Since: noon.Add(-time.Hour)},
	"temporal-worker": {Status: supervise.Healthy, Since: noon.Add(-time.Hour)},
}}

// newSite shows rows at noon.
func newSite(own supervise.Health, rows ...ServiceRow) *site {
	return &site{now: func() time.Time { return noon }, Options: Options{
		Health:   func() supervise.Health { return own },
		Services: func() []ServiceRow { return rows },
		UIURL:    "http://127.0.0.1:8233",
		Log:      slog.New(slog.DiscardHandler),
	}}
}

func request(handler http.Handler, method, host, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestEndpoints(t *testing.T) {
	handler := newSite(working).handler()
	for _, test := range []struct {
		method, host, path string
		code               int
		kind, allow        string
	}{
		{"GET", "127.0.0.1:8080", "/", 200, "text/html; charset=utf-8", ""},
		{"HEAD", "127.0.0.1:8080", "/", 200, "text/html; charset=utf-8", ""},
		{"GET", "localhost:8080", "/?x=1", 200, "text/html; charset=utf-8", ""},
		{"GET", "LOCALHOST.", "/", 200, "text/html; charset=utf-8", ""},
		{"GET", "status.localhost", "/", 200, "text/html; charset=utf-8", ""},
		{"GET", "[::1]:8080", "/", 200, "text/html; charset=utf-8", ""},
		{"GET", "[::1]", "/", 200, "text/html; charset=utf-8", ""},
		{"GET", "evil.example:8080", "/", 421, "text/plain; charset=utf-8", ""},
		{"GET", "localhost.evil.example", "/", 421, "text/plain; charset=utf-8", ""},
		{"GET", "127.0.0.1.evil.example", "/", 421, "text/plain; charset=utf-8", ""},
		{"GET", "10.0.0.1", "/", 421, "text/plain; charset=utf-8", ""},
		{"GET", "", "/", 421, "text/plain; charset=utf-8", ""},
		{"POST", "localhost", "/", 405, "text/plain; charset=utf-8", "GET, HEAD"},
		{"GET", "localhost", "/healthz", 200, "application/json", ""},
		{"HEAD", "localhost", "/healthz", 200, "application/json", ""},
		{"GET", "balancer.example", "/healthz", 200, "application/json", ""},
		{"DELETE", "localhost", "/healthz", 405, "text/plain; charset=utf-8", "GET, HEAD"},
		{"GET", "localhost", "/healthz/", 404, "text/html; charset=utf-8", ""},
		{"GET", "localhost", "/api/v1/services", 404, "text/html; charset=utf-8", ""},
		{"GET", "localhost", "/index.html", 404, "text/html; charset=utf-8", ""},
		{"POST", "localhost", "/nowhere", 405, "text/plain; charset=utf-8", "GET, HEAD"},
	} {
		t.Run(test.method+" "+test.host+test.path, func(t *testing.T) {
			w := request(handler, test.method, test.host, test.path)
			require.Equal(t, test.code, w.Code, w.Body.String())
			require.Equal(t, test.kind, w.Header().Get("Content-Type"))
			require.Equal(t, test.allow, w.Header().Get("Allow"))
			require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			require.Equal(t, "DENY", w.Header().Get("X-Frame-Options"))
			require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-")
		})
	}
}

func TestHealthz(t *testing.T) {
	mark := func(status supervise.Status) map[string]supervise.Mark {
		return map[string]supervise.Mark{
			"http-server": {Status: supervise.Healthy, Since: noon}, "temporal-worker": {Status: status, Since: noon},
		}
	}
	for _, test := range []struct {
		status supervise.Status
		code   int
	}{{supervise.Healthy, 200}, {supervise.Failed, 503}, {supervise.Starting, 503}, {supervise.Stopped, 503}} {
		health := supervise.Health{Status: test.status, Timestamp: noon.Add(1500 * time.Microsecond), Parts: mark(test.status)}
		w := request(newSite(health).handler(), "GET", "localhost", "/healthz")
		require.Equal(t, test.code, w.Code)
		require.Equal(t, `{"status":"`+string(test.status)+`","timestamp":"2026-03-19T12:00:00.001Z",`+
			`"workers":{"http-server":{"status":"healthy"},"temporal-worker":{"status":"`+string(test.status)+`"}}}`+"\n", w.Body.String())
	}
}

func TestPanicOfAPageSaysNothing(t *testing.T) {
	s := newSite(working)
	s.Services = func() []ServiceRow { panic("password=hunter2") }
	w := request(s.handler(), "GET", "localhost", "/")
	require.Equal(t, 500, w.Code)
	require.Equal(t, "This page could not be made; the log says why.\n", w.Body.String())
}

func TestStatusPage(t *testing.T) {
	handler := newSite(working,
		ServiceRow{Service: "redis", State: "healthy", Since: noon.Add(-26 * time.Hour), LastProbeAt: noon.Add(-3 * time.Second), LatencyMS: 0.42, Message: "PONG"},
		ServiceRow{Service: "clickhouse", Target: "eu", State: "down", Since: noon.Add(-135 * time.Second), LastProbeAt: noon, LatencyMS: 2500, Message: "row count 0 < 1", Severity: "critical"},
		ServiceRow{Service: "new", State: "misspelt"},
	).handler()
	body := request(handler, "GET", "localhost", "/").Body.String()
	text := strings.Join(strings.Fields(regexp.MustCompile(`(?s)<style>.*</style>|<[^>]*>`).ReplaceAllString(body, " ")), " ")
	require.Equal(t, "1 down, 1 unknown, 1 healthy · paramedic"+
		" paramedic Temporal Web UI 1 down, 1 unknown, 1 healthy"+
		" Service State For Last probe Latency Found"+
		" clickhouse /eu critical ✕ down 2m 15s 0s ago 2.5 s row count 0 &lt; 1"+
		" new ? unknown – not yet –"+
		" redis ✓ healthy 1d 2h 3s ago 0.4 ms PONG"+
		" paramedic itself ✓ http-server healthy for 1h 0m ✓ temporal-worker healthy for 1h 0m"+
		" As of 2026-03-19T12:00:00Z , loaded again every 5 s.", text)
	require.Contains(t, body, `<meta http-equiv="refresh" content="5">`)
	require.Contains(t, body, `<a href="http://127.0.0.1:8233">`)
	require.Contains(t, body, `<time datetime="2026-03-19T11:57:45Z"`)
	require.Contains(t, body, `<link rel="icon" href="data:image/svg&#43;xml,`)
}

func TestStatusPageEscapes(t *testing.T) {
	const hostile = `</style><script>alert(1)</script>"'&`
	s := newSite(working, ServiceRow{Service: hostile, Target: hostile, State: hostile, Message: hostile, Severity: hostile})
	s.UIURL = "javascript:alert(1)"
	body := request(s.handler(), "GET", "localhost", "/").Body.String()
	require.NotContains(t, body, "<script")
	require.NotContains(t, body, "javascript:")
	require.Equal(t, 1, strings.Count(body, "</style>"))
	require.Equal(t, 4, strings.Count(body, "&lt;/style&gt;&lt;script&gt;"))
}

// A browser applies the style sheet only if its text has the hash of the policy.
func TestPolicyAllowsTheStyle(t *testing.T) {
	for _, path := range []string{"/", "/nowhere"} {
		w := request(newSite(working).handler(), "GET", "localhost", path)
		sheet := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(w.Body.String())
		require.NotNil(t, sheet)
		sum := sha256.Sum256([]byte(sheet[1]))
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
}

func TestSummary(t *testing.T) {
	for want, states := range map[string][]string{
		"unknown: No services yet":                nil,
		"healthy: The service is healthy":         {"healthy"},
		"healthy: All 2 services are healthy":     {"healthy", "healthy"},
		"down: 1 down":                            {"down"},
		"failing: 1 failing, 2 paused, 1 healthy": {"paused", "failing", "healthy", "paused"},
		"degraded: 1 degraded, 1 unknown":         {"unknown", "degraded"},
	} {
		var rows []ServiceRow
		for _, state := range states {
			rows = append(rows, ServiceRow{Service: "x", State: state})
		}
		p := newPage(rows, working, "", noon)
		require.Equal(t, want, p.Overall+": "+p.Headline)
	}
}

func TestNewNeedsNoServices(t *testing.T) {
	handler := New(Options{Health: func() supervise.Health { return working }, Log: slog.New(slog.DiscardHandler)})
	w := request(handler, "GET", "localhost", "/")
	body, err := io.ReadAll(w.Result().Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "No services yet")
	require.NotContains(t, string(body), "Temporal Web UI")
}
