package web

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/web/access"
	"paramedic/internal/web/route"
)

// echo answers with who asks and what they sent.
func echo(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, 100)
	n, err := r.Body.Read(body)
	if err != nil && n == 0 && err.Error() == "http: request body too large" {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	_, _ = w.Write([]byte(access.From(r.Context()).Name + ":" + string(body[:n])))
}

var routes = []route.Route{
	{Method: "GET", Pattern: "/{$}", Role: access.Viewer, Page: true, Handler: echo},
	{Method: "GET", Pattern: "/things/{name}", Role: access.Viewer, Handler: echo},
	{Method: "POST", Pattern: "/things/{name}", Role: access.Operator, BodyLimit: 10, Handler: echo},
	{Method: "POST", Pattern: "/forms/{name}", Role: access.Operator, Page: true, BodyLimit: 30, Handler: func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("done: " + r.PostFormValue("note")))
	}},
	{Method: "GET", Pattern: "/healthz", Role: access.Public, AnyHost: true, Handler: echo},
	{Method: "GET", Pattern: "/broken", Role: access.Public, Handler: func(http.ResponseWriter, *http.Request) { panic("password=hunter2") }},
	{Method: "GET", Pattern: "/", Role: access.Viewer, Page: true, Handler: http.NotFound},
}

// open serves to everybody on this machine, closed only to those with a token.
func open(t *testing.T, options access.Options) http.Handler {
	t.Helper()
	options.Log = slog.New(slog.DiscardHandler)
	guard, err := access.New(t.Context(), options)
	require.NoError(t, err)
	handler, err := New(Options{Routes: routes, Guard: guard, Log: options.Log})
	require.NoError(t, err)
	return handler
}

// hash is what the configuration holds of a token.
func hash(token string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(token))) }

func TestEveryEndpointIsGuarded(t *testing.T) {
	handler := open(t, access.Options{})
	for _, test := range []struct {
		method, host, path string
		code               int
		kind, allow        string
	}{
		{"GET", "127.0.0.1:8080", "/", 200, "text/plain; charset=utf-8", ""},
		{"HEAD", "127.0.0.1:8080", "/", 200, "text/plain; charset=utf-8", ""},
		{"GET", "LOCALHOST.", "/", 200, "text/plain; charset=utf-8", ""},
		{"GET", "status.localhost", "/", 200, "text/plain; charset=utf-8", ""},
		{"GET", "[::1]:8080", "/", 200, "text/plain; charset=utf-8", ""},
		{"GET", "[::1]", "/", 200, "text/plain; charset=utf-8", ""},
		{"GET", "evil.example:8080", "/", 421, "text/plain; charset=utf-8", ""},
		{"GET", "localhost.evil.example", "/", 421, "text/plain; charset=utf-8", ""},
		{"GET", "127.0.0.1.evil.example", "/things/a", 421, "text/plain; charset=utf-8", ""},
		{"GET", "10.0.0.1", "/", 421, "text/plain; charset=utf-8", ""},
		{"GET", "", "/", 421, "text/plain; charset=utf-8", ""},
		{"GET", "balancer.example", "/healthz", 200, "text/plain; charset=utf-8", ""},
		{"POST", "localhost", "/", 405, "text/plain; charset=utf-8", "GET, HEAD"},
		{"DELETE", "localhost", "/things/a", 405, "application/problem+json", "GET, HEAD, POST"},
		{"PUT", "localhost", "/healthz", 405, "application/problem+json", "GET, HEAD"},
		{"TRACE", "localhost", "/healthz", 405, "application/problem+json", "GET, HEAD"},
		{"GET", "localhost", "/nowhere", 404, "text/plain; charset=utf-8", ""},
		{"GET", "localhost", "/healthz/", 404, "text/plain; charset=utf-8", ""},
		{"GET", "localhost", "/things/%2e%2e%2fetc", 200, "text/plain; charset=utf-8", ""},
		{"POST", "localhost", "/nowhere", 405, "text/plain; charset=utf-8", "GET, HEAD"},
	} {
		t.Run(test.method+" "+test.host+test.path, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.path, nil)
			r.Host, r.RemoteAddr = test.host, "127.0.0.1:4711"
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			require.Equal(t, test.code, w.Code, w.Body.String())
			require.Equal(t, test.kind, w.Header().Get("Content-Type"))
			require.Equal(t, test.allow, w.Header().Get("Allow"))
			require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			require.Equal(t, "DENY", w.Header().Get("X-Frame-Options"))
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'; script-src 'self'")
			require.NotContains(t, w.Header().Get("Content-Security-Policy"), "unsafe")
		})
	}
}

