package store

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPromisesSurviveAPowerCut: what was promised to somebody is on the disk
// before the promise is made, and nothing else has to wait for the disk.
func TestPromisesSurviveAPowerCut(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	synchronous := func(w *writing) (level int) {
		require.NoError(t, w.tx.QueryRowContext(t.Context(), `PRAGMA synchronous`).Scan(&level))
		return level
	}
	const normal, full = 1, 2
	level := 0
	look := func(w *writing) error {
		level = synchronous(w)
		return nil
	}
	require.NoError(t, s.durably(t.Context(), look))
	require.Equal(t, full, level)
	require.NoError(t, s.transact(t.Context(), look))
	require.Equal(t, normal, level)
}
