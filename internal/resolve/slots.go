package resolve

import (
	"context"
	"sync"
)

const (
	// slotsLimit is how many connections probes may hold at most, however many
	// files the process may open.
	slotsLimit = 8192
	// slotsLeast is how many they may hold even where files are scarce.
	slotsLeast = 16
)

// Budget is how many connections probes may hold at the same time: half the
// files that the process may open, at most 8,192. The other half is for idle
// connections, the store, Temporal and the pages.
func Budget() int { return max(slotsLeast, min(slotsLimit, openFiles()/2)) }

// Slots are permits to hold a connection. Whoever makes many probes takes one
// before the time limit of a probe begins: waiting for it is overload of this
// machine, which makes probes late and must not make them fail.
type Slots struct{ taken chan struct{} }

// Connections are the slots of the whole process, as many as Budget allows.
var Connections = sync.OnceValue(func() *Slots { return NewSlots(Budget()) })

// NewSlots returns that many slots.
func NewSlots(count int) *Slots { return &Slots{taken: make(chan struct{}, max(1, count))} }

// Take waits for a slot, and fails only if ctx ends first. Each slot that was
// taken is given back once.
func (s *Slots) Take(ctx context.Context) error {
	if s.Try() {
		return nil
	}
	select {
	case s.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Try takes a slot if one is free, and reports whether it has.
func (s *Slots) Try() bool {
	select {
	case s.taken <- struct{}{}:
		return true
	default:
		return false
	}
}

// Give gives a slot back.
func (s *Slots) Give() { <-s.taken }

// Len is how many slots there are.
func (s *Slots) Len() int { return cap(s.taken) }

// InUse is how many slots are taken.
func (s *Slots) InUse() int { return len(s.taken) }
