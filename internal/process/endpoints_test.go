package process

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/web/pages"
)

// endpoint is one of those that the worker serves.
type endpoint struct {
	method, path string
	// role is the least that may use it: "public", "viewer", "operator", "admin".
	role string
	// page is set where errors are written for people.
	page bool
}

// pageRoles are the pages and forms, and who may use each.
var pageRoles = map[string]string{
	"GET /{$}": "viewer", "GET /services/{name}": "viewer", "GET /services/{name}/targets/{target}": "viewer", "GET /incidents": "viewer", "GET /incidents/{id}": "viewer",
	"GET /incidents/{id}/postmortem.md": "viewer", "GET /system/pipeline": "admin", "GET /live": "viewer",
	"GET /status": "public", "GET /badges/{file}": "public", "GET /static/{name}": "public", "GET /language": "public", "GET /": "viewer",
	"POST /services/{name}/probe": "operator", "POST /services/{name}/pause": "operator", "POST /services/{name}/resume": "operator",
	"POST /services/{name}/maintain": "operator", "POST /services/{name}/silence": "operator", "POST /services/{name}/mode": "admin",
	"POST /incidents/{id}/acknowledge": "operator", "POST /incidents/{id}/unacknowledge": "operator", "POST /incidents/{id}/approve": "operator",
	"POST /incidents/{id}/retry": "operator", "POST /incidents/{id}/rearm": "operator", "POST /incidents/{id}/resolve": "operator",
	"POST /incidents/{id}/silence": "operator",
}

// guarded is a worker that asks who comes, with one service that is up, one that
// is down, for which nothing is done, and one whose targets can be registered.
const guarded = `
http:
  status_page: true
  access:
    tokens:
      - {name: viewer, sha256: VIEWER, role: viewer}
      - {name: operator, sha256: OPERATOR, role: operator}
      - {name: admin, sha256: ADMIN, role: admin}
defaults: {interval: 5s, retry_interval: 1s, timeout: 1s, failure_threshold: 1}
pipeline: {services: [broken]}
services:
  - {name: quiet, probe: {tcp: {address: "QUIET"}}}
  - {name: broken, probe: {tcp: {address: "BROKEN"}}}
  - {name: crowd, targets: {api: true}, probe: {tcp: {address: "{{target}}"}}}
`

// house is such a worker while it runs.
type house struct {
	t       *testing.T
	address string
	worker  *run
	// admins is the token of an administrator.
	admins    string
	endpoints []endpoint
}

func newHouse(t *testing.T) *house {
	t.Helper()
	values := []string{"QUIET", listening(t).Addr().String(), "BROKEN", freeAddress(t)}
	for _, role := range []string{"viewer", "operator", "admin"} {
		values = append(values, strings.ToUpper(role), tokenHash(token(role)))
	}
	place := newPlace(t, strings.NewReplacer(values...).Replace(guarded))
	h := &house{t: t, address: place.listen, worker: place.start(t), admins: token("admin")}
	h.worker.saying("broken: incident ")
	h.worker.eventually("everything to be known", func() bool { return h.admin("GET", "/api/v1/permits", "").status == http.StatusOK })
	h.readEndpoints()
	return h
}

// token is that of a role.
func token(role string) string { return "a-token-that-is-long-enough-of-" + role }

// readEndpoints makes the table of the served OpenAPI document and of pageRoles,
// which must name every page that there is.
func (h *house) readEndpoints() {
	got := h.admin("GET", "/api/v1/openapi.json", "")
	require.Equal(h.t, http.StatusOK, got.status, got.body)
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(h.t, json.Unmarshal([]byte(got.body), &document))
	for path, operations := range document.Paths {
		for method, raw := range operations {
			if method == "parameters" {
				continue
			}
			var operation struct {
				Role string `json:"x-role"`
			}
			require.NoError(h.t, json.Unmarshal(raw, &operation))
			h.endpoints = append(h.endpoints, endpoint{strings.ToUpper(method), path, operation.Role, false})
		}
	}
	require.Greater(h.t, len(h.endpoints), 35)
	h.endpoints = append(h.endpoints, endpoint{"GET", "/metrics", "viewer", false})
	served, err := pages.New(pages.Options{PublicStatus: true})
	require.NoError(h.t, err)
	for _, page := range served.Routes() {
		role, listed := pageRoles[page.Method+" "+page.Pattern]
		require.True(h.t, listed, "%s %s is in no test", page.Method, page.Pattern)
		h.endpoints = append(h.endpoints, endpoint{page.Method, page.Pattern, role, page.Page})
	}
	slices.SortFunc(h.endpoints, func(a, b endpoint) int { return strings.Compare(a.path+a.method, b.path+b.method) })
}

