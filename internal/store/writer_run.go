package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// gatherTime is how long what comes in waits for more to be written with it.
	gatherTime = 250 * time.Millisecond
	// hurryTime is how long it waits once somebody waits for it: so long that
	// those who ask at the same time share one transaction.
	hurryTime = 20 * time.Millisecond
	// writeLimit bounds one transaction.
	writeLimit = 30 * time.Second
	// drainLimit bounds what is still done once the Writer is told to stop.
	drainLimit = 5 * time.Second
	// firstRest and longestRest are the back-off after failures in a row.
	firstRest   = 100 * time.Millisecond
	longestRest = 10 * time.Second
	// patience is after how many failures for an unclear reason the batch is
	// suspected.
	patience = 3
)

var (
	errNoRoom   = errors.New("the buffer in front of the store is full, and newer records came in")
	errNotEnded = errors.New("the write did not end")
)

// Run writes what comes in until ctx ends, and then what is left, for at most
// five seconds. Its error says how much could not be written. Beside that it
// removes what is too old from the store.
func (w *Writer) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	pruning, stop := context.WithCancel(ctx)
	defer stop()
	beside.Go(func() { w.prune(pruning) })
	work, end := outlast(ctx, drainLimit)
	defer end()
	signal(w.some) // a Run before this one may have left something
	for {
		select {
		case <-ctx.Done():
			return w.drain(work)
		case <-w.some:
			w.gather(ctx)
			if ctx.Err() == nil && w.attempt(work) != nil {
				w.rest(ctx)
			}
			if w.waiting() > 0 {
				signal(w.some)
			}
		}
	}
}

// outlast returns a context that ends a while after ctx does.
func outlast(ctx context.Context, limit time.Duration) (context.Context, func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(limit, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

// gather waits a moment for more, unless there is enough already.
func (w *Writer) gather(ctx context.Context) {
	w.mu.Lock()
	enough, awaited := w.buffer.results.n >= batchResults, len(w.settling) > 0
	w.mu.Unlock()
	if enough {
		return
	}
	wait := gatherTime
	if awaited {
		wait = hurryTime
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-w.full:
			return
		case <-ctx.Done():
			return
		case <-w.hurry:
			if !awaited {
				awaited = true
				timer.Reset(hurryTime)
			}
		}
	}
}

// rest waits out the back-off. Half of it is by chance, so that workers that
// share a database do not come back together.
func (w *Writer) rest(ctx context.Context) {
	w.mu.Lock()
	streak := w.streak
	w.mu.Unlock()
	longest := min(longestRest, firstRest<<min(max(streak-1, 0), 10))
	timer := time.NewTimer(longest/2 + rand.N(longest/2))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *Writer) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buffer.size()
}

// attempt writes one batch of what waits. What cannot be written waits again,
// before all that came in since.
func (w *Writer) attempt(ctx context.Context) (err error) {
	batch, suspicious := w.takeOff()
	if batch.size() == 0 {
		return nil
	}
	err = errNotEnded // in case of a panic, which the owner of Run recovers
	var refused []refusal
	defer func() { w.land(refused, err) }()
	write := func(batch Batch) error {
		ctx, cancel := context.WithTimeout(ctx, writeLimit)
		defer cancel()
		return w.sink.Write(ctx, batch)
	}
	if err = write(batch); err == nil {
		return nil
	}
	if kind := faultOf(err); kind == faultContent || kind == faultUnclear && suspicious {
		refused, err = isolate(batch, err, write)
	}
	return err
}

// drain writes what is left until ctx ends. A store that was down already gets
// one more chance.
func (w *Writer) drain(ctx context.Context) error {
	w.mu.Lock()
	down := w.streak > 0
	w.mu.Unlock()
	for w.waiting() > 0 && ctx.Err() == nil {
		if w.attempt(ctx) == nil {
			continue
		}
		if down {
			break
		}
		w.rest(ctx)
	}
	if left := w.waiting(); left > 0 {
		return fmt.Errorf("store: %d rows were not written before the end: %s", left, w.Stats().LastError)
	}
	return nil
}
