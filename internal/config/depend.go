package config

import (
	"fmt"
	"slices"
	"strings"

	"paramedic/internal/health"
)

// serviceNames checks that every name can be used and is used once.
func (c *checker) serviceNames() {
	lines := map[string]int{}
	for i, s := range c.doc.Services {
		path := fmt.Sprintf("services[%d].name", i)
		if c.d.isFailed(path) {
			continue
		}
		if !serviceName.MatchString(s.Name) {
			c.wrong(path, "%q cannot name a service; write lower-case letters, digits, dots, dashes and underscores, beginning with a letter or digit, at most 63", health.Clip(s.Name, 80))
			continue
		}
		if first, twice := lines[s.Name]; twice {
			c.wrong(path, "the name %q is already that of the service in line %d; choose another name", s.Name, first)
			continue
		}
		lines[s.Name] = c.d.at(path).line
	}
}

// edge is one entry of a depends_on list.
type edge struct {
	from, to string
	path     string
}

// dependencies checks that services depend on existing others, each named
// once, and not in a circle.
func (c *checker) dependencies() {
	var names []string
	for _, s := range c.doc.Services {
		names = append(names, s.Name)
	}
	known, ofTargets := map[string]bool{}, map[string]bool{}
	for _, s := range c.doc.Services {
		known[s.Name] = true
		ofTargets[s.Name] = s.Targets != nil
	}
	edges := map[string][]edge{}
	for i, s := range c.doc.Services {
		if c.d.failures > mistakesLimit {
			break
		}
		seen := map[string]bool{}
		for j, name := range s.DependsOn {
			e := edge{s.Name, name, fmt.Sprintf("services[%d].depends_on[%d]", i, j)}
			switch {
			case c.d.isFailed(e.path):
			case name == s.Name:
				c.wrong(e.path, "the service %q depends on itself; remove this entry", name)
			case !known[name]:
				others := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == s.Name || n == "" })
				c.wrong(e.path, "there is no service %q; %s", name, suggest(name, others))
			case ofTargets[name]:
				c.wrong(e.path, "the service %q has targets, of which some may fail while others pass, so nothing can depend on it; name a service without targets", name)
			case seen[name]:
				c.wrong(e.path, "the dependency %q is listed twice; remove one of them", name)
			default:
				edges[s.Name] = append(edges[s.Name], e)
			}
			seen[name] = true
		}
	}
	c.circles(names, edges)
}

// circles reports each circle once, at the entry that closes it. It walks
// without recursion, for a chain may be as long as the list of services.
func (c *checker) circles(names []string, edges map[string][]edge) {
	const inPath, done = 1, 2
	state, next := map[string]int{}, map[string]int{}
	for _, start := range names {
		if state[start] != 0 {
			continue
		}
		walk := []string{start}
		state[start] = inPath
		for len(walk) > 0 {
			here := walk[len(walk)-1]
			if next[here] == len(edges[here]) {
				state[here] = done
				walk = walk[:len(walk)-1]
				continue
			}
			e := edges[here][next[here]]
			next[here]++
			switch state[e.to] {
			case inPath:
				circle := append(slices.Clone(walk[slices.Index(walk, e.to):]), e.to)
				c.wrong(e.path, "depends_on runs in a circle: %s; remove one of these dependencies", health.Clip(strings.Join(circle, " -> "), 400))
			case 0:
				state[e.to] = inPath
				walk = append(walk, e.to)
			}
		}
	}
}
