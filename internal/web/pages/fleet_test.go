package pages

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/targets"
	"paramedic/internal/web/access"
	"paramedic/workflows"
)

// crowd puts a service with so many targets on the board, the first of which is
// down with an incident, the second fails, and the third is degraded.
func (w *world) crowd(size int) {
	w.t.Helper()
	all := make([]health.Target, size)
	for i := range all {
		all[i] = health.Target{Name: fmt.Sprintf("shop-%05d:80/a", i), Labels: map[string]string{"zone": fmt.Sprint("z", i%7)}}
	}
	all[0].Name = "https://shop.example/a?b=1#c"
	w.lists(all)
	configured := service("shops")
	configured.HasTargets, configured.Impact = true, "Nobody buys."
	w.board.Keep([]board.Configured{configured, service("web")})
	findings := make([]health.Finding, 0, size)
	for i, t := range all {
		status := map[int]health.Status{0: health.Unhealthy, 1: health.Unhealthy, 2: health.Degraded}[i]
		if status == "" {
			status = health.Healthy
		}
		findings = append(findings, health.Finding{Target: t.Name, Result: health.Result{
			Status: status, At: w.now.Add(-10 * time.Second), LatencyMS: 12, Message: "found " + string(status),
		}})
	}
	w.board.Surveyed("shops", findings, nil)
	w.board.Stand(health.Standing{Service: "shops", State: health.StateDegraded, Since: w.now.Add(-time.Hour), At: w.now, Targets: health.Counts{Total: size, Failing: 2, Down: 1}})
	w.board.Stand(health.Standing{Service: "shops", Target: all[0].Name, State: health.StateDown, Since: w.now.Add(-time.Hour), At: w.now, Failures: 9})
	w.board.Report(w.ofTarget(all[0].Name))
}

// lists has the board look targets up.
func (w *world) lists(all []health.Target) {
	w.t.Helper()
	list, err := targets.NewList(all, nil)
	require.NoError(w.t, err)
	w.board.SetTargets(func(string) (*targets.List, error) { return list, nil })
}

// ofTarget is an open incident of a target.
func (w *world) ofTarget(target string) health.Incident {
	incident := w.incident("shops")
	incident.Target, incident.ID = target, health.IncidentID("shops", target, incident.FirstFailureAt)
	return incident
}

// shownTargets are the targets that a page lists, in its order.
func shownTargets(html string) []string {
	var names []string
	for _, found := range regexp.MustCompile(`<a href="/services/shops/targets/([^"]*)"`).FindAllStringSubmatch(html, -1) {
		name, _ := url.PathUnescape(found[1])
		names = append(names, name)
	}
	return names
}

const firstTarget = "https://shop.example/a?b=1#c"

func TestOverviewOfAFleet(t *testing.T) {
	w := newWorld(t)
	w.crowd(10000)
	text, _ := w.page("/")
	require.Contains(t, text, "1 of 10 000 targets down")
	require.Contains(t, text, firstTarget+" open for 58m")
	w.board.Stand(health.Standing{Service: "shops", State: health.StateHealthy, At: w.now.Add(1), Targets: health.Counts{Total: 10000}})
	text, _ = w.page("/")
	require.Contains(t, text, "10 000 targets up")
}

func TestFleetPage(t *testing.T) {
	w := newWorld(t)
	w.crowd(120)
	text, html := w.page("/services/shops")
	require.Equal(t, []string{firstTarget, "shop-00001:80/a", "shop-00002:80/a", "shop-00003:80/a"}, shownTargets(html)[:4], "the worst first")
	require.Len(t, shownTargets(html), perPage)
	for _, want := range []string{
		"shops ▲ degraded 1 of 120 targets down", "1 down", "1 failing", "1 degraded", "117 healthy", "120 targets are like that, the worst first.",
		"zone=z0", "118 of 120 targets pass", "Uptime 24 h", "✕ down for 1h 0m", "found unhealthy", "12 ms", "Open incidents of targets", "connection refused", "Nobody buys.", "password: ***",
	} {
		require.Contains(t, text, want)
	}
	require.Contains(t, html, `data-live="/live?service=shops"`)
	require.Contains(t, html, incidentLink(w.ofTarget(firstTarget).ID))
	require.NotContains(t, text, "Response time 24 h", "there is no chart of all together")
}

