package workflows

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/workflow"
)

// overtimeLimit bounds how long a watch goes on past its end.
const overtimeLimit = 10 * time.Second

// isOver reports whether the watch is over, once its end has come. The next watch
// cannot begin before this one has returned, and whatever is due meanwhile would
// be late. So this one goes on until a moment in which no batch is under way. If
// there is none, as where many targets hang, batches under way are left to the
// next watch, which begins them anew: what they have found is stored, and their
// workers hear with their next heartbeat that nobody waits for them.
func (r *rounds) isOver(isEnd bool) bool {
	if !isEnd && !(r.overtime && r.running == 0) {
		return false
	}
	mayGoOn := !r.relieved && !r.overtime && r.state.Paused == nil
	if r.running > 0 && mayGoOn {
		r.overtime = true
		r.end = r.end.Add(min(overtimeLimit, r.check.Interval.Std()))
		return false
	}
	r.handOver()
	return true
}

// handOver writes down what is under way.
func (r *rounds) handOver() {
	byTime := func(a, b place) int {
		return cmp.Or(r.busy[a].last.due.Compare(r.busy[b].last.due), cmp.Compare(a.class, b.class),
			cmp.Compare(a.batch, b.batch), cmp.Compare(a.of, b.of))
	}
	var left []Unfinished
	for _, p := range workflow.DeterministicKeysFunc(r.busy, byTime) {
		left = append(left, Unfinished{Class: p.class, Batch: p.batch, Of: p.of, Due: r.busy[p].last.due})
	}
	r.state.Fleet.Unfinished = left
}

// unfinished are the batches that the last watch has left, unless they are due
// again by now.
func (r *rounds) unfinished(now time.Time) []slot {
	var again []slot
	for _, left := range r.state.Fleet.Unfinished {
		for _, class := range r.classes() {
			s := slot{class: left.Class, interval: class.Interval.Std(), batch: left.Batch, of: left.Of, due: left.Due, isRepeated: true}
			if class.Name == left.Class && s.until().After(now) && !r.state.Fleet.Through.IsZero() {
				again = append(again, s)
			}
		}
	}
	r.state.Fleet.Unfinished = nil
	return again
}