func (h *house) admin(method, path, body string) reply {
	h.t.Helper()
	return call{method: method, path: path, token: h.admins, body: body, contentType: "application/json"}.make(h.t, h.address)
}

// at fills the blanks of the path.
func (e endpoint) at(service string) string {
	return strings.NewReplacer("{$}", "", "{service}", service, "{incident}", service, "{target}", "one", "{id}", service+"@20260319T143000.000Z",
		"/services/{name}", "/services/"+service, "/static/{name}", "/static/pages.css", "{file}", service+".svg").Replace(e.path)
}

// bodyType is the Content-Type of what it takes.
func (e endpoint) bodyType() string {
	if e.page {
		return "application/x-www-form-urlencoded"
	}
	return "application/json"
}

// letIn is what an endpoint answers to those who may use it, asked about a
// service or an incident that does not exist.
func (e endpoint) letIn() int {
	known := map[string]int{
		"GET /": http.StatusNotFound, "GET /language": http.StatusBadRequest, "GET /health": http.StatusServiceUnavailable,
		"GET /api/system/health": http.StatusServiceUnavailable, "POST /api/v1/configuration/reload": http.StatusOK,
		"POST /api/admin/system-alert": http.StatusUnprocessableEntity, "POST /api/v1/dead-letters/resend": http.StatusUnprocessableEntity,
		"POST /api/v1/maintain": http.StatusUnprocessableEntity, "POST /api/v1/silence": http.StatusUnprocessableEntity,
	}
	if status, ok := known[e.method+" "+e.path]; ok {
		return status
	}
	if e.path == "/static/{name}" || !strings.Contains(e.path, "{") || e.path == "/{$}" {
		return http.StatusOK
	}
	return http.StatusNotFound
}

var ranks = map[string]int{"public": 0, "viewer": 1, "operator": 2, "admin": 3}

// Every endpoint lets in who may use it, and tells the others why not in the
// form that they read.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	t.Run("roles", h.roles)
	t.Run("methods", h.methods)
	t.Run("other sites", h.otherSites)
	t.Run("bodies", h.bodies)
	t.Run("unknown services", h.unknown)
	t.Run("paths", h.paths)
	t.Run("the public", h.public)
	require.NotContains(t, h.worker.stderr.String(), "page failed", "no handler may panic")
	for _, role := range []string{"viewer", "operator", "admin"} {
		require.NotContains(t, h.worker.stderr.String(), token(role))
	}
}

func (h *house) roles(t *testing.T) {
	for _, e := range h.endpoints {
		for who, shown := range map[string]string{
			"nobody": "", "a stranger": "no-token-at-all", "viewer": token("viewer"), "operator": token("operator"), "admin": token("admin"),
		} {
			c := call{method: e.method, path: e.at("nobody"), token: shown, stranger: who == "a stranger"}
			if e.method == http.MethodPost && !e.page {
				c.contentType, c.body = "application/json", "{}"
			}
			if e.path == "/" {
				c.path = "/nowhere"
			}
			got := c.make(t, h.address)
			want := e.letIn()
			switch {
			case ranks[who] >= ranks[e.role]:
			case ranks[who] == 0:
				want = http.StatusUnauthorized
				require.NotEmpty(t, got.header.Get("WWW-Authenticate"), "%s %s", e.method, e.path)
			default:
				want = http.StatusForbidden
			}
			require.Equal(t, want, got.status, "%s: %s %s: %s", who, e.method, c.path, got.body)
			requireFitting(t, e, got)
			require.NotContains(t, got.body, "no-token-at-all")
		}
	}
}

