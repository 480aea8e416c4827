package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/store"
)

// TestPastIsKeptAsIfItHadBeenWritten: what goes in by many rows at a time is
// what the store would hold had it written each result and removed the old.
func TestPastIsKeptAsIfItHadBeenWritten(t *testing.T) {
	now := time.Date(2026, 3, 19, 14, 37, 41, 0, time.UTC)
	p := newPast(3, 4, 20, now)
	r := store.Retention{Results: 5 * time.Hour, Failures: 50 * time.Hour, Hours: 30 * time.Hour, Days: 70 * time.Hour, Incidents: time.Hour * 1000}
	short := filepath.Join(t.TempDir(), "short.db")
	probes, err := p.keep(t.Context(), short, now, r)
	require.NoError(t, err)

	long := filepath.Join(t.TempDir(), "long.db")
	s, err := store.Open(t.Context(), long, discard)
	require.NoError(t, err)
	for from := 0; from < probes; from += 1000 {
		var batch store.Batch
		for probe := from; probe < min(from+1000, probes); probe++ {
			for service := range p.services {
				batch.Results = append(batch.Results, p.result(service, probe))
				batch.Standings = append(batch.Standings, p.standing(service, probe))
			}
		}
		require.NoError(t, s.Write(t.Context(), batch))
	}
	require.NoError(t, s.Write(t.Context(), p.incidents(probes-1)))
	_, err = s.Prune(t.Context(), now, r)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for _, table := range []string{
		"targets", "results", "failures", "hours", "days", "alerts",
		"(SELECT target, result_at, result, standing_at, standing FROM latest)", "(SELECT * FROM incidents ORDER BY id)",
	} {
		kept := rows(t, short, table)
		require.Equal(t, rows(t, long, table), kept, table)
		require.Greater(t, len(kept), 2, table)
	}
}

// rows are those of a table, as texts.
func rows(t *testing.T, path, table string) (all []string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	found, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
	require.NoError(t, err)
	defer func() { require.NoError(t, found.Close()) }()
	columns, err := found.Columns()
	require.NoError(t, err)
	for found.Next() {
		values, places := make([]any, len(columns)), make([]any, len(columns))
		for n := range values {
			places[n] = &values[n]
		}
		require.NoError(t, found.Scan(places...))
		all = append(all, strings.TrimSpace(fmt.Sprintln(values...)))
	}
	require.NoError(t, found.Err())
	return all
}

func TestSomeOfThePastGoesOn(t *testing.T) {
	now := time.Now()
	p := newPast(2000, 90, 300, now)
	all := p.incidents(p.probes(now) - 1).Incidents
	open := 0
	for _, incident := range all {
		if incident.ResolvedAt.IsZero() {
			open++
		}
	}
	require.Greater(t, len(all), 250)
	require.Greater(t, open, 20)
	require.Less(t, open, 40)
}
