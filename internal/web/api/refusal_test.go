package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"paramedic/internal/board"
	"paramedic/internal/operator"
	"paramedic/internal/web/access"
)

// refused asks and expects a problem.
func (w *world) refused(method, path, body string, status int, detail string) {
	w.t.Helper()
	got := w.ask(method, path, body)
	require.Equal(w.t, status, got.status, "%s %s: %s", method, path, got.body)
	require.Equal(w.t, "application/problem+json", got.header.Get("Content-Type"))
	require.Contains(w.t, got.problem(w.t), detail, "%s %s", method, path)
	require.Empty(w.t, w.orders.told, "nothing may be done")
}

// problem is the sentence of a problem.
func (a answer) problem(t *testing.T) string {
	t.Helper()
	var details struct{ Detail string }
	a.read(t, &details)
	return details.Detail
}

func TestBodiesAreRead(t *testing.T) {
	w := newWorld(t).fill()
	const path = "/api/v1/services/web/pause"
	for body, want := range map[string]struct {
		status int
		detail string
	}{
		`{"by":"ana",`:                         {400, "the body is not JSON: it ends too early at line 1, column 12"},
		"{\n  \"by\": \"ana\"\n  \"note\": 1}": {400, `the body is not JSON: invalid character '"' after object key:value pair at line 3, column 3`},
		`nothing`:                              {400, "the body is not JSON: invalid character 'o' in literal null (expecting 'u') at line 1, column 2"},
		`[]`:                                   {400, "the body is a JSON array; send an object like {}"},
		`"ana"`:                                {400, "the body is a JSON string; send an object like {}"},
		`{} {}`:                                {400, "the body has something after its JSON object, at line 1, column"},
		`{"by":"ana"}]`:                        {400, "the body has something after its JSON object, at line 1, column"},
		"{\"by\":\"ana\",\n \"notes\":\"x\"}":  {400, `unknown field "notes" at line 2, column 2`},
		`{"by":7}`:                             {422, "by at line 1, column"},
		`{"note":"` + "\xff" + `"}`:            {400, "the body is not valid UTF-8"},
		`{"note":"` + strings.Repeat("x", 501) + `"}`:       {422, "note: 501 bytes are too many; at most 500 are kept"},
		`{"note":"a\u0000b"}`:                               {422, "note: write it on one line, without control characters"},
		`{"note":"` + strings.Repeat("x", bodyLimit) + `"}`: {413, "the body is larger than 65536 bytes"},
		`{"` + strings.Repeat("y", 1000) + `":"x"}`:         {400, `unknown field "yyyy`},
		strings.Repeat("[", 20000):                          {400, "the body is not JSON"},
		`{"by":` + strings.Repeat(`{"by":`, 10900):          {400, "the body is not JSON"},
		`{"by":{"<script>":"x"}}`:                           {422, "by at line 1, column"},
	} {
		w.refused(http.MethodPost, path, body, want.status, want.detail)
	}
}

func TestOnlyJSONIsTaken(t *testing.T) {
	w := newWorld(t).fill()
	for contentType, status := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "APPLICATION/JSON": 200,
		"": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415,
		"application/json, text/plain": 415, "json": 415, "application/problem+json": 415,
	} {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/services/web/pause", strings.NewReader(`{"note":"x"}`))
		request.Header.Set("Content-Type", contentType)
		w.mux.ServeHTTP(recorder, request)
		require.Equal(t, status, recorder.Code, "%q: %s", contentType, recorder.Body)
	}
}

// TestUnknownNames: nothing is done, and what there is is named if it is little.
func TestUnknownNames(t *testing.T) {
	w := newWorld(t).fill()
	for _, path := range []string{"", "/points", "/days", "/failures"} {
		w.refused(http.MethodGet, "/api/v1/services/wbe"+path, "", 404, `there is no service "wbe"; configured: cache, clickhouse, web`)
	}
	for _, path := range []string{"probe", "pause", "resume", "maintain", "silence", "rearm", "mode"} {
		w.refused(http.MethodPost, "/api/v1/services/wbe/"+path, "{}", 404, `there is no service "wbe"`)
	}
	for _, path := range []string{"", "/acknowledge", "/unacknowledge", "/resolve", "/retry", "/approve"} {
		method := http.MethodPost
		if path == "" {
			method = http.MethodGet
		}
		w.refused(method, "/api/v1/incidents/wbe@20260319T143000.000Z"+path, "", 404, `there is no incident "wbe@20260319T143000.000Z"; its id looks like`)
	}
	w.refused(http.MethodPost, "/api/v1/silence", `{"for":"5m","services":["web","wbe"]}`, 404, `there is no service "wbe"`)
	w.refused(http.MethodGet, "/api/v1/report?service=wbe", "", 404, `there is no service "wbe"`)
	w.refused(http.MethodGet, "/api/v1/incidents?service=wbe", "", 404, `there is no service "wbe"`)
	w.refused(http.MethodGet, "/api/v1/incidents/clickhouse", "", 404, `"clickhouse" has had no incident, as far as is kept`)

	w.board.Keep(nil)
	w.refused(http.MethodGet, "/api/v1/services/web", "", 404, "; none is configured")
	many := make([]board.Configured, namesLimit+1)
	for i := range many {
		many[i].Name = fmt.Sprintf("s%d", i)
	}
	w.board.Keep(many)
	w.refused(http.MethodGet, "/api/v1/services/web", "", 404, "; /api/v1/services lists them")
}

