package board

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

var noon = time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)

// worker is one worker's board over a store that others may share.
type worker struct {
	*Board
	database *store.Store
	feed     *store.Feed
}

// newWorker starts a worker at noon. What it is told is stored at once.
func newWorker(t *testing.T, path string, services ...string) *worker {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	database, err := store.Open(t.Context(), path, quiet)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, database.Close()) })
	w := &worker{Board: New(&direct{t: t, database: database}, quiet), database: database, feed: store.NewFeed(database, nil)}
	w.now = func() time.Time { return noon }
	w.configure(services...)
	return w
}

func (w *worker) configure(names ...string) {
	var services []Configured
	for _, name := range names {
		services = append(services, Configured{Name: name, Interval: time.Minute, Timeout: 10 * time.Second})
	}
	w.Keep(services)
}

// direct writes to a store without a buffer, so that tests need not wait.
type direct struct {
	t        *testing.T
	database *store.Store
}

func (d *direct) Put(batch store.Batch) {
	require.NoError(d.t, d.database.Write(context.Background(), batch))
}

func (d *direct) Archive(ctx context.Context, incident health.Incident) error {
	return d.database.Write(ctx, store.Batch{Incidents: []health.Incident{incident}})
}

func (d *direct) Settled(context.Context) error { return nil }

func database(t *testing.T) string { return filepath.Join(t.TempDir(), "paramedic.db") }

func result(at time.Time, status health.Status) health.Result {
	return health.Result{Status: status, At: at, LatencyMS: 12, Message: "status 200"}
}

func outage(service string) health.Incident {
	incident := health.Incident{
		ID: health.IncidentID(service, "", noon.Add(-2*time.Minute)), Service: service, Severity: "P1", State: health.Triggered,
		FirstFailureAt: noon.Add(-2 * time.Minute), OpenedAt: noon,
	}
	incident.Timeline.Add(noon, health.EntryOpened, "opened")
	return incident
}

func TestServiceIsShownAsItsMonitorSeesIt(t *testing.T) {
	w := newWorker(t, database(t), "web")
	shown, found := w.Service("web")
	require.True(t, found)
	require.Equal(t, health.StateUnknown, shown.State)
	require.Empty(t, shown.Recent)
	require.Negative(t, shown.Uptime.Day)
	_, found = w.Service("nobody")
	require.False(t, found)

	w.Probed("web", "", result(noon.Add(-time.Second), health.Unhealthy))
	w.Stand(health.Standing{Service: "web", State: health.StateFailing, Since: noon, Failures: 1, At: noon})
	w.Probed("nobody", "", result(noon, health.Healthy))
	shown, _ = w.Service("web")
	require.Equal(t, health.StateFailing, shown.State)
	require.Equal(t, 1, shown.Failures)
	require.Equal(t, []float32{-1}, shown.Recent, "one that failed has no latency")

	w.Stand(health.Standing{Service: "web", State: health.StateHealthy, At: noon.Add(-time.Minute)})
	shown, _ = w.Service("web")
	require.Equal(t, health.StateFailing, shown.State, "what was said earlier does not win")
}

func TestSilenceIsLateness(t *testing.T) {
	w := newWorker(t, database(t), "web")
	w.Probed("web", "", result(noon, health.Healthy))
	w.Stand(health.Standing{Service: "web", State: health.StateHealthy, Since: noon, At: noon})
	patience := 3*time.Minute + 10*time.Second
	w.now = func() time.Time { return noon.Add(patience) }
	require.False(t, w.Services()[0].Late)
	w.now = func() time.Time { return noon.Add(patience + time.Second) }
	require.True(t, w.Services()[0].Late)
	require.Equal(t, health.StateUnknown, w.Services()[0].State, "healthy is what nobody can say")
	w.Stand(health.Standing{Service: "web", State: health.StatePaused, Since: noon, At: noon.Add(time.Hour)})
	require.Equal(t, health.StatePaused, w.Services()[0].State, "a pause is no lateness")
}

