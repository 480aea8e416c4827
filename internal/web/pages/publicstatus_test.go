package pages

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/web/access"
)

// public is a ward whose status page is open to everybody, seen by nobody known.
func public(t *testing.T, services ...board.Configured) *ward {
	t.Helper()
	w := newWard(t, func(o *Options) { o.PublicStatus = true }, services...)
	w.who = access.Identity{}
	return w
}

func TestPublicStatus(t *testing.T) {
	w := public(t, clickhouse(), board.Configured{Name: "web"})
	w.probed("web", health.StateHealthy, nil, nil)
	w.probed("clickhouse", health.StateDown, nil, nil)
	i := open()
	i.Reason = "secret reason"
	w.board.Report(i)
	text, html := w.page(t, "/status")
	require.Contains(t, text, "1 of 2 services work")
	require.Contains(t, text, "Figures is not working since 2026-03-19 14:28:00 UTC")
	require.Contains(t, text, "Figures ✕ down")
	require.Contains(t, text, "web ✓ healthy")
	main := html[strings.Index(html, "<main"):strings.Index(html, "</main>")]
	for _, private := range []string{"clickhouse", "secret", "Ana", "row count", "No figures", "<a ", "ui.example", "P1", "3.4"} {
		require.NotContains(t, main, private)
	}
	require.NotContains(t, html, "/incidents")
	require.NotContains(t, html, "data-live", "the public may not follow")
	require.Equal(t, "60", w.get("/status").Header().Get("Refresh"))
	w.headers.Set("Accept-Language", "es")
	text, _ = w.page(t, "/status")
	require.Contains(t, text, "Funcionan 1 de 2 servicios")
}

func TestPublicStatusIsOffByDefault(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	require.Equal(t, 404, w.get("/status").Code)
	for _, route := range w.statusRoutes() {
		require.Equal(t, access.Viewer, route.Role, route.Pattern)
	}
	for _, route := range public(t).statusRoutes() {
		require.Equal(t, access.Public, route.Role, route.Pattern)
	}
}

func TestPublicStatusOfManyAndOfNone(t *testing.T) {
	text, _ := public(t).page(t, "/status")
	require.Contains(t, text, "No services yet")
	var services []board.Configured
	for n := range perPage + 5 {
		services = append(services, board.Configured{Name: fmt.Sprintf("s%03d", n), Labels: map[string]string{publicLabel: hostile}})
	}
	w := public(t, services...)
	text, html := w.page(t, "/status?page=2")
	require.Contains(t, text, "Page 2 of 2")
	require.Equal(t, 5, strings.Count(html, `<li class="card`))
	require.NotContains(t, html, "<script>")
}

func TestBars(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	bars := newBars([]store.Day{
		{At: from, Probes: 100}, {At: from.Add(day), Probes: 100, Failed: 1}, {At: from.Add(2 * day), Probes: 100, Failed: 5},
		{At: from.Add(3 * day), Probes: 100, Degraded: 5}, {At: from.Add(4 * day), Probes: 0},
		{At: from.Add(-day), Probes: 1, Failed: 1}, {At: from.Add(barDays * day), Probes: 1, Failed: 1},
	}, from)
	require.Len(t, bars, barDays)
	var kinds []string
	for _, bar := range bars[:6] {
		kinds = append(kinds, bar.Kind)
	}
	require.Equal(t, []string{"up", "partly", "down", "degraded", "none", "none"}, kinds)
	require.Equal(t, "none", bars[barDays-1].Kind)
	require.InDelta(t, 0.95, bars[2].Up, 1e-9)
	require.Equal(t, 4, bars[1].X)
}

// counting is a store that counts how often it is asked for days.
type counting struct {
	Store
	asked int
	err   error
}

func (c *counting) Days(ctx context.Context, key store.Key, from, until time.Time) ([]store.Day, error) {
	c.asked++
	if c.err != nil {
		return nil, c.err
	}
	return c.Store.Days(ctx, key, from, until)
}

// The store is asked once in five minutes, however often the page is loaded; and
// where it cannot answer, the page stands with what is known.
func TestBarsAreKept(t *testing.T) {
	now, days := failedAt.Add(time.Hour), &counting{}
	w := newWard(t, func(o *Options) {
		days.Store, o.Store = o.Store, days
		o.PublicStatus, o.Now = true, func() time.Time { return now }
	}, clickhouse())
	result := store.Result{Key: store.Key{Service: "clickhouse"}, Result: health.Result{Status: health.Unhealthy, At: failedAt}}
	require.NoError(t, w.store.Write(t.Context(), store.Batch{Results: []store.Result{result}}))
	bars := func() int {
		_, html := w.page(t, "/status")
		return strings.Count(html, `<rect class="`)
	}
	days.err = errors.New("the store is down")
	require.Zero(t, bars())
	require.Zero(t, bars())
	require.Equal(t, 1, days.asked, "a store that is down is left alone for a while")
	days.err, now = nil, now.Add(barsAgain)
	_, html := w.page(t, "/status")
	require.Contains(t, html, `<rect class="down" x="356" y="0" width="3" height="30"><title>2026-03-19: 0.00 %</title></rect>`)
	require.Equal(t, barDays, bars())
	require.Equal(t, 2, days.asked)
	days.err, now = errors.New("down again"), now.Add(barsFor)
	require.Equal(t, barDays, bars(), "what was known is shown on")
	require.Equal(t, 3, days.asked)
}