// TestPathTricks: whatever stands in a path is a name that nobody has.
func TestPathTricks(t *testing.T) {
	w := newWorld(t).fill()
	for _, name := range []string{
		"%2e%2e", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00", "web%00", "web%2f", "%20web", "WEB", "%ff", "web%0d%0aX:%20y",
		strings.Repeat("x", 8000), "%3Cscript%3E", "*", "web;a=b", "$(id)", "'%20OR%201=1--",
	} {
		for _, path := range []string{"/api/v1/services/" + name, "/api/v1/incidents/" + name} {
			got := w.plain(http.MethodGet, path)
			require.Equal(t, http.StatusNotFound, got.status, "%.60s: %s", path, got.body)
			require.Less(t, len(got.problem(t)), 400, "%.60s", path)
		}
		got := w.plain(http.MethodPost, "/api/v1/services/"+name+"/resume")
		require.Equal(t, http.StatusNotFound, got.status, "%.60s", name)
	}
	for path, status := range map[string]int{
		"/api/v1/services/../configuration": 307, "/api/v1/services//web": 307, "/api/v1/services/web/": 404, "/api/v1/": 404, "/api/v1/services/": 404,
	} {
		require.Equal(t, status, w.plain(http.MethodGet, path).status, path)
	}
	require.Empty(t, w.orders.told)
}

func TestQueriesAreChecked(t *testing.T) {
	w := newWorld(t).fill()
	for query, want := range map[string]struct {
		status int
		detail string
	}{
		"services?limt=1":                   {400, `unknown parameter "limt"; it takes state, severity, kind, search, label, sort, limit, offset`},
		"services?limit=0":                  {422, `limit: "0" is not a number from 1 to 1000`},
		"services?limit=1001":               {422, "limit"},
		"services?limit=ten":                {422, "limit"},
		"services?limit=1&limit=2":          {422, "limit: given 2 times, and once is enough"},
		"services?offset=-1":                {422, `offset: "-1" is not a number from 0 to 1000000`},
		"services?offset=99999999999999999": {422, "offset"},
		"services?state=bad":                {422, `state: unknown value "bad"; write unknown, healthy, degraded, failing, down, paused`},
		"services?severity=P9":              {422, "severity"},
		"services?sort=size":                {422, `sort: unknown value "size"; write name, state`},
		"services?label=team":               {422, `label: "team"; write it as name=value`},
		"services?label==x":                 {422, "label"},
		"services?label=a%3D1&label=a%3D2":  {422, `label: nothing has two values of "a"`},
		"services?%zz":                      {400, "the query behind the question mark is not well-formed"},
		"services?a;b":                      {400, "the query behind the question mark is not well-formed"},
		"services/web?x=1":                  {400, `unknown parameter "x"; it takes none`},
		"services/web/points?span=1s":       {422, "span: 1s is too short; the least is 60s"},
		"services/web/points?span=0":        {422, "span"},
		"services/web/points?span=1m&from=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z": {422, "span: 60s gives 44640 points, and 2000 is the most"},
		"services/web/points?from=yesterday":                                               {422, `from: "yesterday" is not a time; write it like 2026-11-22T02:00:00Z`},
		"services/web/points?until=2020-01-01T00:00:00Z&from=2020-01-01T00:00:00Z":         {422, "from: 2020-01-01T00:00:00Z is not before until, 2020-01-01T00:00:00Z"},
		"services/web/days?from=1970-01-01T00:00:00Z":                                      {422, "from: that is more than 400 days"},
		"services/web/days?span=1h":                                                        {400, `unknown parameter "span"; it takes target, until, from`},
		"services/web/failures?offset=1":                                                   {400, "offset"},
		"incidents?state=acknowledged":                                                     {422, "state: unknown value"},
		"incidents?from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z":                   {422, "from: it is not before until"},
		"report?since=-1h":                                                                 {422, `since: "-1h" is not a length of time; write it like 30m, 24h or 30d`},
		"report?since=7":                                                                   {422, "since"},
		"report?since=0d":                                                                  {422, "since"},
		"alerts?status=down":                                                               {400, "status"},
		"dead-letters?limit=x":                                                             {422, "limit"},
		"outboxes?x=1":                                                                     {400, "x"},
		"permits?x=1":                                                                      {400, "x"},
		"version?x=1":                                                                      {400, "x"},
		"configuration?x=1":                                                                {400, "x"},
	} {
		w.refused(http.MethodGet, "/api/v1/"+query, "", want.status, want.detail)
	}
	w.refused(http.MethodGet, "/api/v1/services?search="+strings.Repeat("%3C", 3000)+"&x"+strings.Repeat("y", 500), "", 400, `unknown parameter "xyyy`)
}

