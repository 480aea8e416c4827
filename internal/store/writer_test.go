package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// fakeSink keeps what is written, and fails as it is told to.
type fakeSink struct {
	mu      sync.Mutex
	batches []Batch
	calls   int
	// fault is asked before each write.
	fault func(call int, batch Batch) error
	// slow is how long each write takes.
	slow   time.Duration
	pruned []Retention
	// slowPrune is how long each round of pruning takes.
	slowPrune time.Duration
	pruneErr  error
}

func (s *fakeSink) Write(ctx context.Context, batch Batch) error {
	s.mu.Lock()
	slow := s.slow
	s.mu.Unlock()
	if !pause(ctx, slow) {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fault != nil {
		if err := s.fault(s.calls, batch); err != nil {
			return err
		}
	}
	s.batches = append(s.batches, batch)
	return nil
}

func (s *fakeSink) Prune(ctx context.Context, _ time.Time, keep Retention) (int, error) {
	s.mu.Lock()
	slow := s.slowPrune
	s.mu.Unlock()
	if !pause(ctx, slow) {
		return 0, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruned = append(s.pruned, keep)
	return 1000, s.pruneErr
}

func (s *fakeSink) fail(fault func(call int, batch Batch) error) {
	s.set(func(s *fakeSink) { s.fault = fault })
}

func (s *fakeSink) set(change func(s *fakeSink)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// names are the results that were written, in their order.
func (s *fakeSink) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, b := range s.batches {
		for _, r := range b.Results {
			names = append(names, r.Service)
		}
	}
	return names
}

func (s *fakeSink) counts() (batches, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.batches), s.calls
}

var errDown = &faultyNetwork{}

// faultyNetwork is what a store says that cannot be reached.
type faultyNetwork struct{}

func (*faultyNetwork) Error() string   { return "connection refused" }
func (*faultyNetwork) Timeout() bool   { return false }
func (*faultyNetwork) Temporary() bool { return true }

func down(int, Batch) error { return errDown }

// writerTest is a Writer that runs in a bubble of time.
type writerTest struct {
	*Writer
	sink *fakeSink
	log  *bytes.Buffer
	// stop ends the Writer and returns what Run returned.
	stop func() error
}

func inBubble(t *testing.T, o WriterOptions, f func(t *testing.T, w writerTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		sink := &fakeSink{}
		w := newWriter(sink, sink, o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		stop := sync.OnceValue(func() error {
			cancel()
			return <-done
		})
		f(t, writerTest{w, sink, &log, stop})
		_ = stop()
	})
}

// numbered are results whose services are numbers in order.
func numbered(from, until int) []Result {
	var results []Result
	for i := from; i < until; i++ {
		results = append(results, Result{
			Key: Key{Service: fmt.Sprintf("s%06d", i)}, Result: health.Result{Status: health.Healthy, At: time.Unix(int64(i), 0)},
		})
	}
	return results
}

// settle lets a second pass in the bubble.
func settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func TestWriterWritesWhatGathersTogether(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		for i := range 100 {
			w.Put(Batch{Results: numbered(i, i+1)})
		}
		settle()
		require.Len(t, w.sink.batches, 1)
		require.Len(t, w.sink.batches[0].Results, 100)
		w.Put(Batch{Results: numbered(0, 3*batchResults+1)})
		settle()
		require.Equal(t, []int{batchResults, batchResults, batchResults, 1}, []int{
			len(w.sink.batches[1].Results), len(w.sink.batches[2].Results), len(w.sink.batches[3].Results), len(w.sink.batches[4].Results),
		})
		stats := w.Stats()
		require.Equal(t, Stats{Written: 100 + 3*batchResults + 1}, stats)
	})
}

func TestWriterDoesNotWaitForMoreThanEnough(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		begun := time.Now()
		w.sink.fail(func(int, Batch) error {
			require.Less(t, time.Since(begun), gatherTime)
			return nil
		})
		w.Put(Batch{Results: numbered(0, 1)})
		synctest.Wait() // it gathers
		w.Put(Batch{Results: numbered(1, batchResults)})
		synctest.Wait()
		require.Len(t, w.sink.batches, 1)
	})
}

