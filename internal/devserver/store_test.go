//go:build !noembed

package devserver

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var quiet = slog.New(slog.DiscardHandler)

// written returns a fresh file that bears the given stamp.
func written(t *testing.T, by stamp) (dir string) {
	t.Helper()
	dir = t.TempDir()
	path, err := prepareStore(t.Context(), dir, quiet)
	require.NoError(t, err)
	require.NoError(t, withStore(path, func(db *sql.DB) error {
		_, err := db.ExecContext(t.Context(), `UPDATE paramedic_stamp SET server = ?, schema = ?, visibility = ?`, by.server, by.schema, by.visibility)
		return err
	}))
	return dir
}

func readStamp(t *testing.T, path string) (found stamp) {
	t.Helper()
	require.NoError(t, withStore(path, func(db *sql.DB) error {
		return db.QueryRowContext(t.Context(), `SELECT server, schema, visibility FROM paramedic_stamp`).
			Scan(&found.server, &found.schema, &found.visibility)
	}))
	return found
}

func TestFileOfOlderServerIsBackedUpAndTakenOver(t *testing.T) {
	old := currentStamp()
	old.server = "1.31.0"
	dir := written(t, old)
	backup := filepath.Join(dir, "temporal.db.1.31.0.bak")
	require.NoError(t, os.WriteFile(backup, []byte("of an upgrade that did not finish"), 0o600))

	path, err := prepareStore(t.Context(), dir, quiet)
	require.NoError(t, err)
	require.Equal(t, currentStamp(), readStamp(t, path))
	require.Equal(t, old, readStamp(t, backup))
	info, err := os.Stat(backup)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestFileThatThisServerCannotUseIsRefused(t *testing.T) {
	now := currentStamp()
	for name, test := range map[string]struct {
		by   stamp
		want string
	}{
		"newer server": {
			stamp{"1.99.0", now.schema, now.visibility},
			"was written by the newer Temporal server 1.99.0 (schema 0.11), this worker holds 1.32.1 (schema 0.11): use the newer worker, or choose another directory with --data",
		},
		"newer schema": {
			stamp{now.server, "0.100", now.visibility},
			"was written by the newer Temporal server 1.32.1 (schema 0.100), this worker holds 1.32.1 (schema 0.11): use the newer worker, or choose another directory with --data",
		},
		"older schema": {
			stamp{"1.27.0", "0.9", now.visibility},
			"has schema 0.9 of Temporal server 1.27.0, this worker needs 0.11 and knows no way from there: use the worker that wrote it, or choose another directory with --data",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, test.by)
			_, err := prepareStore(t.Context(), dir, quiet)
			require.EqualError(t, err, "database "+filepath.Join(dir, storeFile)+": "+test.want)
			require.Equal(t, test.by, readStamp(t, filepath.Join(dir, storeFile)), "it is left as it was")
		})
	}
}

func TestFileOfAnotherProgramIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, storeFile)
	require.NoError(t, withStore(path, func(db *sql.DB) error {
		_, err := db.ExecContext(t.Context(), `CREATE TABLE notes (text TEXT)`)
		return err
	}))
	_, err := prepareStore(t.Context(), dir, quiet)
	require.ErrorContains(t, err, "was not written by paramedic")

	require.NoError(t, os.WriteFile(path, []byte("not a database, but long enough to be mistaken for the start of one"), 0o600))
	_, err = prepareStore(t.Context(), dir, quiet)
	require.ErrorContains(t, err, "database "+path+": ")
	require.ErrorContains(t, err, "file is not a database")
}

func TestFullDiskIsRecognised(t *testing.T) {
	err := withStore(filepath.Join(t.TempDir(), storeFile), func(db *sql.DB) error {
		_, err := db.ExecContext(t.Context(), `PRAGMA max_page_count = 1; CREATE TABLE a (x); CREATE TABLE b (x)`)
		return err
	})
	require.True(t, isDiskFull(fmt.Errorf("create: %w", err)), "%v", err)
	require.True(t, isDiskFull(errors.New("unavailable: database or disk is full (13)")))
	require.False(t, isDiskFull(nil))
	require.EqualError(t, dirError("data", err), "data directory data: the disk is full: make room, or choose another place with --data: "+err.Error())
}