// requireFitting checks that an error is one for programs or for people, and the
// headers that every answer has.
func requireFitting(t *testing.T, e endpoint, got reply) {
	t.Helper()
	name := e.method + " " + e.path
	require.NotEqual(t, http.StatusInternalServerError, got.status, name)
	require.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'", name)
	require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"), name)
	require.Empty(t, got.header.Get("Access-Control-Allow-Origin"), name)
	kind := got.header.Get("Content-Type")
	switch {
	case got.status < 400 || e.path == "/badges/{file}":
	case got.status == http.StatusServiceUnavailable && strings.HasSuffix(e.path, "/health"):
		require.Equal(t, "application/json", kind, name)
	case e.page:
		require.Contains(t, kind, "text/", name)
	default:
		require.Equal(t, "application/problem+json", kind, "%s: %s", name, got.body)
		var problem struct {
			Title, Detail string
			Status        int
		}
		require.NoError(t, json.Unmarshal([]byte(got.body), &problem), name)
		require.Equal(t, got.status, problem.Status, name)
		require.NotEmpty(t, problem.Detail, name)
	}
}

func (h *house) methods(t *testing.T) {
	for _, e := range h.endpoints {
		for _, method := range []string{"DELETE", "PUT", "PATCH", "OPTIONS", "TRACE"} {
			if slices.ContainsFunc(h.endpoints, func(other endpoint) bool { return other.path == e.path && other.method == method }) {
				continue
			}
			got := call{method: method, path: e.at("quiet"), token: token("admin")}.make(t, h.address)
			require.Equal(t, http.StatusMethodNotAllowed, got.status, "%s %s", method, e.path)
			require.Contains(t, got.header.Get("Allow"), e.method, "%s %s", method, e.path)
			requireFitting(t, e, got)
		}
	}
}

// otherSites: a browser that somebody has led here changes nothing, whatever
// token it has been given.
func (h *house) otherSites(t *testing.T) {
	for _, e := range h.endpoints {
		for _, header := range []string{"Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"} {
			got := call{method: e.method, path: e.at("quiet"), token: token("viewer"), header: header}.make(t, h.address)
			if e.method == http.MethodGet {
				require.NotEqual(t, http.StatusInternalServerError, got.status)
				require.Empty(t, got.header.Get("Access-Control-Allow-Origin"))
				continue
			}
			require.Equal(t, http.StatusForbidden, got.status, "%s %s", e.method, e.path)
			require.Contains(t, got.body, "another site", "%s %s", e.method, e.path)
			require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
		}
	}
}

// unknown: nothing is done for a service that is not configured, by whatever name.
func (h *house) unknown(t *testing.T) {
	for _, name := range []string{"quite", "QUIET", "quiet%20", "%2e%2e", strings.Repeat("q", 5000), "%3Cscript%3E", "quiet%00"} {
		for _, e := range h.endpoints {
			if !strings.Contains(e.path, "{") || strings.HasPrefix(e.path, "/static") || e.path == "/{$}" {
				continue
			}
			c := call{method: e.method, path: e.at(name), token: token("admin"), contentType: e.bodyType(), body: "{}"}
			got := c.make(t, h.address)
			require.Equal(t, http.StatusNotFound, got.status, "%s %.100s: %s", c.method, c.path, got.body)
			require.NotContains(t, got.body, "<script>")
			requireFitting(t, e, got)
		}
	}
}

func (h *house) public(t *testing.T) {
	for path, fields := range map[string][]string{
		"/healthz": {"status", "timestamp", "workers"}, "/health": {"status", "timestamp", "uptime"},
	} {
		got := call{method: "GET", path: path, host: "balancer.example"}.make(t, h.address)
		var body map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(got.body), &body), got.body)
		var names []string
		for name := range body {
			names = append(names, name)
		}
		require.ElementsMatch(t, fields, names, path)
		for _, detail := range []string{"quiet", "broken", "refused", "127.0.0.1", "error", "message"} {
			require.NotContains(t, got.body, detail, path)
		}
	}
	got := call{method: "GET", path: "/healthz"}.make(t, h.address)
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Regexp(t, `^\{"status":"healthy","timestamp":"[^"]+","workers":\{("[a-z-]+":\{"status":"healthy"\},?)+\}\}\s$`, got.body)
	require.Equal(t, `"unhealthy"`, string(field(t, call{method: "GET", path: "/health"}.make(t, h.address), "status")))
	status := call{method: "GET", path: "/status"}.make(t, h.address)
	require.NotContains(t, status.body, "refused", "what probes say is not for everybody")
}

// field is one of a JSON object.
func field(t *testing.T, got reply, name string) json.RawMessage {
	t.Helper()
	var body map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(got.body), &body), got.body)
	require.Contains(t, body, name, fmt.Sprint(got.body))
	return body[name]
}