func TestFleetPages(t *testing.T) {
	w := newWorld(t)
	w.crowd(120)
	var names []string
	address := "/services/shops?label=zone%3Dz1&state=healthy&q=SHOP"
	_, html := w.page(address)
	require.Len(t, shownTargets(html), 16)
	address = "/services/shops?q=shop"
	for pages := 0; address != ""; pages++ {
		require.Less(t, pages, 4)
		_, html := w.page(address)
		names = append(names, shownTargets(html)...)
		require.Equal(t, pages > 0, strings.Contains(html, "← the worst"))
		next := regexp.MustCompile(`<a href="([^"]*)" rel="next">`).FindStringSubmatch(html)
		address = ""
		if next != nil {
			address = strings.ReplaceAll(next[1], "&amp;", "&")
			require.Contains(t, address, "q=shop")
		}
	}
	require.Len(t, names, 120)
	require.Equal(t, firstTarget, names[0])
	require.Equal(t, "shop-00119:80/a", names[119])
}

func TestFleetSearches(t *testing.T) {
	w := newWorld(t)
	w.crowd(120)
	for query, want := range map[string]int{
		"q=z3": 17, "label=zone%3Dz3": 17, "label=zone%3D": 0, "state=down": 1, "state=nonsense": 0, "q=%3Cscript%3E": 0,
		"after=gone&q=z3": 17, "label=%3Dx": 0,
	} {
		text, html := w.page("/services/shops?" + query)
		require.Len(t, shownTargets(html), want, query)
		if want == 0 {
			require.Contains(t, text, "No target is like that.")
		}
		require.Contains(t, text, "117 healthy", "the counts are of all")
	}
	text, html := w.page("/services/shops?label=zone")
	require.Contains(t, text, "A label is written as name=value")
	require.Contains(t, html, `aria-describedby="odd"`)
	require.Len(t, shownTargets(html), perPage)
}

func TestFleetPageWithoutTargets(t *testing.T) {
	w := newWorld(t)
	w.lists(nil)
	configured := service("shops")
	configured.HasTargets = true
	w.board.Keep([]board.Configured{configured})
	text, _ := w.page("/services/shops")
	require.Contains(t, text, "It has no targets yet.")
	require.NoError(t, w.store.Close())
	w.board.SetTargets(func(string) (*targets.List, error) { return nil, targets.ErrUnknown })
	w.board.Keep(nil)
	w.board.Keep([]board.Configured{configured})
	text, _ = w.page("/services/shops")
	require.Contains(t, text, "Its targets are not known now; the log says why.")
	require.Contains(t, text, "Part of the history cannot be read now")
}

func TestIncidentOfTheWhole(t *testing.T) {
	w := newWorld(t)
	w.crowd(120)
	whole := w.incident("shops")
	whole.Reason = "storm: 80 of 120 targets are down"
	w.board.Report(whole)
	text, html := w.page("/services/shops")
	require.Contains(t, text, "One incident for the service as a whole, open for 58m")
	require.Contains(t, text, ": storm: 80 of 120 targets are down")
	require.Contains(t, html, `href="`+incidentLink(whole.ID)+`"`)
	text, _ = w.page("/services/shops/targets/shop-00001:80%2Fa")
	require.Contains(t, text, "One incident for the service as a whole, open for")
	text, _ = w.page("/services/shops/targets/" + url.PathEscape(firstTarget))
	require.Contains(t, text, "Incident open for")
}

func TestTargetPage(t *testing.T) {
	w := newWorld(t)
	w.crowd(120)
	var batch store.Batch
	for age := 20 * time.Hour; age > 0; age -= 10 * time.Minute {
		result := health.Result{Status: health.Healthy, At: w.now.Add(-age), LatencyMS: 11}
		if age < time.Hour {
			result.Status, result.Message = health.Unhealthy, "broken pipe"
		}
		batch.Results = append(batch.Results, store.Result{Key: store.Key{Service: "shops", Target: firstTarget}, Result: result})
	}
	w.sink.Put(batch)
	address := targetLink("shops", firstTarget)
	text, html := w.page(address)
	for _, want := range []string{
		"shops /" + firstTarget + " ✕ down", "9 failed probes in a row", "found unhealthy", "Incident open for", "broken pipe",
		"zone=z0", "The last 90 days", "Nobody buys.",
	} {
		require.Contains(t, text, want)
	}
	require.Contains(t, html, `<path class="line" d="M`)
	require.Contains(t, html, `href="`+address+`?range=week"`)
	require.Contains(t, html, `data-live="/live?service=shops"`)
	require.Len(t, regexp.MustCompile(`<title>\d{4}-\d\d-\d\d: `).FindAllString(html, -1), 90, "one bar a day")
	text, _ = w.page("/services/shops/targets/shop-00050:80%2Fa")
	require.Contains(t, text, "✓ healthy")
	require.NotContains(t, text, "Incident open for")

	for _, gone := range []string{"/services/shops/targets/nobody", "/services/web/targets/x", "/services/nobody/targets/x", "/services/shops/targets/%3Cscript%3E"} {
		answer := w.get(gone)
		require.Equal(t, http.StatusNotFound, answer.Code, gone)
		wellFormed(t, answer.Body.String())
	}
	require.Contains(t, w.get("/services/shops/targets/nobody").Body.String(), "The service &#34;shops&#34; has no target &#34;nobody&#34;.")
}

