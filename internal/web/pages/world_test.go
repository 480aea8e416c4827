package pages

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/supervise"
)

// hostile is a text that breaks pages which are careless.
const hostile = `</title><script>alert(1)</script><img src=x onerror="alert(1)">"'&{{.}} ` + "\u202e evil \u2066 \u0000 \t\r\n %s %d"

// written is a sink that has stored all before it returns.
type written struct {
	t     *testing.T
	store *store.Store
}

func (w written) Put(batch store.Batch) {
	require.NoError(w.t, w.store.Write(context.Background(), batch))
}

func (w written) Archive(ctx context.Context, incident health.Incident) error {
	return w.store.Write(ctx, store.Batch{Incidents: []health.Incident{incident}})
}

func (w written) Settled(context.Context) error { return nil }

// world is services in every state, on a real board over a real store.
type world struct {
	*site
	t     *testing.T
	now   time.Time
	board *board.Board
	store *store.Store
	sink  written
	told  *told
}

func newWorld(t *testing.T) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	kept, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), log)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, kept.Close()) })
	w := &world{t: t, now: time.Now().UTC().Truncate(time.Second), store: kept, sink: written{t, kept}, told: &told{}}
	w.board = board.New(w.sink, log)
	w.site = newSite(t, Options{
		Board: w.board, Store: kept, Now: time.Now, Version: "v1.2.3",
		Operator: func(context.Context) (Operator, error) { return w.told, nil },
		Health: func() supervise.Health {
			return supervise.Health{Status: supervise.Healthy, Parts: map[string]supervise.Mark{
				"http-server": {Status: supervise.Healthy, Since: w.now.Add(-time.Hour)},
				"alerts":      {Status: supervise.Starting, Since: w.now.Add(-time.Minute)},
			}}
		},
		WebUI: func(workflow, run string) string {
			return "http://127.0.0.1:8233/namespaces/default/workflows/" + workflow + run
		},
	})
	return w
}

// service is a configured service that is probed every minute.
func service(name string) board.Configured {
	return board.Configured{
		Name: name, Kind: "http", Severity: "critical", Interval: time.Minute, Timeout: 5 * time.Second,
		FailureThreshold: 3, Mode: health.ModeAct, YAML: "name: " + name + "\npassword: ***\n",
	}
}

// stands puts a service on the board, in a state since an hour ago, with its
// last probe a moment ago.
func (w *world) stands(name string, state health.State, status health.Status, change func(*health.Standing)) {
	standing := health.Standing{Service: name, State: state, Since: w.now.Add(-time.Hour), At: w.now}
	if change != nil {
		change(&standing)
	}
	w.board.Stand(standing)
	w.board.Probed(name, "", health.Result{Status: status, At: w.now.Add(-10 * time.Second), LatencyMS: 12.3, Message: "found " + name})
}

// all are the services of the world: their names say how they are.
func (w *world) all() {
	names := []string{
		"healthy", "degraded", "failing", "down", "paused", "late", "maintained", "silenced", "flapping", "observed", "unknown", "owned",
	}
	var configured []board.Configured
	for _, name := range names {
		configured = append(configured, service(name))
	}
	configured[3].DependsOn = []string{"healthy"}
	configured[3].Labels = map[string]string{"team": "Ingest", "tier": "one"}
	w.board.Keep(configured)
	for _, name := range []string{"healthy", "maintained", "silenced", "flapping", "observed", "owned"} {
		w.stands(name, health.StateHealthy, health.Healthy, func(s *health.Standing) {
			window := &health.Window{Until: w.now.Add(time.Hour), By: "ana", Reason: "new disks"}
			switch name {
			case "maintained":
				s.Orders.Maintenance = window
			case "silenced":
				s.Orders.Silence = window
			case "flapping":
				s.Flapping = true
			case "observed":
				s.Orders.Mode = &health.ModeOrder{Mode: health.ModeObserve, By: "bob", At: w.now}
			}
		})
	}
	w.stands("degraded", health.StateDegraded, health.Degraded, nil)
	w.stands("failing", health.StateFailing, health.Unhealthy, func(s *health.Standing) { s.Failures = 2 })
	w.stands("down", health.StateDown, health.Unhealthy, func(s *health.Standing) { s.Failures = 7 })
	w.stands("paused", health.StatePaused, health.Healthy, func(s *health.Standing) {
		s.Paused = &health.Pause{By: "carol", Note: "moving house", At: w.now.Add(-time.Hour)}
	})
	w.stands("owned", health.StateDown, health.Unhealthy, nil)
	w.board.Stand(health.Standing{Service: "late", State: health.StateHealthy, Since: w.now.Add(-time.Hour), At: w.now})
	w.board.Probed("late", "", health.Result{Status: health.Healthy, At: w.now.Add(-20 * time.Minute), LatencyMS: 5, Message: "was fine"})
	w.board.Report(w.incident("down"))
	owned := w.incident("owned")
	owned.State, owned.Acknowledged = health.Acknowledged, &health.Acknowledgement{By: "dora", At: w.now}
	w.board.Report(owned)
}

// incident is an open incident of a service.
func (w *world) incident(service string) health.Incident {
	began := w.now.Add(-time.Hour)
	return health.Incident{
		ID: health.IncidentID(service, "", began), Service: service, Severity: "critical", State: health.Triggered,
		FirstFailureAt: began, OpenedAt: began.Add(2 * time.Minute), Reason: "connection refused", Action: "restarted " + service + ".service",
		Timeline: health.Timeline{Entries: []health.Entry{{At: began, Kind: health.EntryFailure, Text: "failure 1/3"}}},
	}
}

// remembers stores results of a service: every step back to the age, failing
// where fails says so.
func (w *world) remembers(name string, age, step time.Duration, fails func(age time.Duration) bool) {
	var batch store.Batch
	for back := age; back > 0; back -= step {
		result := health.Result{Status: health.Healthy, At: w.now.Add(-back), LatencyMS: 10 + float64(back%(7*time.Minute))/float64(time.Minute), Message: "ok"}
		if fails(back) {
			result.Status, result.Message = health.Unhealthy, "connection refused"
		}
		batch.Results = append(batch.Results, store.Result{Key: store.Key{Service: name}, Result: result})
	}
	w.sink.Put(batch)
}

// load has the board learn what only the store knows.
func (w *world) load() {
	require.NoError(w.t, w.board.Load(w.t.Context(), w.store, store.NewFeed(w.store, nil)))
}

// page returns a page's text and its HTML, and checks that it is well-formed.
func (w *world) page(address string) (text, html string) {
	w.t.Helper()
	answer := w.get(address)
	require.Equal(w.t, 200, answer.Code, answer.Body)
	html = answer.Body.String()
	return wellFormed(w.t, html), html
}

// long is a text as long as the longest line of a timeline.
var long = strings.Repeat("x", 600)
