package access

import (
	"net/netip"
	"time"
)

// What is limited are failed log-ins: those of an address, and those for a name
// from wherever. An address from which somebody has logged in is not held back
// by what others do to that name.
const (
	addressFailures = 10
	addressRecovers = 10 * time.Second
	nameFailures    = 20
	nameRecovers    = 30 * time.Second
	// limitSize bounds how many addresses, names and pairs are remembered.
	limitSize = 8192
	// knownFor is how long an address counts as one of somebody's own.
	knownFor = 24 * time.Hour
)

type limits struct {
	addresses, names *shelf[bucket]
	known            *shelf[struct{}]
	now              func() time.Time
}

func newLimits(now func() time.Time) *limits {
	return &limits{
		addresses: newShelf[bucket](limitSize, now), names: newShelf[bucket](limitSize, now),
		known: newShelf[struct{}](limitSize, now), now: now,
	}
}

// wait is how long address must wait before it may try name again, 0 if it may
// at once. The name is empty for what has none.
func (l *limits) wait(address netip.Addr, name string) time.Duration {
	place := neighbourhood(address)
	level, _ := l.addresses.get(place)
	wait := level.wait(l.now(), addressFailures, addressRecovers)
	if name != "" && !l.isKnown(place, name) {
		level, _ := l.names.get(name)
		wait = max(wait, level.wait(l.now(), nameFailures, nameRecovers))
	}
	return wait
}

// begin counts an attempt as failed, so that many at once cannot slip through.
// If it must wait instead, nothing is counted.
func (l *limits) begin(address netip.Addr, name string) time.Duration {
	place := neighbourhood(address)
	if wait := l.take(l.addresses, place, addressFailures, addressRecovers); wait > 0 {
		return wait
	}
	if name == "" || l.isKnown(place, name) {
		return 0
	}
	wait := l.take(l.names, name, nameFailures, nameRecovers)
	if wait > 0 {
		l.giveBack(l.addresses, place, addressFailures, addressRecovers)
	}
	return wait
}

// takeBack undoes begin for an attempt that was no failure.
func (l *limits) takeBack(address netip.Addr, name string) {
	place := neighbourhood(address)
	l.giveBack(l.addresses, place, addressFailures, addressRecovers)
	if name != "" && !l.isKnown(place, name) {
		l.giveBack(l.names, name, nameFailures, nameRecovers)
	}
}

// take counts a failure unless there were size already; then it returns how
// long to wait.
func (l *limits) take(buckets *shelf[bucket], key string, size int, recovers time.Duration) time.Duration {
	now, wait := l.now(), time.Duration(0)
	buckets.change(key, now.Add(time.Duration(size)*recovers), func(b bucket) bucket {
		if wait = b.wait(now, size, recovers); wait > 0 {
			return b
		}
		return b.add(now, recovers, 1)
	})
	return wait
}

func (l *limits) giveBack(buckets *shelf[bucket], key string, size int, recovers time.Duration) {
	now := l.now()
	buckets.change(key, now.Add(time.Duration(size)*recovers), func(b bucket) bucket { return b.add(now, recovers, -1) })
}

// welcome remembers that name has logged in from address.
func (l *limits) welcome(address netip.Addr, name string) {
	l.known.put(pair(neighbourhood(address), name), struct{}{}, l.now().Add(knownFor))
}

func (l *limits) isKnown(place, name string) bool {
	_, known := l.known.get(pair(place, name))
	return known
}

func pair(place, name string) string { return place + "\x00" + name }

// bucket counts failures, which are forgotten one by one.
type bucket struct {
	level float64
	at    time.Time
}

// levelAt is the level when some have been forgotten.
func (b bucket) levelAt(now time.Time, recovers time.Duration) float64 {
	return max(0, b.level-float64(now.Sub(b.at))/float64(recovers))
}

// wait is the time until there is room for one more, 0 if there is now.
func (b bucket) wait(now time.Time, size int, recovers time.Duration) time.Duration {
	over := b.levelAt(now, recovers) - float64(size-1)
	if over <= 0 {
		return 0
	}
	return max(time.Second, time.Duration(over*float64(recovers)))
}

func (b bucket) add(now time.Time, recovers time.Duration, n float64) bucket {
	return bucket{max(0, b.levelAt(now, recovers)+n), now}
}
