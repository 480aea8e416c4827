package pages

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
)

// listed are the services that a page lists, in its order.
func listed(html string) []string {
	var names []string
	for _, found := range regexp.MustCompile(`<th scope="row"[^>]*><a href="/services/([^"]*)"`).FindAllStringSubmatch(html, -1) {
		names = append(names, found[1])
	}
	return names
}

func TestOverview(t *testing.T) {
	w := newWorld(t)
	w.all()
	text, html := w.page("/")
	require.Equal(t, []string{
		"down", "owned", "failing", "late", "unknown", "degraded", "paused",
		"flapping", "healthy", "maintained", "observed", "silenced",
	}, listed(html))
	for _, want := range []string{
		"2 down, 1 failing, 1 late, 1 unknown, 1 degraded, 1 paused, 5 healthy",
		"✕ down for 1h 0m", "failing", "paused by carol : moving house", "maintenance until", "· ana : new disks", "silenced until",
		"mode observe · bob", "flapping", "acknowledged by dora", "restarted down.service", "found failing", "not yet",
		"paramedic itself", "http-server", "starting", "no log-in: local access", "v1.2.3",
	} {
		require.Contains(t, text, want)
	}
	require.Contains(t, html, `<html lang="en">`)
	require.Contains(t, html, `data-live="/live"`)
	require.Contains(t, html, `<noscript><meta http-equiv="refresh"`)
	require.Contains(t, html, `href="`+incidentLink(w.incident("down").ID)+`"`)
	require.Contains(t, html, `href="http://127.0.0.1:8233/namespaces/default/workflows/"`)
}

func TestOverviewSearches(t *testing.T) {
	w := newWorld(t)
	w.all()
	for address, want := range map[string][]string{
		"/?q=OWN":                  {"down", "owned", "unknown"},
		"/?q=ingest":               {"down"},
		"/?q=team%3Dingest":        {"down"},
		"/?q=+failing+":            {"failing"},
		"/?state=paused":           {"paused"},
		"/?state=late":             {"late"},
		"/?state=healthy&q=main":   {"maintained"},
		"/?state=down&page=99":     {"down", "owned"},
		"/?state=down&page=-1":     {"down", "owned"},
		"/?state=down&page=x":      {"down", "owned"},
		"/?q=nothing+is+like+that": nil,
		"/?state=nonsense":         nil,
		"/?q=%3Cscript%3E":         nil,
	} {
		text, html := w.page(address)
		require.Equal(t, want, listed(html), address)
		require.Contains(t, text, "2 down, 1 failing", "the headline counts all")
		if want == nil {
			require.Contains(t, text, "No service is like that.")
		}
	}
	_, html := w.page("/?q=http")
	require.Len(t, listed(html), 12, "the kind is searched, too")
}

func TestOverviewPages(t *testing.T) {
	w := newWorld(t)
	var configured []board.Configured
	for i := range 2*perPage + 1 {
		configured = append(configured, service(fmt.Sprintf("s%03d", i)))
	}
	w.board.Keep(configured)
	w.stands("s099", health.StateDown, health.Unhealthy, nil)
	text, html := w.page("/")
	require.Len(t, listed(html), perPage)
	require.Equal(t, []string{"s099", "s000", "s001"}, listed(html)[:3])
	require.Contains(t, text, "Page 1 of 3")
	require.NotContains(t, html, `rel="prev"`)
	require.Contains(t, html, `href="/?page=2" rel="next"`)
	_, html = w.page("/?page=2&q=s&state=unknown")
	require.Equal(t, "s050", listed(html)[0])
	require.Contains(t, html, `href="/?q=s&amp;state=unknown" rel="prev"`)
	text, html = w.page("/?page=3")
	require.Equal(t, []string{"s100"}, listed(html))
	require.Contains(t, text, "Page 3 of 3")
	require.NotContains(t, html, `rel="next"`)
}

func TestOverviewOfHealthyServices(t *testing.T) {
	w := newWorld(t)
	w.board.Keep([]board.Configured{service("one")})
	w.stands("one", health.StateHealthy, health.Healthy, nil)
	text, html := w.page("/")
	require.Contains(t, text, "The service is healthy")
	require.Contains(t, html, "1a7f37", "the icon is green")
	w.board.Keep([]board.Configured{service("one"), service("two")})
	w.stands("two", health.StateHealthy, health.Healthy, nil)
	text, _ = w.page("/")
	require.Contains(t, text, "All 2 services are healthy")
}

func TestOverviewShowsUptime(t *testing.T) {
	w := newWorld(t)
	w.board.Keep([]board.Configured{service("one")})
	w.remembers("one", 2*time.Hour, time.Minute, func(age time.Duration) bool { return age <= 30*time.Minute })
	w.load()
	text, _ := w.page("/")
	require.Contains(t, text, "75.00 %")
	w.headers.Set("Accept-Language", "es")
	text, _ = w.page("/")
	require.Contains(t, text, "75,00 %")
}