func TestOpenIncidentIsShownUntilItIsResolved(t *testing.T) {
	w := newWorker(t, database(t), "web")
	incident := outage("web")
	w.Report(incident)
	require.Equal(t, incident.ID, w.Services()[0].Incident.ID)
	found, ok := w.OpenIncident(incident.ID)
	require.True(t, ok)
	require.Equal(t, incident.Service, found.Service)
	incident.State, incident.ResolvedAt, incident.Outcome = health.Resolved, noon.Add(time.Minute), health.Healed
	require.NoError(t, w.Archive(t.Context(), incident))
	require.Nil(t, w.Services()[0].Incident)
	require.Empty(t, w.OpenIncidents())
	stored, err := w.database.Incident(t.Context(), incident.ID)
	require.NoError(t, err)
	require.Equal(t, health.Healed, stored.Outcome)
}

func TestAlertsAreStoredWithWhatBecameOfThem(t *testing.T) {
	w := newWorker(t, database(t))
	alerts := []health.Alert{{DedupKey: "k1", Service: "web", Incident: "i1", Status: health.AlertDown}}
	outcome := func() store.AlertOutcome {
		stored, err := w.database.Alerts(t.Context(), store.AlertFilter{Incident: "i1"})
		require.NoError(t, err)
		require.Len(t, stored, 1)
		return stored[0].Outcome
	}
	w.Alerted("ops", alerts, time.Second, errors.New("connection refused"))
	require.Equal(t, store.AlertRetrying, outcome())
	letter := health.DeadLetter{ID: "d1", Receiver: "ops", At: noon, Error: "bad token", Alert: alerts[0]}
	w.Outbox(health.Outbox{Receiver: "ops", At: noon, Lost: 1, DeadLetters: []health.DeadLetter{letter}})
	require.Equal(t, store.AlertDead, outcome())
	require.Equal(t, 1, w.Outboxes()[0].Lost)
	w.Alerted("ops", alerts, time.Second, nil)
	require.Equal(t, store.AlertDelivered, outcome(), "it was sent again")
}

func TestWhatWasKnownIsShownAfterTheStart(t *testing.T) {
	path := database(t)
	before := newWorker(t, path, "web", "db")
	for i := range 3 {
		before.Probed("web", "", result(noon.Add(time.Duration(i-3)*time.Minute), health.Healthy))
	}
	before.Stand(health.Standing{Service: "web", State: health.StateHealthy, Since: noon.Add(-time.Hour), At: noon.Add(-time.Hour)})
	before.Report(outage("db"))
	before.Outbox(health.Outbox{Receiver: "ops", At: noon, Delivered: 7})

	after := newWorker(t, path, "web", "db")
	require.NoError(t, after.Load(t.Context(), after.database, after.feed))
	web, _ := after.Service("web")
	require.Equal(t, health.StateHealthy, web.State)
	require.Equal(t, []float32{12, 12, 12}, web.Recent)
	require.True(t, web.Result.At.Equal(noon.Add(-time.Minute)))
	require.InDelta(t, 1, web.Uptime.Day, 0)
	db, _ := after.Service("db")
	require.NotNil(t, db.Incident)
	require.Equal(t, 7, after.Outboxes()[0].Delivered)
	after.Probed("web", "", result(noon, health.Unhealthy))
	require.Len(t, after.Services()[1].Recent, 4)
}

