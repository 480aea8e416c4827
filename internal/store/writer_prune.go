package store

import (
	"context"
	"time"
)

const (
	// pruneEvery is how often what is too old is removed, and firstPrune when
	// for the first time.
	pruneEvery = 10 * time.Minute
	firstPrune = time.Minute
	// pruneLimit bounds one round; the next one goes on.
	pruneLimit = 5 * time.Minute
)

// prune removes what is too old from time to time, between batches, until ctx
// ends. A store that is down is left alone.
func (w *Writer) prune(ctx context.Context) {
	failing := false
	for wait := firstPrune; pause(ctx, wait); wait = pruneEvery {
		w.mu.Lock()
		keep, down := w.retention, w.streak > 0
		w.mu.Unlock()
		if down {
			continue
		}
		err := w.pruneOnce(ctx, keep)
		if err != nil && !failing && ctx.Err() == nil {
			w.log.Warn("What is too old cannot be removed from the store; it is tried again", "error", err, "every", pruneEvery)
		}
		failing = err != nil
	}
}

func (w *Writer) pruneOnce(ctx context.Context, keep Retention) error {
	ctx, cancel := context.WithTimeout(ctx, pruneLimit)
	defer cancel()
	removed, err := w.pruner.Prune(ctx, time.Now(), keep)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Pruned += removed
	return err
}
