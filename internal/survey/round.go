package survey

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"paramedic/internal/health"
)

// round is one survey of one batch. A goroutine holds a place for as long as
// there is something to probe; whoever frees a place or makes a target ready
// sees to it that the two meet. Run's own goroutine does what is to be done
// after a time: tries again, ages, saves.
type round struct {
	*Survey
	batch   Batch
	desk    Desk
	targets []health.Target
	// start is the first of them, missedFirst how many after it the first one
	// is that was not reached.
	start, missedFirst int
	begun              time.Time
	// failing are those of the batch that failed the last time.
	failing []bool
	workers sync.WaitGroup
	kick    chan struct{}
	// untilEnd ends when no try may begin any more.
	untilEnd context.Context
	// broken is the first panic of a probe, as an error.
	broken atomic.Value

	mu    sync.Mutex
	queue queue
	// young are the places that are taken, Limits.Parallel at most.
	young []*place
	// open counts the targets without a verdict.
	open    int
	waits   map[int32]*wait
	due     schedule
	wakeAt  time.Time
	stopped bool

	verdict
	progress
}

func newRound(s *Survey, batch Batch, desk Desk) *round {
	n := batch.Group.Len()
	r := &round{
		Survey: s, batch: batch, desk: desk, targets: batch.Group.targets, begun: time.Now(),
		failing: make([]bool, n), kick: make(chan struct{}, 1),
		queue: newQueue(batch.Group, s.Limits.PerHost), open: n, missedFirst: n, waits: map[int32]*wait{},
	}
	for _, name := range batch.Failing {
		if i, found := batch.Group.Find(name); found {
			r.failing[i] = true
		}
	}
	r.progress.done = make([]byte, (n+7)/8)
	r.passed = make([]health.Finding, 0, n)
	r.passedLate = make([]time.Duration, 0, n)
	return r
}

// run probes until every target has its verdict.
func (r *round) run(ctx context.Context) (Report, error) {
	r.untilEnd = ctx
	if !r.batch.Until.IsZero() {
		limited, cancel := context.WithDeadline(ctx, r.batch.Until)
		defer cancel()
		r.untilEnd = limited
	}
	r.lineUp(ctx)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait, finished := r.tend(ctx)
		if finished {
			break
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-r.kick:
		case <-ctx.Done():
			r.abandon()
			return Report{}, ctx.Err()
		}
	}
	r.workers.Wait()
	return r.report(ctx), nil
}

// lineUp puts all targets that have no verdict yet into their lines.
func (r *round) lineUp(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.targets)
	if n == 0 {
		return
	}
	r.start = int(r.batch.Group.start.Load())
	for k := range n {
		i := (r.start + k) % n
		if r.isDone(i) {
			continue
		}
		if r.failing[i] {
			r.queue.push(last, int32(i))
		} else {
			r.queue.push(first, int32(i))
		}
	}
	r.Load.waiting.Add(int64(r.queue.size))
	r.consult(ctx)
}

// abandon ends the round before its time. What is under way ends with the
// context.
func (r *round) abandon() {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.workers.Wait()
	r.Load.waiting.Add(-int64(r.queue.size))
}

// tend does what the time has come for, and says when to come back.
func (r *round) tend(ctx context.Context) (wait time.Duration, finished bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished() {
		return 0, true
	}
	now := time.Now()
	r.wakeAt = r.age(now)
	if at, some := r.repeat(now); some && at.Before(r.wakeAt) {
		r.wakeAt = at
	}
	if at := r.save(ctx, now); at.Before(r.wakeAt) {
		r.wakeAt = at
	}
	r.dispatch(ctx)
	return r.wakeAt.Sub(now), false
}

// finished reports whether everything is known. Call it locked.
func (r *round) finished() bool { return r.open == 0 && !r.awaitsControl() }

// wakeUp has tend look again. Call it locked.
func (r *round) wakeUp() {
	select {
	case r.kick <- struct{}{}:
	default: // it is about to
	}
}
