package targets

import (
	"fmt"
	"slices"

	"paramedic/internal/health"
)

// part are the targets of one source, and what people call it.
type part struct {
	name    string
	targets []health.Target
}

// combine makes one list; an error names the target that two parts have, and
// these.
func combine(parts []part, classOf func(health.Target) string) (*List, error) {
	var all []health.Target
	for _, p := range parts {
		all = append(all, p.targets...)
	}
	list, err := NewList(all, classOf)
	if err == nil {
		return list, nil
	}
	slices.SortFunc(all, byName)
	twice := duplicates(all)[0]
	var in []string
	for _, p := range parts {
		for _, target := range p.targets {
			if target.Name == twice {
				in = append(in, p.name)
			}
		}
	}
	return nil, fmt.Errorf("the target %s is in %s and in %s; remove one of them", twice, in[0], in[1])
}
