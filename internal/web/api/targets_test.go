package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/web/access"
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
		version int64
	}{slashed: {"list", 0}, "10.0.0.4:80": {"file_sd", 0}, "a/b/c": {"api", 1}} {
		got := w.get(shopsPath + "/" + url.PathEscape(name))
		var shown TargetDetail
		got.read(t, &shown)
		require.Equal(t, name, shown.Target.Target)
		require.Equal(t, "shops", shown.Service)
		require.Equal(t, want.source, shown.Source)
		require.Equal(t, want.version, shown.Version)
		require.Equal(t, want.version == 0, shown.CreatedAt.IsZero())

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

func TestTargetLifecycle(t *testing.T) {
	w := newWorld(t).fill().fleet()
	got := w.post(shopsPath, `{"target":"https://new.example/x y","labels":{}}`)
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	const name = "https://new.example/x?y=1#z"
	got = w.post(shopsPath, `{"target":"`+name+`","labels":{"tier":"new"}}`)
	require.Equal(t, http.StatusCreated, got.status, got.body)
	at := got.header.Get("Location")
	require.Equal(t, shopsPath+"/"+url.PathEscape(name), at)
	require.Contains(t, namesOf(w.list("?label=tier%3Dnew")), name, "it is known at once")
	shown := w.get(at)
	require.Equal(t, got.body, shown.body)
	require.Equal(t, got.header.Get("ETag"), shown.header.Get("ETag"))
	w.refused(http.MethodPost, shopsPath, `{"target":"`+name+`"}`, 409, "is registered already; change it with PUT at "+at)

	old := shown.header.Get("ETag")
	got = w.tell(http.MethodPut, at, `{"labels":{"tier":"newer"}}`, "If-Match", old)
	require.Equal(t, http.StatusOK, got.status, got.body)
	var changed TargetDetail
	got.read(t, &changed)
	require.Equal(t, int64(2), changed.Version)
	require.Equal(t, map[string]string{"tier": "newer"}, changed.Labels)
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		body := map[string]string{http.MethodPut: `{"labels":{}}`}[method]
		got = w.tell(method, at, body, "If-Match", old)
		require.Equal(t, http.StatusPreconditionFailed, got.status, got.body)
		require.Contains(t, got.problem(t), "is version 2 now")
	}
	got = w.tell(http.MethodPut, at, `{}`, "If-None-Match", "*")
	require.Equal(t, http.StatusPreconditionFailed, got.status)

	require.Equal(t, http.StatusNoContent, w.tell(http.MethodDelete, at, "", "If-Match", `"x.1", `+changed.etag(w)).status)
	require.Equal(t, http.StatusNotFound, w.get(at).status)
	require.Equal(t, http.StatusNotFound, w.tell(http.MethodDelete, at, "").status)
	require.Equal(t, http.StatusPreconditionFailed, w.tell(http.MethodPut, at, `{}`, "If-Match", "*").status)
	require.NotContains(t, namesOf(w.list("")), name)

	got = w.tell(http.MethodPut, at, `{"target":"`+name+`"}`, "If-None-Match", "*")
	require.Equal(t, http.StatusCreated, got.status, got.body)
	require.Equal(t, at, got.header.Get("Location"))
	got = w.tell(http.MethodPut, at, `{}`, "If-Match", old)
	require.Equal(t, http.StatusPreconditionFailed, got.status, "one that was made anew is another")
	require.Equal(t, http.StatusOK, w.tell(http.MethodPut, at, `{"labels":{"a":"b"}}`).status, "without a condition whatever is there is replaced")
}

// etag is the one that it was sent with.
func (d TargetDetail) etag(w *world) string {
	return w.get(shopsPath + "/" + url.PathEscape(d.Target.Target)).header.Get("ETag")
}

