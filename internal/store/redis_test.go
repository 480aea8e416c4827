package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

// fakeStore is what stands behind a Cache.
type fakeStore struct {
	mu     sync.Mutex
	latest []Latest
	err    error
	asked  []time.Time
}

func (s *fakeStore) Changed(_ context.Context, after time.Time) ([]Latest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, after)
	var changed []Latest
	for _, l := range s.latest {
		if after.IsZero() || l.UpdatedAt.After(after) {
			changed = append(changed, l)
		}
	}
	return changed, s.err
}

func (s *fakeStore) set(err error, latest ...Latest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest, s.err = latest, err
}

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

type cacheTest struct {
	*Cache
	store *fakeStore
	log   *logged
}

// openCache returns a Cache that is not run yet.
func openCache(t *testing.T, address, deployment string) cacheTest {
	t.Helper()
	store, log := &fakeStore{}, &logged{}
	c, err := newCache(option.NewSecret(address), deployment, store, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return cacheTest{c, store, log}
}

// run runs the Cache until the test ends.
func (c cacheTest) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

func (c cacheTest) feed() *Feed { return &Feed{store: c.store, cache: c.Cache} }

// minute is a time in the past of the clocks of these tests.
func minute(n int) time.Time { return time.Date(2026, 3, 1, 12, n, 0, 0, time.UTC) }

func standing(service string, at int, state health.State) Latest {
	return Latest{Key: Key{Service: service}, Standing: health.Standing{Service: service, State: state, At: minute(at)}}
}

func result(service, target string, at int) Latest {
	return Latest{Key: Key{service, target}, Result: health.Result{
		Status: health.Healthy, At: minute(at), LatencyMS: float64(at) + 0.1, Message: "ok",
		Observations: map[string]float64{"rows": 1e15 + 1},
	}}
}

// byName drops UpdatedAt, which depends on the clock.
func byName(latest []Latest) map[string]Latest {
	named := map[string]Latest{}
	for _, l := range latest {
		l.UpdatedAt = time.Time{}
		named[l.name()] = l
	}
	return named
}

func within(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 30*time.Second, 10*time.Millisecond)
}

func filled(c cacheTest) func() bool {
	return func() bool { s := c.Stats(); return s.Filled > 0 && s.Buffered == 0 }
}

func TestCacheSharesTheLatest(t *testing.T) {
	server := realtest.Redis(t)
	worker := openCache(t, "redis://"+server.Addr, "prod")
	worker.store.set(nil, standing("old", 1, health.StateDown), standing("web", 1, health.StateHealthy))
	worker.run(t)
	worker.Put([]Latest{standing("web", 3, health.StateDown), result("web", "", 4), result("api", "eu/1", 4)})
	worker.Put([]Latest{standing("web", 2, health.StateFailing), result("api", "eu/1", 3)})
	within(t, filled(worker))

	page := openCache(t, "redis://"+server.Addr, "prod")
	page.store.set(errors.New("the store is not asked"))
	feed := page.feed()
	all, err := feed.Next(t.Context())
	require.NoError(t, err)
	web := result("web", "", 4)
	web.Standing = standing("web", 3, health.StateDown).Standing
	require.Equal(t, map[string]Latest{
		"old": standing("old", 1, health.StateDown), "web": web, "api/eu/1": result("api", "eu/1", 4),
	}, byName(all))
	for _, l := range all {
		require.WithinDuration(t, time.Now(), l.UpdatedAt, time.Minute)
	}

	// From then on, what has changed, once.
	none, err := feed.Next(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
	worker.Put([]Latest{result("api", "eu/1", 5), result("web", "", 4), result("web", "", 1)})
	var changed []Latest
	within(t, func() bool {
		changed, err = feed.Next(t.Context())
		return err != nil || len(changed) > 0
	})
	require.NoError(t, err)
	require.Equal(t, map[string]Latest{"api/eu/1": result("api", "eu/1", 5)}, byName(changed))
	everything, err := page.All(t.Context())
	require.NoError(t, err)
	require.Len(t, everything, 3)
	require.Zero(t, page.Stats().Fallbacks)

	// Another deployment has nothing to do with it.
	other := openCache(t, "redis://"+server.Addr, "test")
	other.run(t)
	within(t, filled(other))
	theirs, err := other.All(t.Context())
	require.NoError(t, err)
	require.Empty(t, theirs)
}

// Of several writers the newest word wins, in whatever order it arrives.
func TestNewerWinsInRedis(t *testing.T) {
	server := realtest.Redis(t)
	var workers []cacheTest
	for range 3 {
		w := openCache(t, "redis://"+server.Addr, "prod")
		w.run(t)
		workers = append(workers, w)
	}
	for n := range 30 {
		worker := workers[n%3]
		worker.Put([]Latest{standing("web", (n*7)%30, health.State(fmt.Sprint((n*7)%30))), result("web", "", (n*11)%30)})
	}
	for _, w := range workers {
		within(t, func() bool { return w.Stats().Buffered == 0 && w.Stats().Written > 0 })
	}
	within(t, func() bool {
		all, err := workers[0].All(t.Context())
		return err == nil && len(all) == 1 && all[0].Standing.State == "29" && all[0].Result.At.Equal(minute(29))
	})
}

func TestCacheForgetsWhatNobodyWrites(t *testing.T) {
	server := realtest.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	c := openCache(t, "redis://"+server.Addr, "prod")
	c.run(t)
	c.Put([]Latest{standing("gone", 1, health.StateDown), result("web", "", 1)})
	within(t, filled(c))
	for _, key := range c.keys {
		left, err := client.TTL(t.Context(), key).Result()
		require.NoError(t, err)
		require.Greater(t, left, cacheLife-time.Hour)
	}
	eightDaysAgo := float64(time.Now().Add(-8 * 24 * time.Hour).UnixMicro())
	require.NoError(t, client.ZAdd(t.Context(), c.keys[1], redis.Z{Score: eightDaysAgo, Member: "gone"}).Err())
	c.Put([]Latest{result("web", "", 2)})
	within(t, func() bool {
		all, err := c.All(t.Context())
		return err == nil && len(all) == 1 && all[0].Service == "web"
	})
	fields, err := client.HKeys(t.Context(), c.keys[0]).Result()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"filling", "r:web"}, fields)
}

