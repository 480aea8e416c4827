package health

import "math/bits"

// FlapWindow is how many of the latest results flapping is judged by: 21
// results have 20 changes between them, as in Nagios and its successors.
const FlapWindow = 21

// The default thresholds, in percent of changes, as in Icinga.
const (
	FlapHigh = 30
	FlapLow  = 25
)

// Results remembers whether the latest probes passed, the newest in the lowest
// bit. The zero value remembers none.
type Results struct {
	Bits  uint32 `json:"bits,omitempty"`
	Count int    `json:"count,omitempty"`
}

// Add returns the memory with one more result.
func (r Results) Add(up bool) Results {
	r.Bits <<= 1
	if up {
		r.Bits |= 1
	}
	r.Bits &= 1<<FlapWindow - 1
	r.Count = min(r.Count+1, FlapWindow)
	return r
}

// Changes is the share of changes of state in the window, in percent. What has
// not been seen yet counts as no change, so that a new service does not flap.
func (r Results) Changes() int {
	if r.Count < 2 {
		return 0
	}
	changes := (r.Bits ^ r.Bits>>1) & (1<<(r.Count-1) - 1)
	return bits.OnesCount32(changes) * 100 / (FlapWindow - 1)
}

// Flapping reports whether the service flaps: it begins to above the high
// threshold and ends to below the low one, both in percent. A high threshold
// of zero means that nobody wants to know. Whatever the thresholds, one that
// held still for the whole window does not flap, so that flapping can end; and
// a low threshold above the high one is taken for it.
func (r Results) Flapping(was bool, low, high int) bool {
	switch changes := r.Changes(); {
	case high <= 0, changes == 0:
		return false
	case was:
		return changes >= min(low, high)
	default:
		return changes > high
	}
}
