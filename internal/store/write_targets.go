package store

import (
	"context"
	"sync"
)

// unknownRemovals equals no number of removals.
const unknownRemovals = -1

// targets are the ids that this process knows.
type targets struct {
	mu  sync.Mutex
	ids map[Key]int64
	// removals is how often targets had been removed from the database when
	// the ids were read: another process may remove one.
	removals int64
}

func (t *targets) id(key Key) (int64, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, known := t.ids[key]
	return id, known
}

// forgetBefore drops the ids if targets were removed since they were read.
func (t *targets) forgetBefore(removals int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.removals != removals || t.ids == nil {
		t.ids, t.removals = map[Key]int64{}, removals
	}
}

// learn keeps ids that are committed.
func (t *targets) learn(ids map[Key]int64, removals int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.removals != removals {
		return
	}
	for key, id := range ids {
		t.ids[key] = id
	}
}

// findTargets finds the ids of all targets of a batch, and gives one to those
// that have none.
func (w *writing) findTargets(ctx context.Context, b Batch) error {
	for _, result := range b.Results {
		if err := w.findTarget(ctx, result.Key); err != nil {
			return err
		}
	}
	for _, survey := range b.Surveys {
		if err := w.findTarget(ctx, Key{Service: survey.service}); err != nil {
			return err
		}
		for _, failed := range survey.failed {
			if err := w.findTarget(ctx, failed.Key); err != nil {
				return err
			}
		}
	}
	for _, standing := range b.Standings {
		if err := w.findTarget(ctx, Key{standing.Service, standing.Target}); err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) findTarget(ctx context.Context, key Key) error {
	if _, found := w.ids[key]; found {
		return nil
	}
	if id, known := w.targets.id(key); known {
		w.ids[key] = id
		return nil
	}
	_, err := w.exec(ctx, `INSERT INTO targets (service, target) VALUES (?, ?) ON CONFLICT DO NOTHING`, key.Service, key.Target)
	if err != nil {
		return err
	}
	var id int64
	err = w.tx.QueryRowContext(ctx, w.bound(`SELECT id FROM targets WHERE service = ? AND target = ?`),
		key.Service, key.Target).Scan(&id)
	if err != nil {
		return err
	}
	w.ids[key] = id
	return nil
}
