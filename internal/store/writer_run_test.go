package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

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
