package pages

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/supervise"
	"paramedic/internal/web/access"
)

// discard is a sink for boards whose history nobody asks for.
type discard struct{}

func (discard) Put(store.Batch)                                {}
func (discard) Archive(context.Context, health.Incident) error { return nil }
func (discard) Settled(context.Context) error                  { return nil }

// site is pages with who looks at them.
type site struct {
	*Pages
	who     access.Identity
	headers http.Header
}

func newSite(t testing.TB, options Options) *site {
	t.Helper()
	if options.Board == nil {
		options.Board = board.New(discard{}, slog.New(slog.DiscardHandler))
	}
	if options.Health == nil {
		options.Health = func() supervise.Health { return supervise.Health{} }
	}
	if options.Now == nil {
		options.Now = func() time.Time { return time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC) }
	}
	options.Log = slog.New(slog.DiscardHandler)
	p, err := New(options)
	require.NoError(t, err)
	return &site{Pages: p, who: access.Identity{Name: "local", Role: access.Admin, Method: access.MethodLocal}, headers: http.Header{}}
}

// ServeHTTP answers from the routes alone, for whoever asks.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	for _, route := range s.Routes() {
		mux.Handle(route.Method+" "+route.Pattern, route.Handler)
	}
	mux.ServeHTTP(w, r.WithContext(access.With(r.Context(), s.who)))
}

func (s *site) get(address string) *httptest.ResponseRecorder {
	return s.ask(httptest.NewRequest(http.MethodGet, address, nil))
}

// post posts a form of names and values in turn.
func (s *site) post(address string, fields ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.ask(r)
}

func (s *site) ask(r *http.Request) *httptest.ResponseRecorder {
	for name, values := range s.headers {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestEmptyOverview(t *testing.T) {
	s := newSite(t, Options{})
	w := s.get("/")
	require.Equal(t, 200, w.Code, w.Body)
	require.Contains(t, w.Body.String(), "No services yet")
	w = s.get("/nowhere")
	require.Equal(t, 404, w.Code)
	require.Contains(t, w.Body.String(), "There is no such page")
}