// Two thousand services must not make the overview slow: only the shown page
// is formatted.
func BenchmarkOverview(b *testing.B) {
	for _, address := range []string{"/", "/?q=s19", "/?page=40"} {
		b.Run(address, func(b *testing.B) {
			s := crowd(b, 2000)
			for b.Loop() {
				require.Equal(b, 200, s.get(address).Code)
			}
		})
	}
}

// crowd is pages of so many services, each with all that a row may show.
func crowd(tb testing.TB, size int) *site {
	now := time.Now()
	s := newSite(tb, Options{Now: time.Now})
	var configured []board.Configured
	for i := range size {
		one := service(fmt.Sprintf("s%04d", i))
		one.Labels = map[string]string{"team": "ingest", "tier": fmt.Sprint(i % 7)}
		configured = append(configured, one)
	}
	s.Board.Keep(configured)
	for i, one := range configured {
		standing := health.Standing{Service: one.Name, State: health.StateHealthy, Since: now.Add(-time.Hour), At: now}
		if i%100 == 0 {
			standing.State = health.StateDown
		}
		standing.Orders.Silence = &health.Window{Until: now.Add(time.Hour), By: "ana", Reason: "new disks"}
		s.Board.Stand(standing)
		for probe := range board.RecentLimit {
			s.Board.Probed(one.Name, "", health.Result{
				Status: health.Healthy, At: now.Add(-time.Duration(board.RecentLimit-probe) * time.Second), LatencyMS: float64(probe), Message: "200 OK",
			})
		}
	}
	return s
}

func TestHostileTexts(t *testing.T) {
	w := newWorld(t)
	evil := service("evil")
	evil.Kind, evil.Severity, evil.Impact, evil.Runbook = hostile, hostile, hostile, "javascript:alert(1)"
	evil.Labels = map[string]string{hostile: hostile}
	evil.YAML, evil.Steps, evil.Receivers, evil.Host = hostile, []string{hostile, long}, []string{hostile}, hostile
	evil.DependsOn = []string{hostile}
	w.board.Keep([]board.Configured{evil})
	w.board.Stand(health.Standing{
		Service: "evil", State: health.State(hostile), At: w.now, Since: w.now, Failures: 1,
		Paused: &health.Pause{By: hostile, Note: long},
		Orders: health.Orders{
			Mode:        &health.ModeOrder{Mode: health.Mode(hostile), By: hostile, At: w.now},
			Maintenance: &health.Window{Until: w.now.Add(time.Hour), By: hostile, Reason: long},
			Silence:     &health.Window{Until: w.now.Add(time.Hour), By: long, Reason: hostile},
		},
	})
	incident := w.incident("evil")
	incident.Reason, incident.Action = hostile, long
	incident.Acknowledged = &health.Acknowledgement{By: hostile}
	w.board.Report(incident)
	w.board.Probed("evil", "", health.Result{
		Status: health.Unhealthy, At: w.now, Message: hostile,
		Observations: map[string]float64{hostile: 1}, Facts: map[string]string{hostile: long},
	})
	w.who.Name = hostile
	for _, address := range []string{"/", "/services/evil", "/?q=" + strings.Repeat("%3Cblink%3E", 100), "/services/evil?range=%3Cblink%3E"} {
		_, html := w.page(address)
		require.NotContains(t, html, "<script>")
		require.NotContains(t, html, "<img")
		require.NotContains(t, html, "<blink")
		require.NotContains(t, html, `href="javascript`)
	}
	for _, address := range []string{"/services/%3Cscript%3E", "/services/" + strings.Repeat("y", 3000), "/services/a%2Fb", "/%3Cscript%3E"} {
		answer := w.get(address)
		require.Equal(t, 404, answer.Code)
		wellFormed(t, answer.Body.String())
	}
}

func TestStaticFiles(t *testing.T) {
	s := newSite(t, Options{})
	page := s.get("/").Body.String()
	for _, file := range []struct{ pattern, kind string }{
		{`href="(/static/pages\.css\?v=[0-9a-f]{16})"`, "text/css; charset=utf-8"},
		{`src="(/static/live\.js\?v=[0-9a-f]{16})"`, "text/javascript; charset=utf-8"},
	} {
		found := regexp.MustCompile(file.pattern).FindStringSubmatch(page)
		require.NotNil(t, found, file.pattern)
		answer := s.get(found[1])
		require.Equal(t, 200, answer.Code)
		require.Equal(t, file.kind, answer.Header().Get("Content-Type"))
		require.Contains(t, answer.Header().Get("Cache-Control"), "immutable")
		tag := answer.Header().Get("ETag")
		address, _, _ := strings.Cut(found[1], "?")
		answer = s.get(address + "?v=old")
		require.Equal(t, "no-cache", answer.Header().Get("Cache-Control"), "an old version is not kept for ever")
		r := httptest.NewRequest(http.MethodGet, address, nil)
		r.Header.Set("If-None-Match", tag)
		require.Equal(t, http.StatusNotModified, s.ask(r).Code)
	}
	require.Equal(t, 404, s.get("/static/nothing.css").Code)
	require.Equal(t, 404, s.get("/static/..%2fpages.go").Code)
}
