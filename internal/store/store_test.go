package store_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/realtest"
	"paramedic/internal/store"
)

// noon is a time in the middle of a day and of an hour's first minute.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// databases are where the same suite runs.
var databases = map[string]func(testing.TB) string{
	"sqlite":   func(t testing.TB) string { return filepath.Join(t.TempDir(), "store.db") },
	"postgres": func(t testing.TB) string { return realtest.PostgreSQL(t) },
}

// each runs a test on an empty store of every kind.
func each(t *testing.T, test func(*testing.T, *store.Store)) {
	t.Helper()
	eachLocation(t, func(t *testing.T, location string) { test(t, open(t, location)) })
}

func eachLocation(t *testing.T, test func(t *testing.T, location string)) {
	t.Helper()
	for kind, locate := range databases {
		t.Run(kind, func(t *testing.T) { test(t, locate(t)) })
	}
}

func open(t testing.TB, location string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), location, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func write(t testing.TB, s *store.Store, b store.Batch) {
	t.Helper()
	require.NoError(t, s.Write(t.Context(), b))
}

func result(service string, at time.Time, status health.Status, latency float64) store.Result {
	r := store.Result{Key: store.Key{Service: service}, Result: health.Result{Status: status, At: at, LatencyMS: latency}}
	if status != health.Healthy {
		r.Message = "row count 0 < 1"
	}
	return r
}

func TestKind(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		require.Contains(t, t.Name(), s.Kind())
	})
}

// TestThereAndBack: what is written in one batch is read in the same shape.
func TestThereAndBack(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		r := result("cache", noon, health.Degraded, 12.5)
		r.Target, r.Observations, r.Facts = "eu", map[string]float64{"lag_seconds": 3.5}, map[string]string{"tier": "primary"}
		standing := health.Standing{
			Service: "cache", Target: "eu", State: health.StateDegraded, Since: noon, At: noon.Add(time.Second),
			Paused: &health.Pause{By: "ann", At: noon},
		}
		incident := health.Incident{
			ID: "cache@1", Service: "cache", Severity: "critical", State: health.Triggered, OpenedAt: noon,
			Timeline: health.Timeline{Entries: []health.Entry{{At: noon, Kind: health.EntryOpened, Text: "3 failures"}}},
		}
		alert := store.Alert{
			DedupKey: "cache@1/1", Receiver: "team", Service: "cache", Incident: "cache@1", Status: health.AlertDown,
			Stage: health.AlertInitial, At: noon, Outcome: store.AlertDead, Error: "refused",
		}
		outbox := health.Outbox{
			Receiver: "team", At: noon, Waiting: 1, Delivered: 2, Lost: 3,
			DeadLetters: []health.DeadLetter{{ID: "7", Receiver: "team", At: noon, Error: "refused", Tries: 9, Alert: health.Alert{Service: "cache"}}},
		}
		write(t, s, store.Batch{
			Results: []store.Result{r}, Standings: []health.Standing{standing}, Incidents: []health.Incident{incident},
			Alerts: []store.Alert{alert}, Outboxes: []health.Outbox{outbox},
		})

		changed, err := s.Changed(t.Context(), time.Time{})
		require.NoError(t, err)
		require.Len(t, changed, 1)
		require.Equal(t, store.Latest{Key: r.Key, Standing: standing, Result: r.Result, UpdatedAt: changed[0].UpdatedAt}, changed[0])
		require.WithinDuration(t, time.Now(), changed[0].UpdatedAt, time.Minute)

		failures, err := s.Failures(t.Context(), r.Key, 10)
		require.NoError(t, err)
		r.Observations, r.Facts = nil, nil
		require.Equal(t, []health.Result{r.Result}, failures)

		page, total, err := s.Incidents(t.Context(), store.IncidentFilter{})
		require.NoError(t, err)
		require.Equal(t, 1, total)
		require.Equal(t, []health.Incident{incident}, page)
		one, err := s.Incident(t.Context(), "cache@1")
		require.NoError(t, err)
		require.Equal(t, incident, one)

		alerts, err := s.Alerts(t.Context(), store.AlertFilter{})
		require.NoError(t, err)
		require.Equal(t, []store.Alert{alert}, alerts)
		outboxes, err := s.Outboxes(t.Context())
		require.NoError(t, err)
		require.Equal(t, []health.Outbox{outbox}, outboxes)
	})
}

// TestEmpty: nothing is known, and no question fails.
func TestEmpty(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx, key := t.Context(), store.Key{Service: "nobody"}
		write(t, s, store.Batch{})
		changed, err := s.Changed(ctx, time.Time{})
		require.NoError(t, err)
		require.Empty(t, changed)
		recent, err := s.Recent(ctx, 30)
		require.NoError(t, err)
		require.Empty(t, recent)
		points, err := s.Points(ctx, key, noon.Add(-time.Hour), noon, time.Minute)
		require.NoError(t, err)
		require.Empty(t, points)
		days, err := s.Days(ctx, key, noon.AddDate(0, 0, -90), noon)
		require.NoError(t, err)
		require.Empty(t, days)
		failures, err := s.Failures(ctx, key, 10)
		require.NoError(t, err)
		require.Empty(t, failures)
		uptimes, err := s.Uptimes(ctx, noon)
		require.NoError(t, err)
		require.Empty(t, uptimes)
		page, total, err := s.Incidents(ctx, store.IncidentFilter{})
		require.NoError(t, err)
		require.Empty(t, page)
		require.Zero(t, total)
		_, err = s.Incident(ctx, "nobody@1")
		require.ErrorIs(t, err, store.ErrNotFound)
		require.ErrorContains(t, err, `"nobody@1"`)
		removed, err := s.Prune(ctx, noon, store.DefaultRetention)
		require.NoError(t, err)
		require.Zero(t, removed)
	})
}
