package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
	"paramedic/internal/store"
)

// runWriter runs a Writer of a store and returns what ends it.
func runWriter(t *testing.T, s *store.Store, o store.WriterOptions) (w *store.Writer, stop func()) {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	w = store.NewWriter(s, o)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- w.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-ran)
		}
	}
	t.Cleanup(stop)
	return w, stop
}

// probes are n probes of each of some targets, a minute apart.
func probes(targets, n int) []store.Result {
	var results []store.Result
	for i := range n {
		for target := range targets {
			results = append(results, result(fmt.Sprintf("s%d", target), noon.Add(time.Duration(i)*time.Minute), health.Healthy, 1))
		}
	}
	return results
}

// requireProbes checks that each of some targets has n probes in the store.
func requireProbes(t *testing.T, s *store.Store, targets, n int) {
	t.Helper()
	recent, err := s.Recent(t.Context(), n+1)
	require.NoError(t, err)
	require.Len(t, recent, targets)
	for key, latencies := range recent {
		require.Len(t, latencies, n, key)
	}
}

func resolved(id string) health.Incident {
	return health.Incident{
		ID: id, Service: "s1", State: health.Resolved, FirstFailureAt: noon, OpenedAt: noon, ResolvedAt: noon.Add(time.Minute),
	}
}

func TestWriterWritesToTheStore(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		w, stop := runWriter(t, s, store.WriterOptions{})
		for _, r := range probes(200, 50) {
			w.Put(store.Batch{Results: []store.Result{r}})
		}
		require.NoError(t, w.Archive(t.Context(), resolved("s1@1")))
		incident, err := s.Incident(t.Context(), "s1@1")
		require.NoError(t, err)
		require.Equal(t, health.Resolved, incident.State)
		stop()
		requireProbes(t, s, 200, 50)
		require.Equal(t, store.Stats{Written: 10_001}, w.Stats())
	})
}

// Whatever a row holds, the others are written.
func TestWriterWithRowsThatNoDatabaseHolds(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		w, stop := runWriter(t, s, store.WriterOptions{})
		strange := result("s\x00\xff", noon, health.Unhealthy, math.NaN())
		strange.Message, strange.Observations = "a\x00b\xff", map[string]float64{"x": math.Inf(1)}
		far := result("s1", time.Unix(1<<60, 0), health.Healthy, math.Inf(1))
		w.Put(store.Batch{
			Results:   append([]store.Result{strange, far, {}}, probes(10, 10)...),
			Incidents: []health.Incident{{}, {ID: "x\x00", Service: "s1", Reason: "\xff\x00", OpenedAt: time.Unix(1<<60, 0)}},
			Standings: []health.Standing{{Service: "s1", At: noon, Since: time.Unix(1<<60, 0)}},
			Alerts:    []store.Alert{{DedupKey: "a", Receiver: "ops", At: time.Unix(1<<60, 0)}},
			Outboxes:  []health.Outbox{{Receiver: "\xff", At: noon}},
		})
		require.NoError(t, w.Archive(t.Context(), resolved("s1@1")))
		stop()
		require.Zero(t, w.Stats().Failures, w.Stats().LastError)
		recent, err := s.Recent(t.Context(), 100)
		require.NoError(t, err)
		for i := range 10 {
			require.Len(t, recent[store.Key{Service: fmt.Sprintf("s%d", i)}], 10)
		}
	})
}

// PostgreSQL dies in the middle of the writing and comes back: nothing is lost,
// nothing is there twice, and Put and Archive bear it.
func TestWriterOutlivesPostgreSQL(t *testing.T) {
	server := realtest.OwnPostgreSQL(t)
	s := open(t, server.DSN)
	w, stop := runWriter(t, s, store.WriterOptions{})
	all := probes(100, 300)
	third := len(all) / 3
	for i := 0; i < third; i += 10 {
		w.Put(store.Batch{Results: all[i : i+10]})
	}
	require.Eventually(t, func() bool { return w.Stats().Written > 0 }, 30*time.Second, time.Millisecond)
	server.Kill()
	for i := third; i < 2*third; i += 10 {
		w.Put(store.Batch{Results: all[i : i+10]})
	}
	require.Eventually(t, func() bool { return w.Stats().Failures > 1 }, 30*time.Second, time.Millisecond)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := w.Archive(short, resolved("s1@1"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "the store cannot be written: database ")
	archived := make(chan error, 1)
	go func() { archived <- w.Archive(t.Context(), resolved("s1@2")) }()

	server.Start()
	w.Put(store.Batch{Results: all[2*third:]})
	require.NoError(t, <-archived)
	stop()
	requireProbes(t, s, 100, 300)
	stats := w.Stats()
	require.Equal(t, []int{len(all) + 2, 0, 0, 0}, []int{stats.Written, stats.Dropped, stats.Refused, stats.Buffered})
	for _, id := range []string{"s1@1", "s1@2"} {
		_, err := s.Incident(t.Context(), id)
		require.NoError(t, err)
	}
}

// Workers share their status through Redis, and through the store when Redis is
// gone; a page server misses nothing of either.
func TestStatusIsSharedByCacheAndStore(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		server := realtest.Redis(t)
		cache := runCache(t, s, server.Addr)
		w, _ := runWriter(t, s, store.WriterOptions{Cache: cache})
		feed := store.NewFeed(s, cache)
		seen := map[store.Key]time.Time{}
		require.Eventually(t, func() bool { return cache.Stats().Filled == 1 }, 30*time.Second, time.Millisecond)
		for round, change := range []func(){func() {}, server.Kill, server.Start} {
			change()
			at := noon.Add(time.Duration(round) * time.Minute)
			for i := range 20 {
				w.Put(store.Batch{Results: []store.Result{result(fmt.Sprintf("s%d", i), at, health.Healthy, 1)}})
			}
			require.Eventually(t, func() bool {
				latest, err := feed.Next(t.Context())
				require.NoError(t, err)
				current := 0
				for _, l := range latest {
					require.False(t, round < 2 && l.Result.At.Before(seen[l.Key]), "what was seen once does not become older")
					seen[l.Key] = l.Result.At
				}
				for _, when := range seen {
					if when.Equal(at) {
						current++
					}
				}
				return current == 20
			}, 30*time.Second, 5*time.Millisecond, "round %d", round)
		}
		require.Eventually(t, func() bool { return cache.Stats().Filled == 2 }, 30*time.Second, time.Millisecond)
	})
}

func runCache(t *testing.T, s *store.Store, address string) *store.Cache {
	t.Helper()
	cache, err := store.NewCache(option.NewSecret("redis://"+address), "prod", s, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- cache.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ran)
		require.NoError(t, cache.Close())
	})
	return cache
}
