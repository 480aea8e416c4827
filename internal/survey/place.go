package survey

import (
	"context"
	"sync/atomic"
	"time"
)

// place is what a goroutine holds while it probes young targets.
type place struct {
	// since is when its probe began, on the clock of the round; 0 before that.
	since atomic.Int64
	// index is where it stands among the young, -1 once it has aged.
	index int
}

// age takes the places of probes that have run for long, and returns when the
// next could be that old. Call it locked.
func (r *round) age(now time.Time) time.Time {
	clock, oldest := now.Sub(r.begun), now.Sub(r.begun)
	for k := len(r.young) - 1; k >= 0; k-- {
		since := time.Duration(r.young[k].since.Load())
		if since == 0 {
			continue
		}
		if clock-since >= Age {
			r.vacate(r.young[k])
			continue
		}
		oldest = min(oldest, since)
	}
	return r.begun.Add(oldest + Age)
}

func (r *round) vacate(p *place) {
	end := len(r.young) - 1
	r.young[p.index] = r.young[end]
	r.young[p.index].index = p.index
	r.young = r.young[:end]
	p.index = -1
}

// turn is one try that is to be made.
type turn struct {
	i int32
	// by is when it must have begun; zero for no bound.
	by time.Time
}

// take takes the next try. Call it locked.
func (r *round) take() (turn, bool) {
	if r.stopped {
		return turn{}, false
	}
	i, ok := r.queue.pop()
	if !ok {
		return turn{}, false
	}
	if r.waits[i] != nil {
		return turn{i: i, by: r.lastRepeat()}, true
	}
	return turn{i: i, by: r.batch.Until}, true
}

// dispatch starts goroutines for the places that are free, as long as there are
// targets for them. Call it locked.
func (r *round) dispatch(ctx context.Context) {
	for len(r.young) < r.places() {
		t, ok := r.take()
		if !ok {
			return
		}
		p := &place{index: len(r.young)}
		r.young = append(r.young, p)
		r.workers.Go(func() { r.work(ctx, p, t) })
	}
}

func (r *round) places() int { return max(1, r.Limits.Parallel) }

// work makes try after try for as long as it has a place.
func (r *round) work(ctx context.Context, p *place, t turn) {
	for ok := true; ok; {
		done := r.try(ctx, p, t)
		t, ok = r.finish(ctx, p, t.i, done)
	}
}

// finish notes what came of a try and takes the next one, if the place is still
// there or another one is free.
func (r *round) finish(ctx context.Context, p *place, i int32, done outcome) (turn, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue.leave(i)
	if done.kind == cut {
		r.stopped = true
	} else {
		r.note(ctx, i, done)
	}
	if p.index < 0 {
		if len(r.young) >= r.places() {
			return turn{}, false
		}
		p.index = len(r.young)
		r.young = append(r.young, p)
	}
	if t, ok := r.take(); ok {
		return t, true
	}
	r.vacate(p)
	return turn{}, false
}
