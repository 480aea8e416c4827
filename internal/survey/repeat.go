package survey

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"time"

	"paramedic/internal/health"
)

// firstPause is the time from a failed try to the next; it doubles each time.
const firstPause = time.Second

// jitter is by which part of itself a pause is longer or shorter, so that what
// failed together is not asked together.
const jitter = 0.25

// wait is a target that has failed and is to be tried again.
type wait struct {
	i  int32
	at time.Time
	// tries counts those made.
	tries int
	// failedAt is when the first try that failed began; zero if those so far
	// say nothing.
	failedAt time.Time
	// latest is the outcome of the try before.
	latest outcome
}

// schedule are the targets to be tried again, the next one first. It implements
// heap.Interface.
type schedule []*wait

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s schedule) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)        { *s = append(*s, x.(*wait)) }
func (s *schedule) Pop() any {
	end := len(*s) - 1
	w := (*s)[end]
	(*s)[end] = nil
	*s = (*s)[:end]
	return w
}

// note takes down what came of a try, which may not have been the last one of
// its target. Call it locked.
func (r *round) note(ctx context.Context, i int32, done outcome) {
	w, repeated := r.waits[i]
	if !repeated {
		r.noteFirst(ctx, done.kind)
		if done.kind == passed || done.kind == expired {
			r.conclude(i, done, time.Time{})
			return
		}
		w = &wait{i: i}
	} else {
		done.late = w.latest.late
	}
	if done.kind == failed && w.failedAt.IsZero() {
		w.failedAt = done.result.At
	}
	if done.kind != expired {
		w.latest = done
	}
	w.tries++
	if !done.kind.bad() || !r.willRepeat(w) {
		delete(r.waits, i)
		r.conclude(i, w.latest, w.failedAt)
	}
}

// willRepeat puts a target on the schedule, unless it has been tried often
// enough or it is too late.
func (r *round) willRepeat(w *wait) bool {
	if w.tries > r.Limits.Retries || r.failing[w.i] {
		return false
	}
	pause := float64(firstPause<<(w.tries-1)) * (1 - jitter + 2*jitter*rand.Float64())
	w.at = time.Now().Add(time.Duration(pause))
	if by := r.lastRepeat(); !by.IsZero() && w.at.After(by) {
		return false
	}
	r.waits[w.i] = w
	heap.Push(&r.due, w)
	if w.at.Before(r.wakeAt) {
		r.wakeUp()
	}
	return true
}

// lastRepeat is when the last try again must have begun; zero for no bound.
func (r *round) lastRepeat() time.Time {
	if r.batch.Until.IsZero() {
		return time.Time{}
	}
	return r.batch.Until.Add(-r.Limits.Timeout)
}

// repeat puts those whose time has come into their line, and returns when the
// next one's comes. Call it locked.
func (r *round) repeat(now time.Time) (next time.Time, some bool) {
	for len(r.due) > 0 && !r.due[0].at.After(now) {
		w := heap.Pop(&r.due).(*wait)
		r.queue.push(again, w.i)
		r.Load.waiting.Add(1)
	}
	if len(r.due) == 0 {
		return time.Time{}, false
	}
	return r.due[0].at, true
}

// conclude gives a target its verdict, which is that of its last try. failedAt
// is when the first one that failed began. Call it locked.
func (r *round) conclude(i int32, done outcome, failedAt time.Time) {
	finding := health.Finding{Target: r.targets[i].Name, Result: done.result}
	switch done.kind {
	case passed:
		r.keepPassed(i, finding, done.late)
	case failed:
		finding.At = failedAt
		r.keepFailed(i, finding, done.late)
	case unknown:
		r.overloaded++
		r.Load.overloaded.Add(1)
	case expired, cut:
		r.missed++
		r.Load.missed.Add(1)
		n := len(r.targets)
		r.missedFirst = min(r.missedFirst, (int(i)-r.start+n)%n)
	}
	if !failedAt.IsZero() && done.kind != unknown {
		r.doneFailures++
	}
	if r.open--; r.finished() {
		r.wakeUp()
	}
}
