package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/pipeline"
	"paramedic/internal/web/access"
	"paramedic/workflows"
)

// full is a world in which every endpoint has what it needs.
func full(t *testing.T) *world {
	w := newWorld(t, func(o *Options) {
		o.Configuration = func() string { return "services:\n  - name: web\n" }
		o.Reload = noReload
		o.Permits = func() (workflows.Ledger, time.Time, bool) { return ledger(), time.Now(), true }
		o.Pipeline = func() pipeline.Panels { return panels() }
	}).fill().fleet()
	w.orders.state = w.state()
	return w
}

// examples are a good request for every route, with the status that answers it.
func examples(w *world) map[string]struct {
	path, body string
	status     int
} {
	incident := url.PathEscape(w.open().ID)
	return map[string]struct {
		path, body string
		status     int
	}{
		"GET /healthz":                                       {"/healthz", "", 200},
		"GET /health":                                        {"/health", "", 503},
		"GET /api/system/health":                             {"/api/system/health", "", 503},
		"GET /api/system/data-freshness":                     {"/api/system/data-freshness", "", 200},
		"POST /api/admin/system-alert":                       {"/api/admin/system-alert", sample, 202},
		"GET /api/v1/services":                               {"/api/v1/services?label=team%3Ddata&sort=state&limit=1", "", 200},
		"GET /api/v1/services/{service}":                     {"/api/v1/services/clickhouse", "", 200},
		"GET /api/v1/services/{service}/points":              {"/api/v1/services/clickhouse/points?span=5m", "", 200},
		"GET /api/v1/services/{service}/days":                {"/api/v1/services/cache/days", "", 200},
		"GET /api/v1/services/{service}/failures":            {"/api/v1/services/cache/failures?limit=1", "", 200},
		"POST /api/v1/services/{service}/probe":              {"/api/v1/services/web/probe", "", 200},
		"POST /api/v1/services/{service}/pause":              {"/api/v1/services/web/pause", `{"note":"move"}`, 200},
		"POST /api/v1/services/{service}/resume":             {"/api/v1/services/web/resume", "", 200},
		"POST /api/v1/services/{service}/maintain":           {"/api/v1/services/web/maintain", `{"for":"30m","reason":"move"}`, 200},
		"POST /api/v1/services/{service}/silence":            {"/api/v1/services/web/silence", `{"end":true}`, 200},
		"POST /api/v1/services/{service}/rearm":              {"/api/v1/services/web/rearm", "", 200},
		"POST /api/v1/services/{service}/mode":               {"/api/v1/services/web/mode", `{"mode":"approve"}`, 200},
		"POST /api/v1/maintain":                              {"/api/v1/maintain", `{"for":"1d","labels":{"team":"data"}}`, 200},
		"POST /api/v1/silence":                               {"/api/v1/silence", `{"for":"5m","all":true}`, 200},
		"GET /api/v1/services/{service}/targets":             {"/api/v1/services/shops/targets?state=down&state=healthy&label=tier%3Dgold&q=SHOP&limit=1", "", 200},
		"POST /api/v1/services/{service}/targets":            {"/api/v1/services/shops/targets", `{"target":"new:80","labels":{"tier":"gold"}}`, 201},
		"GET /api/v1/services/{service}/targets/{target}":    {"/api/v1/services/shops/targets/https:%2F%2Fshop.example%2Fa", "", 200},
		"PUT /api/v1/services/{service}/targets/{target}":    {"/api/v1/services/shops/targets/10.0.0.1:80", `{"labels":{}}`, 200},
		"DELETE /api/v1/services/{service}/targets/{target}": {"/api/v1/services/shops/targets/10.0.0.2:80", "", 204},
		"POST /api/v1/services/{service}/targets/import":     {"/api/v1/services/shops/targets/import", line, 200},
		"GET /api/v1/incidents":                              {"/api/v1/incidents", "", 200},
		"GET /api/v1/incidents/{incident}":                   {"/api/v1/incidents/" + incident, "", 200},
		"POST /api/v1/incidents/{incident}/acknowledge":      {"/api/v1/incidents/" + incident + "/acknowledge", `{"note":"mine"}`, 200},
		"POST /api/v1/incidents/{incident}/unacknowledge":    {"/api/v1/incidents/" + incident + "/unacknowledge", "", 200},
		"POST /api/v1/incidents/{incident}/resolve":          {"/api/v1/incidents/cache/resolve", "{}", 200},
		"POST /api/v1/incidents/{incident}/retry":            {"/api/v1/incidents/cache/retry", "", 200},
		"POST /api/v1/incidents/{incident}/approve":          {"/api/v1/incidents/cache/approve", `{"by":"ana"}`, 200},
		"GET /api/v1/report":                                 {"/api/v1/report?since=30d", "", 200},
		"GET /api/v1/alerts":                                 {"/api/v1/alerts?service=cache", "", 200},
		"GET /api/v1/outboxes":                               {"/api/v1/outboxes", "", 200},
		"GET /api/v1/dead-letters":                           {"/api/v1/dead-letters", "", 200},
		"POST /api/v1/dead-letters/resend":                   {"/api/v1/dead-letters/resend", `{"letters":["ops/4"]}`, 200},
		"GET /api/v1/permits":                                {"/api/v1/permits", "", 200},
		"GET /api/v1/configuration":                          {"/api/v1/configuration", "", 200},
		"POST /api/v1/configuration/reload":                  {"/api/v1/configuration/reload", "", 200},
		"GET /api/v1/version":                                {"/api/v1/version", "", 200},
		"GET /api/v1/openapi.json":                           {"/api/v1/openapi.json", "", 200},
		"GET /api/v1/openapi.yaml":                           {"/api/v1/openapi.yaml", "", 200},
	}
}

