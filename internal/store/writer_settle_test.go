package store

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestSettledReturnsOnceItIsCommitted(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		require.NoError(t, w.Settled(t.Context()), "nothing waits")
		w.sink.set(func(s *fakeSink) { s.slow = time.Second })
		w.Put(Batch{Results: numbered(0, 1)})
		begun := time.Now()
		require.NoError(t, w.Settled(t.Context()))
		require.Len(t, w.sink.names(), 1)
		require.Less(t, time.Since(begun), time.Second+gatherTime, "nobody else is waited for")
	})
}

// Those who ask at the same time share one write, and one who asks while it is
// under way waits for the next.
func TestSettledIsShared(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.set(func(s *fakeSink) { s.slow = time.Second })
		done := make(chan error, 10)
		ask := func(n int) {
			w.Put(Batch{Results: numbered(n, n+1)})
			go func() { done <- w.Settled(t.Context()) }()
			time.Sleep(time.Millisecond)
		}
		for n := range 5 {
			ask(n)
		}
		time.Sleep(500 * time.Millisecond) // the first write is under way
		for n := range 5 {
			ask(5 + n)
		}
		time.Sleep(time.Second)
		require.Len(t, done, 5)
		for range 10 {
			require.NoError(t, <-done)
		}
		batches, _ := w.sink.counts()
		require.Equal(t, 2, batches)
		require.Len(t, w.sink.names(), 10)
	})
}

func TestSettledWaitsForMoreThanOneBatch(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.Put(Batch{Results: numbered(0, 2*batchResults+1)})
		require.NoError(t, w.Settled(t.Context()))
		require.Len(t, w.sink.names(), 2*batchResults+1)
	})
}

func TestSettledWhileTheStoreIsDown(t *testing.T) {
	inBubble(t, WriterOptions{MaxResults: 10}, func(t *testing.T, w writerTest) {
		w.sink.fail(down)
		w.Put(Batch{Results: numbered(0, 1)})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := w.Settled(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "wait for what was put to be stored: context deadline exceeded; the store cannot be written: connection refused")
		require.Empty(t, w.settling)

		done := make(chan error, 1)
		go func() { done <- w.Settled(t.Context()) }()
		time.Sleep(time.Minute)
		require.Empty(t, done)
		w.Put(Batch{Results: numbered(1, 20)})
		w.sink.fail(nil)
		require.NoError(t, <-done, "what there is no room for is waited for no more")
	})
}

// A standing that could not be written is waited for, although a newer one of
// the same target has come in behind others since.
func TestSettledKnowsWhatWasPutBack(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.set(func(s *fakeSink) { s.slow, s.fault = time.Second, down })
		stand := func(service string) {
			w.Put(Batch{Standings: []health.Standing{{Service: service, At: time.Now()}}})
			time.Sleep(time.Millisecond)
		}
		stand("a")
		asked := time.Now()
		time.Sleep(gatherTime + 100*time.Millisecond) // it is being written
		stand("b")
		stand("a")
		time.Sleep(time.Second)
		synctest.Wait()
		w.mu.Lock()
		waits := w.waits(asked)
		w.mu.Unlock()
		require.True(t, waits)
	})
}
