package store

import (
	"bytes"
	"context"
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