func TestOtherWorkersAreFollowed(t *testing.T) {
	path := database(t)
	here, there := newWorker(t, path, "web"), newWorker(t, path, "web")
	require.NoError(t, here.Load(t.Context(), here.database, here.feed))
	there.Probed("web", "", result(noon, health.Unhealthy))
	there.Stand(health.Standing{Service: "web", State: health.StateDown, Since: noon, Failures: 3, At: noon})
	incident := outage("web")
	there.Report(incident)

	watcher := here.Watch("web")
	defer watcher.Close()
	require.NoError(t, here.follow(t.Context(), here.database, here.feed))
	<-watcher.C
	shown, _ := here.Service("web")
	require.Equal(t, health.StateDown, shown.State)
	require.Equal(t, incident.ID, shown.Incident.ID)

	// A record that has come further here is not replaced by an older one.
	incident.Timeline.Add(noon, health.EntryNote, "further")
	here.show(incident)
	require.NoError(t, here.follow(t.Context(), here.database, here.feed))
	require.Len(t, here.OpenIncidents()[0].Timeline.Entries, 2)

	incident.State, incident.ResolvedAt = health.Resolved, noon.Add(time.Minute)
	require.NoError(t, there.Archive(t.Context(), incident))
	require.NoError(t, here.follow(t.Context(), here.database, here.feed))
	require.Empty(t, here.OpenIncidents(), "it was closed elsewhere")
}

func TestWatchersAreToldOfTheirService(t *testing.T) {
	w := newWorker(t, database(t), "web", "db")
	all, web := w.Watch(""), w.Watch("web")
	defer all.Close()
	told := func(watcher *Watcher) bool {
		select {
		case <-watcher.C:
			return true
		default:
			return false
		}
	}
	w.Probed("db", "", result(noon, health.Healthy))
	w.Probed("db", "", result(noon.Add(time.Second), health.Healthy))
	require.True(t, told(all))
	require.False(t, told(all), "several changes give one")
	require.False(t, told(web))
	w.Probed("web", "", result(noon, health.Healthy))
	require.True(t, told(web))
	w.configure("db")
	require.True(t, told(web), "its service is gone")
	web.Close()
	w.configure("web")
	require.False(t, told(web))
}

func TestSparklinesAreBounded(t *testing.T) {
	w := newWorker(t, database(t), "web")
	for i := range RecentLimit + 5 {
		w.Probed("web", "", health.Result{Status: health.Healthy, At: noon.Add(time.Duration(i) * time.Second), LatencyMS: float64(i)})
	}
	recent := w.Services()[0].Recent
	require.Len(t, recent, RecentLimit)
	require.InDelta(t, RecentLimit+4, recent[RecentLimit-1], 0)
	w.Probed("web", "", result(noon, health.Healthy))
	require.InDelta(t, RecentLimit+4, w.Services()[0].Recent[RecentLimit-1], 0, "a late one does not stand last")
}

func TestWhatWasShownDoesNotChange(t *testing.T) {
	w := newWorker(t, database(t), "web")
	probe := func(i int) {
		w.Probed("web", "", health.Result{Status: health.Healthy, At: noon.Add(time.Duration(i) * time.Second), LatencyMS: float64(i)})
	}
	var shown [][]float32
	for i := range 3 * RecentLimit {
		probe(i)
		if i > 0 {
			_ = append(shown[i-1], -7) // is no business of the board's
		}
		shown = append(shown, w.Services()[0].Recent)
	}
	for last, recent := range shown {
		for n, latency := range recent {
			require.InDelta(t, last-len(recent)+1+n, latency, 0)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	w := newWorker(t, database(t), "web", "db")
	w.sink = nowhere{}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 200 {
				at := noon.Add(time.Duration(n) * time.Second)
				w.Probed("web", "", result(at, health.Healthy))
				w.Stand(health.Standing{Service: "db", State: health.StateHealthy, At: at})
				incident := outage("web")
				if n%2 == i%2 {
					incident.State = health.Resolved
				}
				w.Report(incident)
				_ = w.Services()
				watcher := w.Watch("")
				_ = w.OpenIncidents()
				watcher.Close()
			}
		})
	}
	all.Wait()
}

type nowhere struct{}

func (nowhere) Put(store.Batch)                                {}
func (nowhere) Archive(context.Context, health.Incident) error { return nil }
func (nowhere) Settled(context.Context) error                  { return nil }
