// Package targets knows which targets each service has: those written in the
// configuration, those of a Prometheus file_sd file, and those registered by
// the API. It keeps one list for each service, current within seconds, so that
// a batch of probes only has to look it up.
package targets

import (
	"errors"

	"paramedic/internal/health"
)

// ErrUnknown says that the targets of a service are not known yet: its file or
// the store could not be read so far. That is not the same as having none.
var ErrUnknown = errors.New("its targets are not known yet")

// List is all targets of a service at one moment, by name. It does not change.
type List struct {
	all     []health.Target
	classes map[string][]health.Target
	names   map[string]int
}

// Len counts the targets.
func (l *List) Len() int { return len(l.all) }

// All returns the targets by name. They are not to be changed.
func (l *List) All() []health.Target { return l.all }

// Find looks a target up.
func (l *List) Find(name string) (health.Target, bool) {
	i, found := l.names[name]
	if !found {
		return health.Target{}, false
	}
	return l.all[i], true
}

// Class returns the targets of a class, by name; the class "" holds those that
// no class of the service matches. They are not to be changed.
func (l *List) Class(class string) []health.Target { return l.classes[class] }

// Counts returns how many targets each class has; empty ones are absent.
func (l *List) Counts() map[string]int {
	counts := make(map[string]int, len(l.classes))
	for class, members := range l.classes {
		counts[class] = len(members)
	}
	return counts
}
