package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/workflows"
)

const shopsPath = "/api/v1/services/shops/targets"

// tell asks with headers, given as name and value in turn.
func (w *world) tell(method, path, body string, headers ...string) answer {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	return w.send(request)
}

func (w *world) list(query string) (list TargetList) {
	w.t.Helper()
	got := w.get(shopsPath + query)
	require.Equal(w.t, http.StatusOK, got.status, got.body)
	got.read(w.t, &list)
	return list
}

func namesOf(list TargetList) (names []string) {
	for _, t := range list.Items {
		names = append(names, t.Target)
	}
	return names
}

func TestTargetsAreListed(t *testing.T) {
	w := newWorld(t).fill().fleet()
	all := w.list("")
	require.Equal(t, []string{"10.0.0.1:80", "10.0.0.2:80", "10.0.0.4:80", "a/b/c", slashed}, namesOf(all))
	require.Equal(t, 5, all.Total)
	require.Empty(t, all.Next)
	var sources []string
	for _, item := range all.Items {
		sources = append(sources, item.Source)
	}
	require.Equal(t, []string{"api", "api", "file_sd", "api", "list"}, sources)
	require.Equal(t, health.StateDown, all.Items[3].State)
	require.Equal(t, w.ofTarget().ID, all.Items[3].Incident)

	require.Equal(t, []string{"a/b/c"}, namesOf(w.list("?state=down&state=failing")))
	require.Equal(t, []string{"10.0.0.2:80"}, namesOf(w.list("?q=0.2&label=tier%3Dgold")))
	require.Empty(t, w.list("?label=tier%3Dgold&label=zone%3D").Items)
	require.Equal(t, 4, w.list("?state=healthy&limit=1").Total)
}

func TestTargetsArePaged(t *testing.T) {
	w := newWorld(t).fill().fleet()
	var names []string
	next := shopsPath + "?limit=2&state=healthy"
	for pages := 0; next != ""; pages++ {
		require.Less(t, pages, 4)
		got := w.get(next)
		var list TargetList
		got.read(t, &list)
		names = append(names, namesOf(list)...)
		link := got.header.Get("Link")
		next = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
		require.Equal(t, list.Next != "", link != "")
		if next != "" {
			require.Contains(t, next, "state=healthy")
			require.Contains(t, next, "cursor="+list.Next)
		}
	}
	require.Equal(t, []string{"10.0.0.1:80", "10.0.0.2:80", "10.0.0.4:80", slashed}, names)
}

func TestTargetIsShown(t *testing.T) {
	w := newWorld(t).fill().fleet()
	for name, want := range map[string]struct {
		source  string
		changes bool
	}{slashed: {"list", false}, "10.0.0.4:80": {"file_sd", false}, "a/b/c": {"api", true}} {
		got := w.get(shopsPath + "/" + url.PathEscape(name))
		var shown TargetDetail
		got.read(t, &shown)
		require.Equal(t, name, shown.Target.Target)
		require.Equal(t, "shops", shown.Service)
		require.Equal(t, want.source, shown.Source)
		require.Equal(t, want.changes, shown.Version > 0)
		require.Equal(t, !want.changes, shown.CreatedAt.IsZero())

		tag := got.header.Get("ETag")
		require.Regexp(t, `^"[0-9a-f-]+\.[0-9a-f]{8}"$`, tag)
		for _, same := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			again := w.tell(http.MethodGet, shopsPath+"/"+url.PathEscape(name), "", "If-None-Match", same)
			require.Equal(t, http.StatusNotModified, again.status, same)
			require.Empty(t, again.body)
			require.Equal(t, tag, again.header.Get("ETag"))
		}
		require.Equal(t, http.StatusOK, w.tell(http.MethodGet, shopsPath+"/"+url.PathEscape(name), "", "If-None-Match", `"x"`).status)
	}
	w.board.Stand(health.Standing{Service: "shops", Target: "a/b/c", State: health.StateFailing, Since: w.now, At: w.now.Add(1), Failures: 4})
	before := w.get(shopsPath + "/a%2Fb%2Fc").header.Get("ETag")
	w.board.Stand(health.Standing{Service: "shops", Target: "a/b/c", State: health.StateDown, Since: w.now, At: w.now.Add(2), Failures: 5})
	require.Equal(t, http.StatusOK, w.tell(http.MethodGet, shopsPath+"/a%2Fb%2Fc", "", "If-None-Match", before).status, "another state is another answer")
}