// Put returns at once, whatever the store does.
func TestWriterNeverBlocks(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.set(func(s *fakeSink) { s.slow = time.Hour })
		begun := time.Now()
		for i := range 1000 {
			w.Put(Batch{Results: numbered(i, i+1)})
			synctest.Wait()
		}
		require.Zero(t, time.Since(begun))
		require.Equal(t, 1000, w.Stats().Buffered)
	})
}

func TestWriterCatchesUpInOrder(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.fail(down)
		begun := time.Now()
		for i := range 600 {
			w.Put(Batch{Results: numbered(20*i, 20*i+20)})
			time.Sleep(time.Second)
		}
		synctest.Wait()
		stats := w.Stats()
		require.Equal(t, 12000, stats.Buffered)
		require.Equal(t, begun, stats.OldestBuffered)
		require.Equal(t, "connection refused", stats.LastError)
		// Over ten minutes it rests for 5 to 10 s, after shorter times at first.
		require.Greater(t, stats.Failures, 60)
		require.Less(t, stats.Failures, 140)
		_, calls := w.sink.counts()
		require.Equal(t, stats.Failures, calls)

		w.sink.fail(nil)
		time.Sleep(longestRest)
		synctest.Wait()
		names := w.sink.names()
		require.Len(t, names, 12000)
		require.True(t, slices.IsSorted(names))
		stats = w.Stats()
		require.Zero(t, stats.Buffered+stats.Dropped)
		require.Zero(t, stats.OldestBuffered)
		require.Empty(t, stats.LastError)
		require.Equal(t, 12000, stats.Written)
		// What happened is told once each way.
		require.Equal(t, 2, strings.Count(w.log.String(), "\n"), w.log.String())
		require.Contains(t, w.log.String(), "The store cannot be written")
		require.Contains(t, w.log.String(), "The store can be written again")
	})
}

func TestWriterDropsTheOldestWhenItIsFull(t *testing.T) {
	inBubble(t, WriterOptions{MaxResults: 100}, func(t *testing.T, w writerTest) {
		w.sink.fail(down)
		for i := range 50 {
			w.Put(Batch{Results: numbered(5*i, 5*i+5)})
			settle()
		}
		stats := w.Stats()
		require.Equal(t, 100, stats.Buffered)
		require.Equal(t, 150, stats.Dropped)
		require.Equal(t, 1, strings.Count(w.log.String(), "There is no more room"), w.log.String())
		w.sink.fail(nil)
		time.Sleep(longestRest)
		synctest.Wait()
		names := w.sink.names()
		require.Len(t, names, 100)
		require.Equal(t, "s000150", names[0])
		require.True(t, slices.IsSorted(names))
		require.Contains(t, w.log.String(), "dropped=150")
	})
}

func TestWriterKeepsTheNewestOfWhatHasAName(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(n), 0) }
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.fail(down)
		for _, n := range []int{1, 3, 2} {
			w.Put(Batch{
				Standings: []health.Standing{{Service: "web", At: at(n), Failures: n}},
				Alerts:    []Alert{{DedupKey: "a", Receiver: "ops", At: at(n)}, {DedupKey: fmt.Sprint("b", n), Receiver: "ops", At: at(n)}},
				Outboxes:  []health.Outbox{{Receiver: "ops", At: at(n), Waiting: n}},
				Incidents: []health.Incident{{ID: "i", Attempts: n, Timeline: health.Timeline{Omitted: n}}},
			})
			settle()
		}
		w.Put(Batch{Incidents: []health.Incident{{ID: "j", State: health.Resolved}}})
		w.Put(Batch{Incidents: []health.Incident{{ID: "j", State: health.Triggered, Timeline: health.Timeline{Omitted: 9}}}})
		require.Equal(t, 1+4+1+2, w.Stats().Buffered)
		w.sink.fail(nil)
		time.Sleep(longestRest)
		synctest.Wait()
		require.Len(t, w.sink.batches, 1)
		b := w.sink.batches[0]
		require.Equal(t, []health.Standing{{Service: "web", At: at(3), Failures: 3}}, b.Standings)
		require.Equal(t, []health.Outbox{{Receiver: "ops", At: at(3), Waiting: 3}}, b.Outboxes)
		require.Len(t, b.Alerts, 4)
		require.Equal(t, at(3), b.Alerts[0].At)
		require.Equal(t, 3, b.Incidents[0].Attempts)
		require.Equal(t, health.Resolved, b.Incidents[1].State)
	})
}

