package browser

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/pipeline"
	"paramedic/internal/realtest"
	"paramedic/internal/store"
	"paramedic/internal/supervise"
	"paramedic/internal/web"
	"paramedic/internal/web/access"
	"paramedic/internal/web/pages"
)

// pile gathers what a board stores until it is written, in one transaction.
type pile struct{ store.Batch }

// Put implements board.Sink.
func (p *pile) Put(batch store.Batch) {
	p.Results = append(p.Results, batch.Results...)
	p.Surveys = append(p.Surveys, batch.Surveys...)
	p.Standings = append(p.Standings, batch.Standings...)
	p.Incidents = append(p.Incidents, batch.Incidents...)
	p.Alerts = append(p.Alerts, batch.Alerts...)
}

// Archive implements board.Sink.
func (p *pile) Archive(_ context.Context, incident health.Incident) error {
	p.Put(store.Batch{Incidents: []health.Incident{incident}})
	return nil
}

// Settled implements board.Sink.
func (p *pile) Settled(context.Context) error { return nil }

// world is services as a test wants them, on a real board over a real store. It
// needs no Temporal: pages read none.
type world struct {
	t     testing.TB
	now   time.Time
	board *board.Board
	store *store.Store
	pile  *pile
	told  *told
	// address is where its pages are, once they are served.
	address string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	kept, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "paramedic.db"), quiet)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, kept.Close()) })
	w := &world{t: t, now: time.Now().UTC().Truncate(time.Second), store: kept, pile: &pile{}, told: &told{}}
	w.board = board.New(w.pile, quiet)
	return w
}

// site is how a world is served.
type site struct {
	panels *pipeline.Panels
	// guarded has people log in; public opens the status page to everybody.
	guarded, public bool
}

// viewerToken is what a viewer shows to a guarded site.
const viewerToken = "look-only-4711-0815-2342-1729"

// serve stores the world and serves its pages, guarded as the worker's are.
func (w *world) serve(s site) *world {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), w.pile.Batch))
	require.NoError(w.t, w.board.Load(w.t.Context(), w.store, store.NewFeed(w.store, nil)))
	quiet := slog.New(slog.DiscardHandler)
	done := make(chan struct{})
	people, err := pages.New(pages.Options{
		Board: w.board, Store: w.store, Log: quiet, Version: "v1.0.0", Done: done, PublicStatus: s.public,
		Health:   w.health,
		WebUI:    webUI,
		Pipeline: func() *pipeline.Panels { return s.panels },
		Operator: func(context.Context) (pages.Operator, error) { return w.told, nil },
	})
	require.NoError(w.t, err)
	server := httptest.NewUnstartedServer(nil)
	w.address = "http://" + server.Listener.Addr().String()
	options := access.Options{Log: quiet}
	if s.guarded {
		options.PublicURL = w.address
		options.Tokens = []access.Token{{Name: "ana@example.org", Hash: fmt.Sprintf("%x", sha256.Sum256([]byte(viewerToken))), Role: access.Viewer}}
		// A provider that is down, so that people are told so.
		options.OIDC = &access.OIDC{
			Issuer: "http://" + realtest.FreeAddress(w.t), ClientID: "paramedic", ClientSecret: option.NewSecret("unspoken"), Claim: "groups",
			Roles: map[string]access.Role{"ops": access.Operator},
		}
	}
	guard, err := access.New(w.t.Context(), options)
	require.NoError(w.t, err)
	server.Config.Handler, err = web.New(web.Options{Routes: people.Routes(), Guard: guard, Failed: people.Fail, Notice: people.Notice, Log: quiet})
	require.NoError(w.t, err)
	server.Start()
	w.t.Cleanup(func() {
		close(done)
		server.CloseClientConnections()
		server.Close()
	})
	return w
}

func (w *world) health() supervise.Health {
	own := supervise.Health{Status: supervise.Healthy, Parts: map[string]supervise.Mark{}}
	for _, part := range []string{"http-server", "temporal-worker", "dev-server", "store"} {
		own.Parts[part] = supervise.Mark{Status: supervise.Healthy, Since: w.now.Add(-26 * time.Hour)}
	}
	return own
}