func TestTargetsThatCannotBeChanged(t *testing.T) {
	w := newWorld(t).fill().fleet()
	for name, why := range map[string]string{
		slashed:       `is in the configuration's list; change it there`,
		"10.0.0.4:80": `comes from the file_sd file of the configuration; change it there`,
	} {
		at := shopsPath + "/" + url.PathEscape(name)
		w.refused(http.MethodPost, shopsPath, `{"target":"`+name+`"}`, 409, why)
		w.refused(http.MethodPut, at, `{}`, 409, why)
		w.refused(http.MethodDelete, at, "", 409, why)
	}
	const how = `set targets.api: true for the service in the configuration`
	w.refused(http.MethodPost, "/api/v1/services/printers/targets", `{"target":"p2"}`, 409, `the targets of "printers" cannot be changed here, as they come from the configuration's list; to allow it, `+how)
	w.refused(http.MethodDelete, "/api/v1/services/printers/targets/p1", "", 409, how)
	w.refused(http.MethodPost, "/api/v1/services/printers/targets/import", line, 409, how)
	w.refused(http.MethodPost, "/api/v1/services/web/targets", `{"target":"p2"}`, 409, `service "web" has no targets; to let them be registered here, `+how)
	w.refused(http.MethodGet, "/api/v1/services/web/targets", "", 404, `service "web" has no targets; it is its own`)
	w.refused(http.MethodGet, "/api/v1/services/web/targets/x", "", 404, `service "web" has no targets`)
	for _, path := range []string{"", "/x", "/import"} {
		w.refused(http.MethodPost, "/api/v1/services/wbe/targets"+strings.Replace(path, "/x", "", 1), `{}`, 404, `there is no service "wbe"`)
	}
	w.refused(http.MethodPut, "/api/v1/services/wbe/targets/x", `{}`, 404, `there is no service "wbe"`)
	w.refused(http.MethodGet, shopsPath+"/nobody", "", 404, `service "shops" has no target "nobody"; /api/v1/services/shops/targets lists them`)
	w.refused(http.MethodDelete, shopsPath+"/nobody", "", 404, "has no target")
}

func TestTargetsAreChecked(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.CheckTarget = func(service string, target health.Target) error {
			if target.Labels["port"] == "" {
				return errors.New(`probe.http.url: it has no label "port"`)
			}
			return nil
		}
	}).fill().fleet()
	for body, want := range map[string]struct {
		status int
		detail string
	}{
		`{"target":"a"}`:   {422, `target "a" cannot be probed as "shops" says: probe.http.url: it has no label "port"`},
		`{}`:               {422, "the name of a target is empty"},
		`{"target":"a b"}`: {422, "cannot name a target"},
		`{"target":"<a>"}`: {422, "cannot name a target"},
		`{"target":"` + strings.Repeat("x", 201) + `"}`:    {422, "has 201 bytes; write at most 200"},
		`{"target":"import","labels":{"port":"1"}}`:        {422, `a target cannot be called "import"`},
		`{"target":"..","labels":{"port":"1"}}`:            {422, `a target cannot be called ".."`},
		`{"target":"a","labels":{"1":"x"}}`:                {422, "cannot name a label"},
		`{"target":"a","labels":{"x":"a\u0000"}}`:          {422, "control characters"},
		`{"target":"a","labels":{"x":1}}`:                  {422, "labels"},
		`{"target":"a","label":{}}`:                        {400, `unknown field "label"`},
		`[]`:                                               {400, "the body is a JSON array"},
		`{"target":"a"`:                                    {400, "the body is not JSON"},
		`{"target":"` + strings.Repeat("x", 65<<10) + `"}`: {413, "the body is larger than 65536 bytes"},
	} {
		w.refused(http.MethodPost, shopsPath, body, want.status, want.detail)
	}
	w.refused(http.MethodPut, shopsPath+"/a", `{"target":"b"}`, 422, `the body names "b", and the address "a"; a target cannot be renamed`)
	w.refused(http.MethodPut, shopsPath+"/a%20b", `{}`, 422, "cannot name a target")
	w.refused(http.MethodGet, shopsPath+"?state=up", "", 422, `state: unknown value "up"`)
	w.refused(http.MethodGet, shopsPath+"?cursor=%21", "", 422, "cursor: \"!\" is none")
	w.refused(http.MethodGet, shopsPath+"?limit=1001", "", 422, "limit")
	w.refused(http.MethodGet, shopsPath+"?offset=1", "", 400, "unknown parameter")
	w.refused(http.MethodGet, shopsPath+"/a?x=1", "", 400, "unknown parameter")
	w.refused(http.MethodGet, "/api/v1/services/shops/days?target=a%20b", "", 422, "target: ")
	w.refused(http.MethodGet, "/api/v1/incidents?target=a", "", 422, "target: say of which service")
	require.Len(t, w.list("").Items, 5, "nothing was taken")
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