// What comes in while an older word of the same is on its way is not replaced
// by that one when it cannot be written.
func TestWriterKeepsWhatIsNewerThanAFailedFlight(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.set(func(s *fakeSink) { s.slow, s.fault = time.Second, down })
		older, newer := health.Standing{Service: "web", At: time.Unix(1, 0)}, health.Standing{Service: "web", At: time.Unix(2, 0)}
		w.Put(Batch{Standings: []health.Standing{older}})
		time.Sleep(500 * time.Millisecond)
		w.Put(Batch{Standings: []health.Standing{newer}})
		require.Equal(t, 2, w.Stats().Buffered)
		settle()
		require.Equal(t, 1, w.Stats().Buffered)
		w.sink.fail(nil)
		time.Sleep(longestRest)
		synctest.Wait()
		require.Len(t, w.sink.batches, 1)
		require.Equal(t, []health.Standing{newer}, w.sink.batches[0].Standings)
	})
}

func TestWriterBoundsIncidents(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.fail(down)
		archived := make(chan error, 1)
		go func() { archived <- w.Archive(t.Context(), health.Incident{ID: "first"}) }()
		settle()
		var batch Batch
		for i := range waitingIncidents {
			batch.Incidents = append(batch.Incidents, health.Incident{ID: fmt.Sprint(i)})
		}
		w.Put(batch)
		require.EqualError(t, <-archived, "archive incident first: the buffer in front of the store is full, and newer records came in")
		require.Equal(t, waitingIncidents, w.Stats().Buffered)
		require.Equal(t, 1, w.Stats().Dropped)
	})
}

func TestArchiveReturnsOnceItIsCommitted(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		incident := health.Incident{ID: "web@1", State: health.Resolved}
		require.NoError(t, w.Archive(t.Context(), incident))
		require.Equal(t, []health.Incident{incident}, w.sink.batches[0].Incidents)

		w.sink.fail(down)
		archived := make(chan error, 2)
		for range 2 { // a retry beside the first try
			go func() { archived <- w.Archive(t.Context(), incident) }()
		}
		time.Sleep(time.Minute)
		require.Empty(t, archived)
		w.sink.fail(nil)
		require.NoError(t, <-archived)
		require.NoError(t, <-archived)
		require.Len(t, w.sink.batches, 2)
		require.Empty(t, w.waiters)
	})
}

func TestArchiveEndsWithItsContext(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.fail(down)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err := w.Archive(ctx, health.Incident{ID: "web@1"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "archive incident web@1: context deadline exceeded; the store cannot be written: connection refused")
		require.Empty(t, w.waiters)
		w.sink.fail(nil)
		time.Sleep(longestRest)
		synctest.Wait()
		require.Len(t, w.sink.batches, 1, "the record goes in all the same")
	})
}

// A record that comes in while an older one of its incident is being written is
// not taken for that one.
func TestArchiveWaitsForItsOwnRecord(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.set(func(s *fakeSink) { s.slow = time.Second })
		w.Put(Batch{Incidents: []health.Incident{{ID: "i", State: health.Triggered}}})
		time.Sleep(500 * time.Millisecond) // the first record is on its way
		require.NoError(t, w.Archive(t.Context(), health.Incident{ID: "i", State: health.Resolved}))
		last := w.sink.batches[len(w.sink.batches)-1]
		require.Equal(t, health.Resolved, last.Incidents[0].State)
	})
}