func webUI(workflow, run string) string {
	if workflow == "" {
		return "http://127.0.0.1:8233/"
	}
	return "http://127.0.0.1:8233/namespaces/default/workflows/" + workflow + "/" + run + "/history"
}

// keep configures services. Their probes may take so long that none of them is
// late only because the tests take some minutes.
func (w *world) keep(services ...board.Configured) {
	for i := range services {
		if services[i].Timeout == 0 {
			services[i].Timeout = 15 * time.Minute
		}
		if services[i].FailureThreshold == 0 {
			services[i].FailureThreshold = 3
		}
	}
	w.board.Keep(services)
}

// stands puts a service on the board: in a state since some time ago, with what
// its last probe found a moment ago.
func (w *world) stands(service string, state health.State, since time.Duration, found health.Result, change ...func(*health.Standing)) {
	standing := health.Standing{Service: service, State: state, Since: w.now.Add(-since), At: w.now}
	for _, c := range change {
		c(&standing)
	}
	w.board.Stand(standing)
	if found.At.IsZero() {
		found.At = w.now.Add(-17 * time.Second)
	}
	w.board.Probed(service, "", found)
}

// remembers stores what probes of a service found: one every step back to an
// age, latencies around a mean, failed with a message where fails says so.
func (w *world) remembers(service string, age, step time.Duration, mean float64, message string, fails func(age time.Duration) bool) {
	w.remembersOf(store.Key{Service: service}, age, step, mean, message, fails)
}

// remembersOf is remembers of a service or one of its targets.
func (w *world) remembersOf(of store.Key, age, step time.Duration, mean float64, message string, fails func(age time.Duration) bool) {
	noise := rand.New(rand.NewPCG(uint64(mean*1000), uint64(step)))
	for back := age; back > time.Minute; back -= step {
		wave := 1 + math.Sin(back.Hours()*math.Pi/12)/5
		result := health.Result{
			Status: health.Healthy, At: w.now.Add(-back), Message: "ok",
			LatencyMS: mean * wave * math.Exp(noise.NormFloat64()/7),
		}
		if fails != nil && fails(back) {
			result.Status, result.Message = health.Unhealthy, message
		}
		w.pile.Results = append(w.pile.Results, store.Result{Key: of, Result: result})
	}
}

// since is true for what is no older than an age.
func since(age time.Duration) func(time.Duration) bool {
	return func(back time.Duration) bool { return back <= age }
}

// failed stores that every probe of a service failed, once a minute, for some
// time from an age on.
func (w *world) failed(service string, age, length time.Duration, message string) {
	for back := age; back > age-length; back -= time.Minute {
		result := health.Result{Status: health.Unhealthy, At: w.now.Add(-back - time.Second), LatencyMS: 1, Message: message}
		w.pile.Results = append(w.pile.Results, store.Result{Key: store.Key{Service: service}, Result: result})
	}
}

// entry is a line of an incident's story, so long after its first failure.
type entry struct {
	after time.Duration
	kind  health.EntryKind
	text  string
}

// story is an open incident of a service that began some time ago.
func (w *world) story(service string, ago time.Duration, reason string, entries ...entry) health.Incident {
	began := w.now.Add(-ago)
	i := health.Incident{
		ID: health.IncidentID(service, "", began), Service: service, Severity: "P1", State: health.Triggered,
		FirstFailureAt: began, OpenedAt: began.Add(2 * time.Minute), Reason: reason,
		Workflow: "remediation/" + service, Run: "01a1feab-bfc3-7678-b616-77168948d0f7",
	}
	for _, e := range entries {
		i.Timeline.Add(began.Add(e.after), e.kind, e.text)
		if e.kind == health.EntryAttempt && i.ActedAt.IsZero() {
			i.ActedAt = began.Add(e.after)
		}
	}
	return i
}

// pageOf is the address of an incident's page.
func pageOf(i health.Incident) string { return "/incidents/" + url.PathEscape(i.ID) }