func TestIncidentOfATarget(t *testing.T) {
	w := newWorld(t)
	w.crowd(120)
	incident := w.ofTarget(firstTarget)
	address := incidentLink(incident.ID)
	text, html := w.page(address)
	require.Contains(t, text, "shops /"+firstTarget+" : triggered")
	require.Contains(t, html, `href="`+targetLink("shops", firstTarget)+`"`)
	require.Contains(t, text, "This holds for all its targets.")

	answer := w.post(address+"/acknowledge", "by", "ana", "note", "mine")
	require.Equal(t, http.StatusSeeOther, answer.Code, answer.Body)
	require.Equal(t, []any{call{"acknowledge", "shops/" + firstTarget, workflows.Instruction{By: "ana", Note: "mine", Incident: incident.ID}}}, w.told.calls)
	w.told.calls = nil
	require.Equal(t, http.StatusSeeOther, w.post(address+"/silence", "by", "ana", "for", "1h").Code)
	require.Equal(t, "shops", w.told.calls[0].(call).Service, "silence is for the service")

	newer := incident
	newer.OpenedAt = incident.OpenedAt.Add(time.Minute)
	newer.ID = health.IncidentID("shops", firstTarget, incident.FirstFailureAt.Add(time.Minute))
	w.board.Report(newer)
	w.told.calls = nil
	require.Equal(t, http.StatusConflict, w.post(address+"/resolve", "by", "ana").Code, "that one has been closed")
	require.Empty(t, w.told.calls)

	for query, want := range map[string]int{"shops": 1, "shops/" + firstTarget: 1, "shops/x": 0, "web": 0} {
		_, html := w.page("/incidents?service=" + url.QueryEscape(query))
		require.Equal(t, want, strings.Count(html, `<a href="/incidents/shops`), query)
	}
}

func TestFleetInSpanish(t *testing.T) {
	w := newWorld(t)
	w.crowd(120)
	w.headers.Set("Accept-Language", "es")
	for address, want := range map[string]string{
		"/": "1 de 120 objetivos caídos", "/services/shops": "120 objetivos son así, los peores primero.",
		targetLink("shops", firstTarget): "Tiempo de respuesta",
	} {
		text, _ := w.page(address)
		require.Contains(t, text, want)
	}
}

func TestHostileTargets(t *testing.T) {
	w := newWorld(t)
	// No such name is taken; if one were, pages would show it as it is.
	name := `"><script>alert(1)</script>'&{{.}}/../x`
	w.lists([]health.Target{{Name: name, Labels: map[string]string{"a": hostile}}})
	configured := service("shops")
	configured.HasTargets = true
	w.board.Keep([]board.Configured{configured})
	w.board.Surveyed("shops", []health.Finding{{Target: name, Result: health.Result{Status: health.Unhealthy, At: w.now, Message: hostile}}}, nil)
	incident := w.ofTarget(name)
	incident.Reason = hostile
	w.board.Report(incident)
	for _, address := range []string{"/", "/services/shops", targetLink("shops", name), "/incidents", incidentLink(incident.ID), "/services/shops?q=" + url.QueryEscape(hostile) + "&label=" + url.QueryEscape(hostile)} {
		_, html := w.page(address)
		require.NotContains(t, html, "<script>alert", address)
	}
}

func TestFleetForms(t *testing.T) {
	w := newWorld(t)
	w.crowd(120)
	w.who = access.Identity{Name: "vera", Role: access.Viewer, Method: access.MethodBasic}
	_, html := w.page("/services/shops")
	require.NotContains(t, html, `action="/services/shops/`)
	w.who = access.Identity{Name: "ada", Role: access.Admin, Method: access.MethodBasic}
	_, html = w.page("/services/shops")
	for _, form := range []string{"probe", "pause", "maintain", "silence", "mode"} {
		require.Contains(t, html, `action="/services/shops/`+form+`"`)
	}
}

// TestManyTargetsAreShownQuickly: ten thousand targets, and a page within 50 ms.
// The quickest of some looks counts: other things run on this machine.
func TestManyTargetsAreShownQuickly(t *testing.T) {
	w := newWorld(t)
	w.crowd(10000)
	for _, address := range []string{"/", "/services/shops", "/services/shops?q=shop&label=zone%3Dz3&state=healthy", targetLink("shops", firstTarget)} {
		quickest := time.Hour
		for range 10 {
			begun := time.Now()
			require.Equal(t, http.StatusOK, w.get(address).Code)
			quickest = min(quickest, time.Since(begun))
		}
		t.Logf("%s: %s", address, quickest)
		require.Less(t, quickest, 50*time.Millisecond, address)
	}
}
