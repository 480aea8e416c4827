package survey

import "sync/atomic"

// Load counts what the probes of a process do. The zero value is ready; it is
// safe for concurrent use.
type Load struct{ overloaded, missed, waiting, running atomic.Int64 }

// Counts are the figures of a Load at one moment.
type Counts struct {
	// Overloaded counts failures that were dropped because they were the prober's
	// own: it was late, or broken. Missed counts targets that were not probed in
	// their tick at all. Both count from the start of the process.
	Overloaded, Missed int64
	// Waiting and Running count the probes that wait for a place, and those
	// under way, now.
	Waiting, Running int64
}

// Counts reads the figures.
func (l *Load) Counts() Counts {
	return Counts{
		Overloaded: l.overloaded.Load(), Missed: l.missed.Load(),
		Waiting: l.waiting.Load(), Running: l.running.Load(),
	}
}

// Drop counts a failure that says nothing, as the prober was overloaded.
func (l *Load) Drop() { l.overloaded.Add(1) }
