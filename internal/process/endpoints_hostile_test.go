package process

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bodies: what is too large or cannot be read changes nothing, and says so.
func (h *house) bodies(t *testing.T) {
	incident := h.incident(t, "broken")
	large := strings.Repeat("x", 70_000)
	for _, e := range h.endpoints {
		if e.method != http.MethodPost && e.method != http.MethodPut {
			continue
		}
		service := "quiet"
		if strings.Contains(e.path, "/targets") {
			service = "crowd"
		}
		path := strings.NewReplacer("{service}", service, "{target}", "one:80", "{incident}", "broken", "{id}", incident, "{name}", "quiet").Replace(e.path)
		ask := func(contentType, body string) reply {
			return call{method: e.method, path: path, token: token("admin"), contentType: contentType, body: body}.make(t, h.address)
		}
		got := ask("text/plain", "{}")
		require.Equal(t, http.StatusUnsupportedMediaType, got.status, "%s: %s", path, got.body)
		if strings.HasSuffix(path, "/import") {
			continue // it takes lines, and says of each what is wrong with it
		}
		if e.page {
			got := ask(e.bodyType(), "for=1h&mode=observe&note="+large+"&reason="+large)
			require.Equal(t, http.StatusRequestEntityTooLarge, got.status, "%s: %s", path, got.header.Get("Location"))
			requireFitting(t, e, got)
			continue
		}
		for body, want := range map[string]int{
			`{"note":"` + large + `"}`:      http.StatusRequestEntityTooLarge,
			`{"note":"x"`:                   http.StatusBadRequest,
			`[]`:                            http.StatusBadRequest,
			`{"no_such_field":1}`:           http.StatusBadRequest,
			"{\"by\":\"\xff\"}":             http.StatusBadRequest,
			`{} {}`:                         http.StatusBadRequest,
			strings.Repeat(`{"by":`, 5_000): http.StatusBadRequest,
		} {
			got := ask(e.bodyType(), body)
			require.Equal(t, want, got.status, "%s %.40s: %s", path, body, got.body)
			requireFitting(t, e, got)
		}
	}
	for _, service := range []string{"quiet", "broken"} {
		got := h.admin("GET", "/api/v1/services/"+service, "")
		require.NotContains(t, got.body, `"paused":true`, "nothing of this was done")
		require.Equal(t, `"act"`, string(field(t, got, "mode")))
	}
	require.Equal(t, incident, h.incident(t, "broken"), "the incident goes on")
	require.Contains(t, h.admin("GET", "/api/v1/services/crowd/targets", "").body, `"items":[]`, "none was registered")
}

// incident is the id of a service's open incident.
func (h *house) incident(t *testing.T, service string) string {
	t.Helper()
	var found struct {
		Items []struct{ ID string }
	}
	got := h.admin("GET", "/api/v1/incidents?state=open&service="+service, "")
	require.NoError(t, json.Unmarshal([]byte(got.body), &found), got.body)
	require.Len(t, found.Items, 1, got.body)
	return found.Items[0].ID
}