// TestEveryRouteAnswers: as it is described, with what it is described to take.
func TestEveryRouteAnswers(t *testing.T) {
	w := full(t)
	asked := examples(w)
	require.ElementsMatch(t, slices.Collect(maps.Keys(asked)), patterns(t))
	for pattern, example := range asked {
		method, _, _ := strings.Cut(pattern, " ")
		got := w.ask(method, example.path, example.body)
		require.Equal(t, example.status, got.status, "%s: %s", pattern, got.body)
		require.Equal(t, "no-store", got.header.Get("Cache-Control"), pattern)
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"), pattern)
	}
}

// TestHead: whatever is read answers HEAD, too.
func TestHead(t *testing.T) {
	w := full(t)
	for pattern, example := range examples(w) {
		if strings.HasPrefix(pattern, "GET ") {
			require.Equal(t, example.status, w.plain(http.MethodHead, example.path).status, pattern)
		}
	}
}

// patterns are all routes, with their methods.
func patterns(t *testing.T) []string {
	t.Helper()
	api, err := New(Options{})
	require.NoError(t, err)
	var all []string
	for _, r := range api.Routes() {
		all = append(all, r.Method+" "+r.Pattern)
	}
	return all
}

// TestDocumentDescribesTheRoutes: all of them and no others, with their roles.
func TestDocumentDescribesTheRoutes(t *testing.T) {
	api, err := New(Options{})
	require.NoError(t, err)
	routes := map[string]string{}
	for _, r := range api.Routes() {
		routes[r.Method+" "+r.Pattern] = r.Role.String()
	}
	operations, ids := map[string]string{}, map[string]bool{}
	for path, item := range described(t).Paths.Map() {
		for method, operation := range item.Operations() {
			name := method + " " + path
			role, _ := operation.Extensions["x-role"].(string)
			operations[name] = role
			require.False(t, ids[operation.OperationID], "%s: two operations are called %s", name, operation.OperationID)
			ids[operation.OperationID] = true
			require.NotEmpty(t, operation.OperationID, name)
			require.NotEmpty(t, operation.Summary, name)
			require.Len(t, operation.Tags, 1, name)
			public := operation.Security != nil && len(*operation.Security) == 0
			require.Equal(t, role == access.Public.String(), public, name)
		}
	}
	require.Equal(t, routes, operations)
}

// TestDocumentIsClean: no tag without a description and no component that
// nothing refers to.
func TestDocumentIsClean(t *testing.T) {
	doc := described(t)
	tags := map[string]bool{}
	for _, tag := range doc.Tags {
		require.NotEmpty(t, tag.Description, tag.Name)
		tags[tag.Name] = true
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			require.True(t, tags[operation.Tags[0]], "%s %s", method, path)
			for _, parameter := range operation.Parameters {
				require.NotEmpty(t, parameter.Value.Description, "%s %s: %s", method, path, parameter.Value.Name)
			}
		}
	}
	for _, kind := range []struct {
		name  string
		names []string
	}{
		{"schemas", slices.Collect(maps.Keys(doc.Components.Schemas))},
		{"responses", slices.Collect(maps.Keys(doc.Components.Responses))},
		{"parameters", slices.Collect(maps.Keys(doc.Components.Parameters))},
		{"requestBodies", slices.Collect(maps.Keys(doc.Components.RequestBodies))},
	} {
		for _, name := range kind.names {
			require.Contains(t, document, `"#/components/`+kind.name+"/"+name+`"`)
		}
	}
}

func TestDocumentIsServed(t *testing.T) {
	w := newWorld(t)
	got := w.get("/api/v1/openapi.yaml")
	require.Equal(t, "application/yaml", got.header.Get("Content-Type"))
	require.Contains(t, got.body, `version: "v1.2.3"`)
	got = w.get("/api/v1/openapi.json")
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	var doc struct {
		OpenAPI string
		Info    struct{ Version string }
		Paths   map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.Equal(t, "v1.2.3", doc.Info.Version)
	paths := map[string]bool{}
	for _, pattern := range patterns(t) {
		_, path, _ := strings.Cut(pattern, " ")
		paths[path] = true
	}
	require.Len(t, doc.Paths, len(paths))
}