func TestWithTokensEverybodySaysWhoTheyAre(t *testing.T) {
	handler := open(t, access.Options{Tokens: []access.Token{
		{Name: "look", Hash: hash("viewer-token-of-thirty-two-letters"), Role: access.Viewer},
		{Name: "act", Hash: hash("operator-token-of-thirty-two-letters"), Role: access.Operator},
	}})
	for _, test := range []struct {
		method, path, token string
		code                int
	}{
		{"GET", "/", "", 401}, {"GET", "/things/a", "", 401}, {"GET", "/things/a", "wrong", 401},
		{"GET", "/things/a", "viewer-token-of-thirty-two-letters", 200}, {"GET", "/things/a", "operator-token-of-thirty-two-letters", 200},
		{"POST", "/things/a", "", 401}, {"POST", "/things/a", "viewer-token-of-thirty-two-letters", 403}, {"POST", "/things/a", "operator-token-of-thirty-two-letters", 200},
		{"GET", "/healthz", "", 200}, {"GET", "/nowhere", "", 401},
	} {
		t.Run(test.method+" "+test.path+" "+test.token, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.path, nil)
			r.Host, r.RemoteAddr = "paramedic.example", "127.0.0.1:4711"
			if test.token != "" {
				r.Header.Set("Authorization", "Bearer "+test.token)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			require.Equal(t, test.code, w.Code, w.Body.String())
		})
	}
}

func TestWhatChangesSomethingComesFromHere(t *testing.T) {
	handler := open(t, access.Options{})
	for origin, code := range map[string]int{"": 200, "http://localhost": 200, "https://evil.example": 403, "null": 403} {
		r := httptest.NewRequest("POST", "/things/a", nil)
		r.Host, r.RemoteAddr = "localhost", "127.0.0.1:4711"
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, code, w.Code, "origin %q", origin)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	handler := open(t, access.Options{})
	for body, code := range map[string]int{"short": 200, strings.Repeat("long", 10): 413} {
		r := httptest.NewRequest("POST", "http://localhost/things/a", strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:4711"
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if code == 200 {
			require.Equal(t, "local:short", w.Body.String())
			continue
		}
		require.NotContains(t, w.Body.String(), strings.Repeat("long", 10), "no more than the limit is read")
	}
}

// What a form asks for is not done if its end did not come.
func TestFormsAreReadToTheirEnd(t *testing.T) {
	handler := open(t, access.Options{})
	for body, want := range map[string]struct {
		code int
		text string
	}{
		"for=1h&note=fine":                         {200, "done: fine"},
		"for=1h&note=" + strings.Repeat("long", 9): {413, "The form is larger than 30 bytes; nothing was done.\n"},
		"for=1h&note=%zz":                          {400, "The form could not be read; nothing was done.\n"},
	} {
		r := httptest.NewRequest("POST", "http://localhost/forms/a", strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:4711"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, want.code, w.Code, body)
		require.Equal(t, want.text, w.Body.String())
	}
}

func TestPanicOfAPageSaysNothing(t *testing.T) {
	w := httptest.NewRecorder()
	open(t, access.Options{}).ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/broken", nil))
	require.Equal(t, 500, w.Code)
	require.Equal(t, "This page could not be made; the log says why.\n", w.Body.String())
}

func TestRoutesThatContradictAreRefused(t *testing.T) {
	guard, err := access.New(t.Context(), access.Options{})
	require.NoError(t, err)
	for want, routes := range map[string][]route.Route{
		"two routes for GET /a":  {{Method: "GET", Pattern: "/a", Handler: echo}, {Method: "GET", Pattern: "/a", Handler: echo}},
		"conflicts with pattern": {{Method: "GET", Pattern: "/a/{x}", Handler: echo}, {Method: "GET", Pattern: "/{y}/b", Handler: echo}},
		"route nowhere":          {{Method: "GET", Pattern: "nowhere", Handler: echo}},
		"bad wildcard name":      {{Method: "GET", Pattern: "/{a-b}", Handler: echo}},
	} {
		_, err := New(Options{Routes: routes, Guard: guard, Log: slog.New(slog.DiscardHandler)})
		require.ErrorContains(t, err, want)
	}
}

// What a form is not read to its end for must not be done by half.
func TestFormsOfOneKindOnly(t *testing.T) {
	handler := open(t, access.Options{})
	const parts = "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\ncut sho"
	for kind, want := range map[string]int{
		"multipart/form-data; boundary=x": 415, "text/plain": 415, "application/json": 415, "nonsense;;": 415,
		"application/x-www-form-urlencoded": 200, "application/x-www-form-urlencoded; charset=UTF-8": 200, "": 200,
	} {
		body := parts
		if want == 200 {
			body = "note=well"
		}
		r := httptest.NewRequest(http.MethodPost, "/forms/a", strings.NewReader(body[:min(30, len(body))]))
		r.Host, r.RemoteAddr = "localhost", "127.0.0.1:4711"
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, kind)
	}
}

func TestNoticesAreShownByThePages(t *testing.T) {
	guard, err := access.New(t.Context(), access.Options{Log: slog.New(slog.DiscardHandler), Tokens: []access.Token{{Name: "look", Hash: hash("a"), Role: access.Viewer}}})
	require.NoError(t, err)
	handler, err := New(Options{
		Routes: routes, Guard: guard, Log: slog.New(slog.DiscardHandler),
		Notice: func(w http.ResponseWriter, _ *http.Request, notice access.Notice) {
			w.WriteHeader(notice.Status)
			_, _ = w.Write([]byte("in style: " + notice.Title))
		},
	})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.Equal(t, "in style: Sign in", w.Body.String())
}