func TestFeedReadsManyTargets(t *testing.T) {
	server := realtest.Redis(t)
	c := openCache(t, "redis://"+server.Addr, "prod")
	var many []Latest
	for i := range 2*feedPage + feedPage/2 {
		many = append(many, result(fmt.Sprintf("s%d", i), "", 1))
	}
	c.run(t)
	c.Put(many)
	within(t, filled(c))
	all, err := c.All(t.Context())
	require.NoError(t, err)
	require.Len(t, byName(all), len(many))
	require.Len(t, all, len(many))
}

func TestFeedWithoutACache(t *testing.T) {
	store := &fakeStore{}
	one, two := result("one", "", 1), result("two", "", 1)
	one.UpdatedAt, two.UpdatedAt = minute(1), minute(2)
	store.set(nil, two, one)
	feed := &Feed{store: store}
	all, err := feed.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	all, err = feed.Next(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
	require.Equal(t, []time.Time{{}, minute(2)}, store.asked)
}

// What a Writer is given goes to the Cache too, also while the store is down.
func TestWriterTellsTheCache(t *testing.T) {
	server := realtest.Redis(t)
	c := openCache(t, "redis://"+server.Addr, "prod")
	c.run(t)
	sink := &fakeSink{}
	sink.fail(down)
	w := newWriter(sink, sink, WriterOptions{Log: slog.New(slog.DiscardHandler), Cache: c.Cache})
	web := result("web", "", 1)
	w.Put(Batch{
		Results:   []Result{{Key: web.Key, Result: web.Result}},
		Standings: []health.Standing{standing("web", 1, health.StateDown).Standing},
	})
	web.Standing = standing("web", 1, health.StateDown).Standing
	within(t, filled(c))
	all, err := c.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]Latest{"web": web}, byName(all))
}

// What came in last is written before the end, and nobody waits for a Redis
// that does not answer.
func TestCacheWritesWhatIsLeft(t *testing.T) {
	server := realtest.Redis(t)
	c := openCache(t, "redis://"+server.Addr, "left")
	c.Put([]Latest{standing("web", 1, health.StateHealthy)})
	ended, end := context.WithCancel(t.Context())
	end()
	require.NoError(t, c.Run(ended))
	require.Equal(t, 1, c.Stats().Written)
	require.Zero(t, c.Stats().Buffered)

	server.Stop()
	c.Put([]Latest{standing("web", 2, health.StateDown)})
	began := time.Now()
	require.NoError(t, c.Run(ended))
	require.Less(t, time.Since(began), 5*cacheCall)
	require.Equal(t, 1, c.Stats().Buffered)
	server.Cont()
}
