package store

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// settler waits until what came in before a time is written.
type settler struct {
	asked time.Time
	done  chan error
}

// Settled returns once everything that was put before the call is committed or
// was given up, or when ctx ends, with the reason why the store could not be
// written: what was put waits in the buffer even so. Calls at the same time
// share a transaction.
func (w *Writer) Settled(ctx context.Context) error {
	waiter := settler{asked: time.Now(), done: make(chan error, 1)}
	w.mu.Lock()
	if !w.waits(waiter.asked) {
		w.mu.Unlock()
		return nil
	}
	w.settling = append(w.settling, waiter)
	w.mu.Unlock()
	signal(w.hurry)
	select {
	case <-waiter.done:
		return nil
	case <-ctx.Done():
		w.mu.Lock()
		w.settling = slices.DeleteFunc(w.settling, func(s settler) bool { return s.done == waiter.done })
		w.mu.Unlock()
		return w.because(fmt.Errorf("wait for what was put to be stored: %w", context.Cause(ctx)))
	}
}

// waits reports whether anything that came in until a time is not written yet.
// The lock is held.
func (w *Writer) waits(until time.Time) bool {
	oldest := earlier(w.buffer.oldest(), w.flight.since)
	return !oldest.IsZero() && !oldest.After(until)
}

// settled takes out those who need not wait any more. The lock is held.
func (w *Writer) settled() (done []chan error) {
	if len(w.settling) == 0 {
		return nil
	}
	w.settling = slices.DeleteFunc(w.settling, func(s settler) bool {
		over := !w.waits(s.asked)
		if over {
			done = append(done, s.done)
		}
		return over
	})
	return done
}
