package store_test

import (
	"bytes"
	"database/sql"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

// TestManyOpenAtOnce: workers that start together migrate once.
func TestManyOpenAtOnce(t *testing.T) {
	eachLocation(t, func(t *testing.T, location string) {
		var group errgroup.Group
		for range 8 {
			group.Go(func() error {
				s, err := store.Open(t.Context(), location, slog.New(slog.DiscardHandler))
				if err != nil {
					return err
				}
				if err := s.Write(t.Context(), store.Batch{Results: []store.Result{result("cache", noon, health.Healthy, 1)}}); err != nil {
					return err
				}
				return s.Close()
			})
		}
		require.NoError(t, group.Wait())
		days, err := open(t, location).Days(t.Context(), store.Key{Service: "cache"}, noon, noon.Add(time.Hour))
		require.NoError(t, err)
		require.Len(t, days, 1)
		require.Equal(t, 1, days[0].Probes)
	})
}

// TestReopened: what was written is there for the next process.
func TestReopened(t *testing.T) {
	eachLocation(t, func(t *testing.T, location string) {
		first, err := store.Open(t.Context(), location, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		write(t, first, store.Batch{Results: []store.Result{result("cache", noon, health.Healthy, 1)}})
		require.NoError(t, first.Close())
		changed, err := open(t, location).Changed(t.Context(), time.Time{})
		require.NoError(t, err)
		require.Len(t, changed, 1)
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	eachLocation(t, func(t *testing.T, location string) {
		execute(t, open(t, location), location, `INSERT INTO paramedic_version (version_id, is_applied) VALUES (999, true)`)
		_, err := store.Open(t.Context(), location, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, "has schema 999 of a newer paramedic, this one knows schema 3: "+
			"use the newer paramedic, or choose another database")
	})
}

// execute does to the database of a store what the store would not.
func execute(t testing.TB, s *store.Store, location, statement string) {
	t.Helper()
	db, err := sql.Open(map[string]string{"sqlite": "sqlite", "postgres": "pgx"}[s.Kind()], location)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func TestFilesThatAreRefused(t *testing.T) {
	tests := map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"text":         {func(t *testing.T, path string) { writeText(t, path, strings.Repeat("no database ", 400)) }, "is damaged or no SQLite file, move it away and a new one is made"},
		"foreign":      {makeForeign, "was not written by paramedic: choose another file"},
		"torn":         {makeTorn, "database disk image is malformed"},
		"a folder":     {func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) }, "unable to open database file"},
		"below a file": {func(t *testing.T, path string) { writeText(t, filepath.Dir(path), "x") }, "not a directory"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data", "store.db")
			if name != "below a file" {
				require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			}
			test.make(t, path)
			before, _ := os.ReadFile(path)
			_, err := store.Open(t.Context(), path, slog.New(slog.DiscardHandler))
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, path)
			after, _ := os.ReadFile(path)
			require.True(t, bytes.Equal(before, after), "what is not ours is not touched")
		})
	}
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func makeForeign(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `CREATE TABLE incidents (id TEXT)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// makeTorn keeps the first page of a store and nothing else that makes sense.
func makeTorn(t *testing.T, path string) {
	t.Helper()
	s, err := store.Open(t.Context(), path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := 4096; n < len(content); n++ {
		content[n] = 0xAB
	}
	writeText(t, path, string(content))
}

// TestFilesArePrivate: the pages ask who may look; the files must not be a way around.
func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "store.db")
	s := open(t, path)
	write(t, s, store.Batch{Results: []store.Result{result("cache", noon, health.Healthy, 1)}})
	require.NoError(t, filepath.WalkDir(filepath.Dir(path), func(file string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "%s has mode %v", file, info.Mode())
		return nil
	}))
}

// TestLocationStaysSecret: errors name the server and the database, no password.
func TestLocationStaysSecret(t *testing.T) {
	for name, location := range map[string]string{
		"unreadable":   "postgres://paramedic:S3CRET@%zz/name",
		"bad option":   "postgres://paramedic:S3CRET@127.0.0.1:1/name?sslmode=perhaps",
		"nobody there": "postgres://paramedic:S3CRET@127.0.0.1:1/name?sslmode=disable",
		"not ours":     "mysql://paramedic:S3CRET@127.0.0.1:1/name",
		"odd password": "postgres://paramedic:S3 CRET/@127.0.0.1:1/name",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := store.Open(t.Context(), location, slog.New(slog.DiscardHandler))
			require.Error(t, err)
			require.NotContains(t, err.Error(), "CRET")
		})
	}
}

func TestUnknownLocations(t *testing.T) {
	for _, location := range []string{"", "mysql://localhost/name", "sqlite://store.db"} {
		_, err := store.Open(t.Context(), location, slog.New(slog.DiscardHandler))
		require.EqualError(t, err, "database: unknown location: it is the path of a SQLite file, or postgres://USER:PASSWORD@HOST:PORT/NAME")
	}
}