// TestWhoActs: a name that somebody was identified by cannot be changed, and at
// the machine itself one must be given.
func TestWhoActs(t *testing.T) {
	local := access.Identity{Name: "local", Role: access.Admin, Method: access.MethodLocal}
	token := access.Identity{Name: "robot", Role: access.Operator, Method: access.MethodToken}
	for _, test := range []struct {
		who      access.Identity
		body, by string
		detail   string
	}{
		{local, `{"by":" ana "}`, "ana", ""},
		{local, `{"by":"josé 工"}`, "josé 工", ""},
		{local, `{}`, "", `by: who are you? Add your name, for example {"by": "ana"}`},
		{local, `{"by":"  "}`, "", "by: who are you?"},
		{local, ``, "", "by: who are you?"},
		{local, `{"by":"a\nb"}`, "", "by: write it on one line"},
		{local, `{"by":"` + strings.Repeat("x", 101) + `"}`, "", "by: 101 bytes are too many"},
		{token, `{}`, "robot", ""},
		{token, ``, "robot", ""},
		{token, `{"by":"robot"}`, "robot", ""},
		{token, `{"by":"ana"}`, "", `by: you are known as "robot"; leave by out, or write that name`},
	} {
		w := newWorld(t).fill()
		w.who = test.who
		if test.detail != "" {
			w.refused(http.MethodPost, "/api/v1/services/web/resume", test.body, 422, test.detail)
			continue
		}
		require.Equal(t, http.StatusOK, w.post("/api/v1/services/web/resume", test.body).status, test.body)
		require.Contains(t, fmt.Sprint(w.orders.told), test.by)
	}
}

// TestTemporalSaysNo: what an operator answers comes back as what it is, and
// nothing of what is not meant for people.
func TestTemporalSaysNo(t *testing.T) {
	secret := errors.New("rpc error: token=s3cr3t")
	for _, test := range []struct {
		err    error
		status int
		detail string
	}{
		{operator.Unreachable{Address: "127.0.0.1:7233", Err: errors.New("refused")}, 503, "cannot reach Temporal at 127.0.0.1:7233: refused"},
		{operator.NoWorker{TaskQueue: "paramedic"}, 503, `no worker answers on task queue "paramedic"`},
		{operator.NotOpen{Service: "web", Open: []string{"cache"}}, 409, `"web" has no open incident; open ones: cache`},
		{operator.NotApplied{Service: "web"}, 409, "has not been applied yet"},
		{operator.NotOnDuty{Service: "web", Reason: "its schedule is paused"}, 409, "no Monitor is on duty"},
		{operator.Refused{Why: "nothing waits for approval"}, 409, "nothing waits for approval"},
		{fmt.Errorf("waited 10s for the pause: %w", operator.ErrUnconfirmed), 504, "waited 10s for the pause: the Monitor has been told and does not show it yet"},
		{fmt.Errorf("tell: %w", context.DeadlineExceeded), 504, "Temporal did not answer in time"},
		{fmt.Errorf("tell: %w", serviceerror.NewUnavailable("s3cr3t")), 503, "Temporal does not answer now"},
		{serviceerror.NewNamespaceNotFound("s3cr3t"), 503, "Temporal does not answer now"},
		{serviceerror.NewDeadlineExceeded("s3cr3t"), 504, "Temporal did not answer in time"},
		{secret, 500, "this could not be done; the log says why"},
	} {
		w := newWorld(t).fill()
		w.orders.fail = test.err
		for _, path := range []string{
			"services/web/probe", "services/web/pause", "services/web/resume", "services/web/rearm",
			"incidents/cache/acknowledge", "incidents/cache/approve",
		} {
			got := w.post("/api/v1/"+path, "")
			require.Equal(t, test.status, got.status, "%s: %s", path, got.body)
			require.Contains(t, got.problem(t), test.detail, path)
			require.NotContains(t, got.body, "s3cr3t")
		}
	}
}