func TestIdempotencyKeys(t *testing.T) {
	w := newWorld(t).fill().fleet()
	const body = `{"target":"new:80","labels":{"a":"b"}}`
	first := w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", `"k-1"`)
	require.Equal(t, http.StatusCreated, first.status, first.body)
	again := w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", "k-1")
	require.Equal(t, first.status, again.status)
	require.Equal(t, first.body, again.body)
	require.Equal(t, first.header.Get("ETag"), again.header.Get("ETag"))
	require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Empty(t, first.header.Get("Idempotency-Replayed"))

	for _, other := range []func() answer{
		func() answer {
			return w.tell(http.MethodPost, shopsPath, `{"target":"newer:80"}`, "Idempotency-Key", "k-1")
		},
		func() answer { return w.tell(http.MethodPut, shopsPath+"/new:80", body, "Idempotency-Key", "k-1") },
	} {
		got := other()
		require.Equal(t, http.StatusUnprocessableEntity, got.status)
		require.Contains(t, got.problem(t), "this key was sent with another request within the last 24 hours")
	}
	for range 2 { // a refusal is remembered, too
		require.Equal(t, http.StatusConflict, w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", "k-2").status)
	}
	for range 2 {
		require.Equal(t, http.StatusNoContent, w.tell(http.MethodDelete, shopsPath+"/new:80", "", "Idempotency-Key", "k-3").status)
	}
	w.who = access.Identity{Name: "ben", Role: access.Operator, Method: access.MethodToken}
	require.Equal(t, http.StatusCreated, w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", "k-1").status, "keys are of the one who sends them")

	for _, key := range []string{"", "a b", strings.Repeat("x", 201), "\x7f"} {
		got := w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", key)
		require.Equal(t, http.StatusBadRequest, got.status, key)
		require.Contains(t, got.problem(t), "Idempotency-Key: send one key of 1 to 200")
	}
	require.Equal(t, http.StatusBadRequest, w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", "a", "Idempotency-Key", "b").status)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.tell(http.MethodPost, shopsPath, strings.Repeat(" ", bodyLimit+1), "Idempotency-Key", "k-9").status)
}

func TestSameKeyAtTheSameTime(t *testing.T) {
	w := newWorld(t).fill()
	entered, leave := make(chan struct{}), make(chan struct{})
	api, err := New(w.options)
	require.NoError(t, err)
	slow := api.once(func(answer http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-leave
		answer.WriteHeader(http.StatusNoContent)
	})
	ask := func() int {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/x", http.NoBody)
		request.Header.Set("Idempotency-Key", "k")
		slow(recorder, request)
		return recorder.Code
	}
	var wait sync.WaitGroup
	wait.Go(func() { require.Equal(t, http.StatusNoContent, ask()) })
	<-entered
	require.Equal(t, http.StatusConflict, ask())
	close(leave)
	wait.Wait()
	require.Equal(t, http.StatusNoContent, ask(), "the answer is remembered")
}

func TestFailuresAreNotRemembered(t *testing.T) {
	w := newWorld(t).fill()
	api, err := New(w.options)
	require.NoError(t, err)
	status := http.StatusServiceUnavailable
	handler := api.once(func(answer http.ResponseWriter, _ *http.Request) { answer.WriteHeader(status) })
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusNoContent, http.StatusNoContent} {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/x", http.NoBody)
		request.Header.Set("Idempotency-Key", "k")
		handler(recorder, request)
		require.Equal(t, want, recorder.Code)
		status = cmp.Or(map[bool]int{want == http.StatusServiceUnavailable: http.StatusNoContent}[true], http.StatusTeapot)
	}
}

func TestImport(t *testing.T) {
	w := newWorld(t).fill().fleet()
	body := strings.Join([]string{
		`{"target":"new:80","labels":{"tier":"new"}}`,
		``,
		`{"target":"10.0.0.1:80","labels":{"tier":"gold"}}`,
		`  {"target":"10.0.0.2:80"}  `,
		`{"target":"` + slashed + `"}`,
		`{"target":"10.0.0.4:80"}`,
		`not json`,
		`{"target":"a b"}`,
		`{"target":"x","color":"red"}`,
		`{"target":"y"} {}`,
		"{\"target\":\"\xff\"}",
		`{"target":"` + strings.Repeat("x", importLine) + `"}`,
		`{"target":"last:80"}`,
	}, "\r\n")
	got := w.post(shopsPath+"/import", body)
	require.Equal(t, http.StatusOK, got.status, got.body)
	var done Imported
	got.read(t, &done)
	errs := done.Errors
	done.Errors = nil
	require.Equal(t, Imported{Lines: 12, Created: 2, Changed: 1, Unchanged: 1, Refused: 8}, done)
	var told []string
	for _, e := range errs {
		told = append(told, fmt.Sprintf("%d %s: %.40s", e.Line, e.Target, e.Detail))
	}
	require.Equal(t, []string{
		"5 " + slashed + ": it is in the configuration's list; chang",
		"6 10.0.0.4:80: it comes from the file_sd file of the co",
		"7 : it is not JSON: invalid character 'o' in",
		"8 a b: \"a b\" cannot name a target; write printa",
		"9 x: unknown field \"color\" at line 1, column ",
		"10 y: it has something after its JSON object",
		"11 : it is not valid UTF-8",
		"12 : the line is longer than 32768 bytes",
	}, told)
	require.Equal(t, []string{"new:80"}, namesOf(w.list("?label=tier%3Dnew")), "they take effect at once")
	require.Contains(t, namesOf(w.list("")), "last:80")

	for contentType, status := range map[string]int{"application/x-ndjson": 200, "application/x-ndjson; charset=utf-8": 200, "application/json": 415, "": 415} {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, shopsPath+"/import", strings.NewReader(line))
		request.Header.Set("Content-Type", contentType)
		w.mux.ServeHTTP(recorder, request)
		require.Equal(t, status, recorder.Code, contentType)
	}
}

func TestLargeImports(t *testing.T) {
	w := newWorld(t).fill().fleet()
	var body strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&body, `{"target":"shop-%d"}`+"\n", i)
	}
	var done Imported
	w.post(shopsPath+"/import", body.String()).read(t, &done)
	require.Equal(t, Imported{Lines: 2500, Created: 2500, Errors: []ImportError{}}, done)
	require.Equal(t, 2505, w.list("?limit=1").Total)

	got := w.post(shopsPath+"/import", strings.Repeat("{}\n", importLimit)+line)
	require.Equal(t, http.StatusRequestEntityTooLarge, got.status, got.body)
	require.Contains(t, got.problem(t), "an import takes at most 100000 targets; send the rest in another one (100000 lines were read, 0 targets created, 0 changed; importing again is safe)")
	got = w.post(shopsPath+"/import", strings.Repeat("{}\n", importLimit))
	require.Equal(t, http.StatusOK, got.status)
	done = Imported{}
	got.read(t, &done)
	require.Equal(t, importLimit, done.Refused)
	require.Len(t, done.Errors, importMistakes)
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

// TestTargetsAreKeptBeforeTheAnswer: what was answered is in the store.
func TestTargetsAreKeptBeforeTheAnswer(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Refresh = nil }).fill().fleet()
	require.Equal(t, http.StatusCreated, w.post(shopsPath, `{"target":"new:80"}`).status)
	_, err := w.store.RegisteredTarget(t.Context(), store.Key{Service: "shops", Target: "new:80"})
	require.NoError(t, err)
	var shown TargetDetail
	w.get(shopsPath+"/new:80").read(t, &shown)
	require.Equal(t, health.StateUnknown, shown.State, "nobody has heard of it yet")
}
