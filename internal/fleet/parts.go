package fleet

import (
	"sync"

	"paramedic/internal/health"
	"paramedic/internal/survey"
	"paramedic/internal/targets"
)

// parts keeps the batches of a service's targets ready, for as long as the
// targets stay the same. It is safe for concurrent use.
type parts struct {
	mu      sync.Mutex
	classes map[string]*division
}

// division is the targets of a class in batches.
type division struct {
	list   *targets.List
	of     int
	groups map[int]*survey.Group
}

// group returns one batch of a class.
func (p *parts) group(
	list *targets.List, class string, batch, of int, host func(health.Target) string,
) *survey.Group {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.classes[class]
	if d == nil || d.list != list || d.of != of {
		d = divide(list, class, of, host)
		if p.classes == nil {
			p.classes = map[string]*division{}
		}
		if len(list.Class(class)) > 0 { // or it may be any name
			p.classes[class] = d
		}
	}
	if group := d.groups[batch]; group != nil {
		return group
	}
	return survey.NewGroup(nil, nil)
}

func divide(list *targets.List, class string, of int, host func(health.Target) string) *division {
	members := map[int][]health.Target{}
	for _, target := range list.Class(class) {
		batch := health.BatchOf(target.Name, of)
		members[batch] = append(members[batch], target)
	}
	d := &division{list: list, of: of, groups: make(map[int]*survey.Group, len(members))}
	for batch, those := range members {
		d.groups[batch] = survey.NewGroup(those, host)
	}
	return d
}
