package web

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/supervise"
)

// refreshSeconds is how often the status page loads itself again.
const refreshSeconds = 5

var (
	//go:embed page.html notfound.html
	templates embed.FS
	//go:embed style.css
	style string

	pages = template.Must(template.New("").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) },
		"icon":  icon,
	}).ParseFS(templates, "*.html"))
)

// ServiceRow is one line of the status page: a service, or one target of it.
type ServiceRow struct {
	Service string
	// Target tells the targets of one service apart; empty if it has one.
	Target string
	// State is healthy, degraded, failing, down, paused or unknown.
	State string
	// Since is when the service came into this state; zero if not known.
	Since time.Time
	// LastProbeAt is when it was last looked at; zero if never.
	LastProbeAt time.Time
	// LatencyMS is how long that took, in milliseconds.
	LatencyMS float64
	// Message is what was found.
	Message string
	// Severity is how much its being down matters; empty is not shown.
	Severity string
}

// look is how a state is shown. Colour is never the only sign: each has a mark
// and is written out.
type look struct {
	state  string
	mark   string
	colour string // of the tab's icon
}

// looks lists the states, the most urgent first; the page has this order.
var looks = []look{
	{"down", "✕", "d1242f"},
	{"failing", "!", "d4600a"},
	{"degraded", "▲", "b58100"},
	{"unknown", "?", "6e7781"},
	{"paused", "‖", "6e7781"},
	{"healthy", "✓", "1a7f37"},
}

// lookOf returns the look of a state; a state without one is shown as unknown.
func lookOf(state string) (look, int) {
	known := func(l look) bool { return l.state == state }
	i := slices.IndexFunc(looks, known)
	if i < 0 {
		return lookOf("unknown")
	}
	return looks[i], i
}

// page is what page.html shows.
type page struct {
	Refresh  int
	Overall  string
	Headline string
	UIURL    string
	Rows     []line
	Parts    []part
	At       moment
}

type line struct {
	ServiceRow
	State, Mark   string
	Since, Probed moment
	Latency       string
}

// part is one part of this process; State is that of a service which would be
// shown the same way.
type part struct {
	Name, State, Mark string
	Status            supervise.Status
	Since             moment
}

// moment is a time as people read it: how long ago, and exactly.
type moment struct{ Ago, Exact string }

func (s *site) statusPage(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusOK, "page.html", newPage(s.Services(), s.Health(), s.UIURL, s.now()))
}

func (s *site) notFound(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusNotFound, "notfound.html", nil)
}

// render answers with a page, or with 500 and no half page.
func (s *site) render(w http.ResponseWriter, code int, name string, data any) {
	var buffer bytes.Buffer
	if err := pages.ExecuteTemplate(&buffer, name, data); err != nil {
		s.Log.Error("page failed", "page", name, "error", err)
		http.Error(w, "This page could not be made; the log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	// An error here means that the client has gone.
	_, _ = buffer.WriteTo(w)
}

func newPage(rows []ServiceRow, own supervise.Health, uiURL string, now time.Time) page {
	p := page{Refresh: refreshSeconds, UIURL: uiURL, At: momentOf(now, now)}
	for _, row := range rows {
		p.Rows = append(p.Rows, newLine(row, now))
	}
	slices.SortStableFunc(p.Rows, func(a, b line) int {
		_, first := lookOf(a.State)
		_, second := lookOf(b.State)
		return cmp.Compare(first, second)
	})
	p.Overall, p.Headline = summary(p.Rows)
	for _, name := range slices.Sorted(maps.Keys(own.Parts)) {
		mark := own.Parts[name]
		p.Parts = append(p.Parts, newPart(name, mark, now))
	}
	return p
}

func newLine(row ServiceRow, now time.Time) line {
	shown, _ := lookOf(row.State)
	l := line{
		ServiceRow: row, State: shown.state, Mark: shown.mark,
		Since: momentOf(row.Since, now), Probed: momentOf(row.LastProbeAt, now),
	}
	if !row.LastProbeAt.IsZero() {
		l.Latency = latency(row.LatencyMS)
	}
	return l
}

func newPart(name string, mark supervise.Mark, now time.Time) part {
	alike := map[supervise.Status]string{supervise.Healthy: "healthy", supervise.Failed: "down"}
	shown, _ := lookOf(alike[mark.Status])
	return part{Name: name, State: shown.state, Mark: shown.mark, Status: mark.Status, Since: momentOf(mark.Since, now)}
}

// summary says in a few words how the services are, and names the worst state.
// The rows are sorted.
func summary(rows []line) (overall, headline string) {
	if len(rows) == 0 {
		return "unknown", "No services yet"
	}
	count := map[string]int{}
	for _, row := range rows {
		count[row.State]++
	}
	overall = rows[0].State
	switch {
	case count["healthy"] == len(rows) && len(rows) == 1:
		return overall, "The service is healthy"
	case count["healthy"] == len(rows):
		return overall, fmt.Sprintf("All %d services are healthy", len(rows))
	}
	var counts []string
	for _, l := range looks {
		if count[l.state] > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", count[l.state], l.state))
		}
	}
	return overall, strings.Join(counts, ", ")
}

// momentOf gives the zero moment for the zero time.
func momentOf(t, now time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	return moment{Ago: health.Span(now.Sub(t)), Exact: t.UTC().Format(time.RFC3339)}
}

// latency writes milliseconds as people read them: "0.4 ms", "12 ms", "2.5 s".
func latency(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
}

// icon is the tab's icon: a dot in the colour of the worst state.
func icon(state string) template.URL {
	shown, _ := lookOf(state)
	return template.URL("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
		"%3Ccircle cx='8' cy='8' r='7' fill='%23" + shown.colour + "'/%3E%3C/svg%3E")
}