// TestTargetPathTricks: whatever stands in a path is a name that nobody has.
func TestTargetPathTricks(t *testing.T) {
	w := newWorld(t).fill().fleet()
	for _, name := range []string{
		"%2e%2e", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00", "a%2fb%2fc%00", "a%2fb%2fc%2f", "%20", "%ff", "a%0d%0aX:%20y",
		strings.Repeat("x", 8000), "%3Cscript%3E", "*", "A%2FB%2FC", "'%20OR%201=1--", "a%252Fb%252Fc",
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			got := w.plain(method, shopsPath+"/"+name)
			require.Equal(t, http.StatusNotFound, got.status, "%.60s: %s", name, got.body)
			require.Less(t, len(got.problem(t)), 400, "%.60s", name)
		}
	}
}

func TestIncidentsOfTargets(t *testing.T) {
	w := newWorld(t).fill().fleet()
	incident := w.ofTarget()
	for query, want := range map[string]int{
		"?service=shops": 1, "?service=shops&target=a/b/c": 1, "?service=shops&target=10.0.0.1:80": 0,
		"?service=shops&target=a/b/c&state=open": 1, "?service=shops&target=x&state=open": 0,
	} {
		var list List[Incident]
		w.get("/api/v1/incidents"+query).read(t, &list)
		require.Len(t, list.Items, want, query)
	}
	for _, name := range []string{incident.ID, "shops/a/b/c", "shops"} {
		var report IncidentReport
		w.get("/api/v1/incidents/"+url.PathEscape(name)).read(t, &report)
		require.Equal(t, incident.ID, report.ID, name)
		require.Equal(t, "a/b/c", report.Target)
	}
	for query, want := range map[string]int{"?service=shops": 1, "?service=shops&target=a/b/c": 1, "?service=shops&target=x": 0} {
		var report Report
		w.get("/api/v1/report"+query).read(t, &report)
		require.Equal(t, want, report.Total.Incidents, query)
	}
	w.refused(http.MethodGet, "/api/v1/report?target=a", "", 422, "target: say of which service")
	w.refused(http.MethodGet, "/api/v1/incidents/shops%2F10.0.0.1:80", "", 404, `"shops/10.0.0.1:80" has had no incident`)

	for name, want := range map[string]order{
		incident.ID:   {"acknowledge", "shops/a/b/c", workflows.Instruction{By: "ana", Incident: incident.ID}},
		"shops/a/b/c": {"acknowledge", "shops/a/b/c", workflows.Instruction{By: "ana"}},
		"shops":       {"acknowledge", "shops", workflows.Instruction{By: "ana"}},
		"shops/gone":  {"acknowledge", "shops/gone", workflows.Instruction{By: "ana"}},
	} {
		w.orders.told = nil
		require.Equal(t, http.StatusOK, w.post("/api/v1/incidents/"+url.PathEscape(name)+"/acknowledge", "").status, name)
		require.Equal(t, []any{want}, w.orders.told)
	}
	w.orders.told = nil
	require.Equal(t, http.StatusOK, w.post("/api/v1/services/shops%2Fa%2Fb%2Fc/rearm", "").status)
	require.Equal(t, []any{order{"rearm", "shops/a/b/c", workflows.Instruction{By: "ana"}}}, w.orders.told)
}

func TestOrdersAreForWholeServices(t *testing.T) {
	w := newWorld(t).fill().fleet()
	for _, path := range []string{"probe", "pause", "resume", "maintain", "silence", "mode"} {
		w.refused(http.MethodPost, "/api/v1/services/shops%2Fa%2Fb%2Fc/"+path, "{}", 404, `this is for a service with all its targets, so write shops`)
	}
	w.refused(http.MethodPost, "/api/v1/silence", `{"for":"5m","services":["shops/a/b/c"]}`, 404, "so write shops")
}

func TestHistoryOfTargets(t *testing.T) {
	w := newWorld(t).fill().fleet()
	var days Series[Day]
	w.get("/api/v1/services/shops/days?target=a/b/c").read(t, &days)
	require.Equal(t, "a/b/c", days.Target)
	require.Len(t, days.Items, 1)
	require.Equal(t, 1, days.Items[0].Failed)
	var points Series[Point]
	w.get("/api/v1/services/shops/points?target=10.0.0.1:80").read(t, &points)
	require.Equal(t, 1, points.Items[0].Probes)
	var failures Latest[Result]
	w.get("/api/v1/services/shops/failures?target=a/b/c").read(t, &failures)
	require.Len(t, failures.Items, 1)
	w.get("/api/v1/services/shops/failures?target=10.0.0.1:80").read(t, &failures)
	require.Empty(t, failures.Items)
}

func TestServicesCountTheirTargets(t *testing.T) {
	w := newWorld(t).fill().fleet()
	var shown Service
	w.get("/api/v1/services/shops").read(t, &shown)
	require.Equal(t, &health.Counts{Total: 5, Failing: 1, Down: 1}, shown.Targets)
	shown = Service{}
	w.get("/api/v1/services/web").read(t, &shown)
	require.Nil(t, shown.Targets)
}
