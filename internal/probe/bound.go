package probe

import (
	"maps"
	"math"
	"slices"
	"strings"

	"paramedic/internal/health"
)

// Bounds of what a result carries besides its message, so that a service which
// answers with more does not fill histories.
const (
	valueLimit = 20  // observations, and as many facts
	nameLimit  = 60  // bytes of a name
	factLimit  = 100 // bytes of a fact
)

// bound cuts what is longer or more than a result may carry. Numbers that JSON
// cannot write are left out.
func bound(result *health.Result) {
	for name, number := range result.Observations {
		if len(name) > nameLimit || math.IsNaN(number) || math.IsInf(number, 0) {
			delete(result.Observations, name)
		}
	}
	for name, text := range result.Facts {
		if len(name) > nameLimit {
			delete(result.Facts, name)
			continue
		}
		result.Facts[name] = health.Clip(strings.ToValidUTF8(text, "?"), factLimit)
	}
	keepFirst(result.Observations)
	keepFirst(result.Facts)
}

// keepFirst keeps as many values as are allowed, those whose names come first.
func keepFirst[V any](values map[string]V) {
	if len(values) <= valueLimit {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(values))[valueLimit:] {
		delete(values, name)
	}
}
