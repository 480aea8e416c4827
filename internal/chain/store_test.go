package chain

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/realtest"
	"paramedic/internal/store"
)

// A store that is down stops neither probing nor healing, nor does it hold up
// an incident's end or the next incident; what happened meanwhile is in it once
// it is back, also when the worker has died in between.
func TestHealingGoesOnWithoutTheStore(t *testing.T) {
	t.Parallel()
	database := realtest.OwnPostgreSQL(t)
	server := newProcess(t)
	mark := filepath.Join(t.TempDir(), "restarted")
	d := deploy(t, fmt.Sprintf("store: {url: %q}", database.DSN), service{
		name: site, probe: tcp(server),
		remediation: fmt.Sprintf("{limits: {incidents_per_hour: 0}, steps: [{exec: {command: [/usr/bin/touch, %q]}}]}", mark),
	})
	database.Kill()
	server.Kill()
	d.says(site, "attempt", "applied: touch succeeded")
	require.FileExists(t, mark)
	server.Start()
	first := d.resolved(site)

	server.Kill()
	d.await("the next incident", func() bool { return d.count(site) == 2 })
	server.Start()
	d.await("its end", func() bool { i, found := d.incident(site); return found && i.ID != first.ID && i.State == "resolved" })
	second, _ := d.incident(site)

	d.worker.Kill() // and with it all that was only in its memory
	database.Start()
	d.worker.Start()
	opened, err := store.Open(t.Context(), database.DSN, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	for _, id := range []string{first.ID, second.ID} {
		var stored health.Incident
		d.await("incident "+id+" is archived", func() bool {
			var err error
			stored, err = opened.Incident(t.Context(), id)
			require.True(t, err == nil || errors.Is(err, store.ErrNotFound), err)
			return err == nil && stored.State == health.Resolved
		})
		require.Equal(t, site, stored.Service)
		require.NotEmpty(t, stored.Timeline.Entries)
	}
}
