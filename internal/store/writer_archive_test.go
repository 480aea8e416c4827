package store

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

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
