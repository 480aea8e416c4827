package board

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

// What the store knows of an incident may be older than that it was closed.
func TestClosedIncidentDoesNotOpenAgain(t *testing.T) {
	w := newWorker(t, database(t), "web")
	incident := outage("web")
	w.Report(incident)
	w.sink = nowhere{} // the end of it is on its way into the store
	closed := incident.Clone()
	closed.State, closed.ResolvedAt, closed.Outcome = health.Resolved, noon.Add(time.Minute), health.Healed
	w.Report(closed)
	require.NoError(t, w.follow(t.Context(), w.database, w.feed))
	require.Empty(t, w.OpenIncidents())
	w.Report(incident)
	require.Empty(t, w.OpenIncidents())

	next := outage("web")
	next.OpenedAt = noon.Add(time.Hour)
	next.ID = health.IncidentID("web", "", next.OpenedAt)
	w.Report(next)
	w.learn(closed)
	require.Equal(t, next.ID, w.OpenIncidents()[0].ID, "the next one is another")
}

// Many incidents are followed like few.
func TestManyIncidentsAreFollowed(t *testing.T) {
	path := database(t)
	var names []string
	for n := range 3 * singly {
		names = append(names, fmt.Sprintf("s%03d", n))
	}
	here, there := newWorker(t, path, names...), newWorker(t, path, names...)
	for _, name := range names {
		there.Report(outage(name))
	}
	require.NoError(t, here.follow(t.Context(), here.database, here.feed))
	require.Len(t, here.OpenIncidents(), len(names))
	for _, name := range names[1:] {
		closed := outage(name)
		closed.State, closed.ResolvedAt = health.Resolved, noon.Add(time.Minute)
		there.Report(closed)
	}
	further := outage(names[0])
	further.Timeline.Add(noon.Add(time.Second), health.EntryAttempt, "attempt 1")
	further.Action = "attempt 1"
	there.Report(further)
	require.NoError(t, here.follow(t.Context(), here.database, here.feed))
	open := here.OpenIncidents()
	require.Len(t, open, 1)
	require.Equal(t, "attempt 1", open[0].Action)
	stored, err := here.database.OpenIncidents(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{further.ID: 2}, stored)
	_, total, err := here.database.Incidents(t.Context(), store.IncidentFilter{Closed: true})
	require.NoError(t, err)
	require.Equal(t, len(names)-1, total)
}
