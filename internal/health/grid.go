package health

import (
	"hash/fnv"
	"time"
)

// Grid is a lattice of instants on the wall clock: every Interval, shifted by
// Offset from the Unix epoch. Ticks and watches lie on grids, so that a run
// that starts late or a worker that was away changes no later tick.
type Grid struct {
	Interval time.Duration
	Offset   time.Duration
}

// After returns the first grid point after t.
func (g Grid) After(t time.Time) time.Time {
	return g.AtOrBefore(t).Add(g.Interval)
}

// AtOrBefore returns the last grid point that is not after t.
func (g Grid) AtOrBefore(t time.Time) time.Time {
	since := (t.UnixNano() - int64(g.Offset)) % int64(g.Interval)
	if since < 0 {
		since += int64(g.Interval)
	}
	return t.Add(-time.Duration(since))
}

// Spread gives a service its place within a period: a whole number of seconds
// from 0 to below period, the same on every machine. It spreads a fleet evenly
// without a random jitter. Schedules fire on whole seconds, hence the unit.
func Spread(service string, period time.Duration) time.Duration {
	seconds := int64(period / time.Second)
	if seconds <= 1 {
		return 0
	}
	hash := fnv.New32a()
	hash.Write([]byte(service)) // never fails, says package hash
	return time.Duration(int64(hash.Sum32())%seconds) * time.Second
}