// TestTemporalIsAway: what only reads goes on.
func TestTemporalIsAway(t *testing.T) {
	for _, err := range []error{
		operator.Unreachable{Address: "127.0.0.1:7233", Err: errors.New("refused")}, errors.New("certificate s3cr3t"),
	} {
		w := full(t)
		w.options.Operator = func(context.Context) (Operator, error) { return nil, err }
		w.assemble()
		for pattern, example := range examples(w) {
			method, _, _ := strings.Cut(pattern, " ")
			got := w.ask(method, example.path, example.body)
			if method == http.MethodGet || strings.HasSuffix(pattern, "reload") || strings.Contains(pattern, "/targets") {
				require.Equal(t, example.status, got.status, pattern)
				continue
			}
			require.Equal(t, http.StatusServiceUnavailable, got.status, pattern)
			require.Contains(t, got.body, "Temporal")
			require.NotContains(t, got.body, "s3cr3t")
		}
	}
}

// TestStoreIsAway: what is going on now is still shown.
func TestStoreIsAway(t *testing.T) {
	w := full(t)
	require.NoError(t, w.store.Close())
	reads := map[string]bool{
		"GET /api/v1/services/{service}/points": true, "GET /api/v1/services/{service}/days": true,
		"GET /api/v1/services/{service}/failures": true, "GET /api/v1/incidents": true, "GET /api/v1/report": true,
		"GET /api/v1/alerts": true, "GET /api/v1/outboxes": true, "GET /api/v1/dead-letters": true,
		"POST /api/v1/dead-letters/resend": true, "GET /api/v1/services/{service}/targets": true,
		"POST /api/v1/services/{service}/targets": true, "POST /api/v1/services/{service}/targets/import": true,
		"PUT /api/v1/services/{service}/targets/{target}": true, "DELETE /api/v1/services/{service}/targets/{target}": true,
	}
	for pattern, example := range examples(w) {
		method, _, _ := strings.Cut(pattern, " ")
		got := w.ask(method, example.path, example.body)
		if !reads[pattern] {
			require.Equal(t, example.status, got.status, pattern)
			continue
		}
		require.Equal(t, http.StatusServiceUnavailable, got.status, pattern)
		require.Contains(t, got.problem(t), "the store does not answer", pattern)
	}
	require.Equal(t, http.StatusServiceUnavailable, w.get("/api/v1/incidents/web").status)
	require.Equal(t, http.StatusOK, w.get("/api/v1/incidents?state=open").status)
}

// TestSlowTemporal: a request ends when its time is over.
func TestSlowTemporal(t *testing.T) {
	w := newWorld(t).fill()
	api, err := New(w.options)
	require.NoError(t, err)
	recorder := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/x", http.NoBody)
	api.acting(time.Millisecond, func(r *http.Request) (int, any, error) {
		<-r.Context().Done()
		return 0, nil, fmt.Errorf("tell the Monitor: %w", r.Context().Err())
	})(recorder, request)
	require.Equal(t, http.StatusGatewayTimeout, recorder.Code)
}

func TestNothingToAnswerWith(t *testing.T) {
	w := newWorld(t).fill() // without permits, configuration and reload
	w.refused(http.MethodGet, "/api/v1/permits", "", 503, "does not ask the Gatekeeper")
	w.refused(http.MethodGet, "/api/v1/configuration", "", 503, "no configuration to show")
	w.refused(http.MethodPost, "/api/v1/configuration/reload", "", 503, "cannot read its configuration again")
	w.options.SystemAlert = func() []string { return nil }
	w.assemble()
	w.refused(http.MethodPost, "/api/admin/system-alert", sample, 503, "http.system_alert")
	require.Equal(t, http.StatusOK, w.get("/api/v1/incidents/"+url.PathEscape(w.closed().ID)).status)
}

// A field is called what the body calls it.
func TestFieldsAreNamedAsTheyAreWritten(t *testing.T) {
	w := newWorld(t).fill()
	for body, want := range map[string]string{
		`{"by":1}`: "by at line 1", `{"labels":[]}`: "labels at line 1", `{"labels":{"a":{}}}`: "labels at line 1", `{"all":"yes"}`: "all at line 1",
	} {
		got := w.post("/api/v1/maintain", body)
		require.Equal(t, http.StatusUnprocessableEntity, got.status)
		require.True(t, strings.HasPrefix(got.problem(t), want), got.body)
	}
}
