package survey

import (
	"context"
	"fmt"
)

// enough is from how many failed targets on the prober suspects itself; in a
// smaller batch, all of them.
const enough = 3

// verdict decides between "they are down" and "I am cut off".
type verdict struct {
	// firsts counts the first tries that are over, tried those of them that
	// say something, failures those that failed.
	firsts, tried, failures int
	control                 stage
	// cutOff is what the control probe found, if it failed.
	cutOff string
	// overloaded and missed count the targets of which nothing is known.
	overloaded, missed int
}

// stage says how far the control probe is.
type stage int

const (
	notAsked stage = iota
	asked
	answered
)

// noteFirst counts what came of a target's first try. Call it locked.
func (r *round) noteFirst(ctx context.Context, kind kind) {
	r.firsts++
	switch kind {
	case passed:
		r.tried++
	case failed:
		r.tried++
		r.failures++
	}
	r.consult(ctx)
}

// consult makes the control probe if so many fail that the prober may be cut
// off, once. It takes no place: it is to come in time. Call it locked.
func (r *round) consult(ctx context.Context) {
	if r.Control == nil || r.control != notAsked || !r.suspicious() {
		return
	}
	r.control = asked
	r.workers.Go(func() {
		result := r.Control(ctx)
		if ctx.Err() != nil {
			return // what was found is about us
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.control = answered
		if !result.Status.Up() {
			r.cutOff = fmt.Sprintf("the control probe failed too: %s", result.Message)
		}
		r.wakeUp()
	})
}

// suspicious reports whether at least half of the batch has failed at the first
// try. While tries are under way, the rest counts as if it passed.
func (r *round) suspicious() bool {
	of := len(r.targets)
	if r.firsts >= of {
		of = r.tried
	}
	return r.failures > 0 && 2*r.failures >= of && r.failures >= min(enough, of)
}

func (r *round) awaitsControl() bool { return r.control == asked }

// judged reports whether it is certain what the failures mean. Call it locked.
func (r *round) judged() bool {
	return r.Control == nil || r.control == answered || r.control == notAsked && r.firsts >= len(r.targets)
}
