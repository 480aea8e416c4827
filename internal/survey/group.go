package survey

import (
	"hash/fnv"
	"slices"
	"strings"
	"sync/atomic"

	"paramedic/internal/health"
)

// Group is the targets of a batch, made ready for all its surveys. It remembers
// where to begin, and nothing else of it changes.
type Group struct {
	targets []health.Target
	// hosts numbers the host of each target from 0, -1 without one; empty if no
	// target has any.
	hosts     []int32
	hostCount int
	list      uint64
	// start is the target to begin with: the first one that the last survey did
	// not reach, so that it is not always the same ones.
	start atomic.Int64
}

// NewGroup makes targets ready, which are sorted by name and do not change. host
// names the host of a target, "" if it has none; it may be nil.
func NewGroup(targets []health.Target, host func(health.Target) string) *Group {
	g := &Group{targets: targets, list: fingerprint(targets)}
	if host == nil {
		return g
	}
	numbers := map[string]int32{}
	g.hosts = make([]int32, len(targets))
	for i, target := range targets {
		g.hosts[i] = -1
		name := host(target)
		if name == "" {
			continue
		}
		number, known := numbers[name]
		if !known {
			number = int32(len(numbers))
			numbers[name] = number
		}
		g.hosts[i] = number
	}
	g.hostCount = len(numbers)
	return g
}

// Len counts the targets.
func (g *Group) Len() int { return len(g.targets) }

// Find returns the place of a target in the group.
func (g *Group) Find(name string) (int, bool) {
	return slices.BinarySearchFunc(g.targets, name, func(t health.Target, name string) int {
		return strings.Compare(t.Name, name)
	})
}

// fingerprint tells lists of names apart, the same in every process.
func fingerprint(targets []health.Target) uint64 {
	hash := fnv.New64a()
	for _, target := range targets {
		hash.Write([]byte(target.Name)) // never fails, says package hash
		hash.Write([]byte{0})
	}
	return hash.Sum64()
}

// Fingerprint tells lists of targets apart, in every process alike.
func (g *Group) Fingerprint() uint64 { return g.list }