func TestWriterDrainsAtItsEnd(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.Put(Batch{Results: numbered(0, 2*batchResults)})
		w.sink.set(func(s *fakeSink) { s.slow = time.Second })
		require.NoError(t, w.stop())
		require.Len(t, w.sink.names(), 2*batchResults)
	})
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.Put(Batch{Results: numbered(0, 10)})
		w.sink.set(func(s *fakeSink) { s.slow = time.Hour })
		begun := time.Now()
		require.EqualError(t, w.stop(), "store: 10 rows were not written before the end: context canceled")
		require.Equal(t, drainLimit, time.Since(begun))
	})
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.fail(down)
		w.Put(Batch{Results: numbered(0, 10)})
		settle()
		begun := time.Now()
		require.EqualError(t, w.stop(), "store: 10 rows were not written before the end: connection refused")
		require.Zero(t, time.Since(begun), "it was down before")
	})
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.fail(func(call int, _ Batch) error {
			if call < 3 {
				return errDown
			}
			return nil
		})
		w.Put(Batch{Results: numbered(0, 10)})
		require.NoError(t, w.stop(), "a store that was not down is tried again")
	})
}

// A Writer that is run again goes on with what was left.
func TestWriterIsRunAgain(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.fail(func(int, Batch) error { panic("a fault of the driver") })
		require.NoError(t, w.stop())
		w.Put(Batch{Results: numbered(0, 10)})
		require.Panics(t, func() { _ = w.attempt(t.Context()) })
		w.sink.mu = sync.Mutex{} // the panic left it locked
		w.sink.fail(nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, w.Run(ctx))
		require.Len(t, w.sink.names(), 10)
	})
}

func TestWriterPrunes(t *testing.T) {
	inBubble(t, WriterOptions{Retention: Retention{Results: time.Hour}}, func(t *testing.T, w writerTest) {
		time.Sleep(firstPrune)
		synctest.Wait()
		require.Equal(t, []Retention{{Results: time.Hour}}, w.sink.pruned)
		require.Equal(t, 1000, w.Stats().Pruned)
		w.SetRetention(Retention{Results: 2 * time.Hour})
		w.sink.set(func(s *fakeSink) { s.pruneErr = errors.New("disk full") })
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, w.sink.pruned, 7)
		require.Equal(t, Retention{Results: 2 * time.Hour}, w.sink.pruned[6])
		require.Equal(t, 1, strings.Count(w.log.String(), "disk full"))

		w.sink.fail(down)
		w.Put(Batch{Results: numbered(0, 1)})
		time.Sleep(time.Hour)
		require.Len(t, w.sink.pruned, 7, "not while the store is down")
	})
}

// What is too old is removed beside the writing: neither waits for the other.
func TestWriterWritesWhileItPrunes(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.set(func(s *fakeSink) { s.slowPrune = time.Hour })
		time.Sleep(firstPrune + time.Second)
		w.Put(Batch{Results: numbered(0, 10)})
		settle()
		require.Len(t, w.sink.names(), 10)
		begun := time.Now()
		require.NoError(t, w.stop())
		require.Zero(t, time.Since(begun))
	})
}

// Whatever comes in while the store comes and goes is written once it is back,
// in order, by many at once.
func TestWriterUnderLoad(t *testing.T) {
	sink := &fakeSink{}
	w := newWriter(sink, sink, WriterOptions{Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- w.Run(ctx) }()
	sink.fail(func(call int, _ Batch) error {
		if call%3 == 0 {
			return errDown
		}
		return nil
	})
	var all sync.WaitGroup
	for producer := range 8 {
		all.Go(func() {
			for i := range 1000 {
				w.Put(Batch{Results: []Result{{Key: Key{Service: fmt.Sprint(producer)}, Result: health.Result{LatencyMS: float64(i)}}}})
				_ = w.Stats()
			}
		})
	}
	all.Wait()
	require.Eventually(t, func() bool { return w.Stats().Written == 8000 }, 30*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-ran)
	next := map[string]float64{}
	for _, b := range sink.batches {
		for _, r := range b.Results {
			require.Equal(t, next[r.Service], r.LatencyMS, r.Service)
			next[r.Service]++
		}
	}
	require.Len(t, next, 8)
}