// paths: no way of writing a path leads around the guards, out of the site, or
// to a file.
func (h *house) paths(t *testing.T) {
	for _, path := range []string{
		"/..%2f..%2fetc%2fpasswd", "/../../etc/passwd", "/static/..%2f..%2fetc%2fpasswd", "/static/../templates/overview.html",
		"/static/..%2ftemplates%2foverview.html", "/static/%2e%2e/templates/overview.html", "/static/pages.css%00", "/static/", "/static",
		"/%00", "/services/%00", "/services/..%2f..%2fapi%2fv1%2fconfiguration", "/services/../api/v1/configuration",
		"/services/./../api/v1/configuration", "//evil.example/", "///evil.example", "/%2f%2fevil.example", "/\\evil.example", "/%5cevil.example",
		"//api/v1/configuration", "/api//v1/configuration", "/api/v1/configuration/", "/api/v1/./configuration", "/API/V1/configuration",
		"/api/v1/services/quiet/../../configuration", "/api/v1/services/%2e%2e/configuration", "/metrics/", "//metrics", "/metrics%2f",
		"/healthz/../metrics", "/healthz/..%2fmetrics", "/healthz//metrics", "/static/..;/metrics", "/status/../metrics", "/;/metrics",
		"/language?to=en&back=//evil.example", "/language?to=en&back=https://evil.example/", "/language?to=en&back=/%5cevil.example",
		"/language?to=en&back=/%0d%0aLocation:%20https://evil.example", "/debug/pprof/", "/.git/config", "/data/paramedic.db",
		"/" + strings.Repeat("a/", 3000), "/services/" + strings.Repeat("%2e%2e%2f", 1000),
	} {
		nobody := call{method: "GET", path: path}.make(t, h.address)
		require.Less(t, nobody.status, 500, path)
		if location := nobody.header.Get("Location"); location != "" {
			require.Regexp(t, `^/([^/\\]|$)`, location, "%s leads away", path)
		} else {
			require.GreaterOrEqual(t, nobody.status, 400, "%.100s: %s", path, nobody.body)
		}
		for _, inside := range []string{"root:", "sha256", "worker_status", "{{", "evil.example/</a>"} {
			require.NotContains(t, nobody.body, inside, path)
		}
		known := call{method: "GET", path: path, token: token("admin")}.make(t, h.address)
		require.Less(t, known.status, 500, path)
		require.NotContains(t, known.body, "root:")
	}
	got := call{method: "GET", path: "/services/" + strings.Repeat("x", 40_000), token: token("admin")}.make(t, h.address)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, got.status)
	got = call{method: "GET", path: "/metrics", header: "Authorization: Bearer " + token("admin") + "\r\n", token: token("admin"), stranger: true}.make(t, h.address)
	require.Equal(t, http.StatusUnauthorized, got.status, "two headers are ambiguous")
}

// Without authentication a foreign page whose name was bound to this machine
// reads nothing, and changes nothing.
func TestForeignHosts(t *testing.T) {
	t.Parallel()
	place := newPlace(t, quietService(t))
	worker := place.start(t)
	worker.eventually("/healthz to be good", func() bool { return status(t, "http://"+place.listen+"/healthz") == http.StatusOK })
	for _, host := range []string{"evil.example", "localhost.evil.example", "10.0.0.1:80", "127.0.0.1.evil.example"} {
		for _, path := range []string{"/", "/services/quiet", "/incidents", "/health", "/metrics", "/live", "/static/pages.css", "/nowhere",
			"/api/v1/services", "/api/v1/configuration", "/api/system/health", "/api/v1/openapi.json"} {
			got := call{method: "GET", path: path, host: host}.make(t, place.listen)
			require.Equal(t, http.StatusMisdirectedRequest, got.status, "%s %s", host, path)
			require.NotContains(t, got.body, "quiet")
		}
		got := call{method: "POST", path: "/api/v1/services/quiet/pause", host: host, contentType: "application/json", body: `{"by":"eve"}`}.make(t, place.listen)
		require.Equal(t, http.StatusMisdirectedRequest, got.status, host)
		require.Equal(t, http.StatusOK, call{method: "GET", path: "/healthz", host: host}.make(t, place.listen).status, "load balancers name what they like")
	}
	for _, host := range []string{"localhost", "127.0.0.1:1", "[::1]:8080", "paramedic.localhost"} {
		require.Equal(t, http.StatusOK, call{method: "GET", path: "/", host: host}.make(t, place.listen).status, host)
	}
	got := call{method: "POST", path: "/services/quiet/pause", header: "Origin: http://evil.example\r\n",
		contentType: "application/x-www-form-urlencoded", body: "by=eve"}.make(t, place.listen)
	require.Equal(t, http.StatusForbidden, got.status, got.body)
}
