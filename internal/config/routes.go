package config

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"paramedic/internal/health"
)

// Route says who is told of some services.
type Route struct {
	// Match selects services; without any key it selects all.
	Match Match `yaml:"match,omitempty" doc:"The services that this route is for: those to which every key applies. Without any key it is for every service, which only the last route may be."`
	// Alerts names receivers; there is at least one.
	Alerts []string `yaml:"alerts" required:"true" doc:"The receivers to tell."`
	// Continue has the routes after this one looked at too.
	Continue bool `yaml:"continue,omitempty" doc:"Whether the routes after this one are looked at too when it matches."`
}

// Match selects services. A key that is not written selects all of them.
type Match struct {
	Service  []string          `yaml:"service,omitempty" single:"true" doc:"A name or a pattern like \"click*\", or a list of them, of which one must match."`
	Severity []string          `yaml:"severity,omitempty" enum:"P0,P1,P2,P3" doc:"Severities, of which one must be the service's."`
	Labels   map[string]string `yaml:"labels,omitempty" doc:"Labels that the service must have, with these values."`
}

// matches reports whether every key that is written applies to the service.
func (m Match) matches(s *Service) bool {
	named := func(pattern string) bool {
		matched, err := path.Match(pattern, s.Name)
		return matched && err == nil
	}
	if m.Service != nil && !slices.ContainsFunc(m.Service, named) {
		return false
	}
	if m.Severity != nil && !slices.Contains(m.Severity, s.Severity) {
		return false
	}
	for name, value := range m.Labels {
		if label, has := s.Labels[name]; !has || label != value {
			return false
		}
	}
	return true
}

// all reports whether no key is written.
func (m Match) all() bool { return m.Service == nil && m.Severity == nil && m.Labels == nil }

// routes checks every route.
func (c *checker) routes() {
	for i, route := range c.doc.Routes {
		at := fmt.Sprintf("routes[%d]", i)
		c.told(join(at, "alerts"), route.Alerts)
		if len(route.Alerts) == 0 {
			c.wrong(join(at, "alerts"), "this route tells nobody; name at least one receiver, or write alerts: [] in the services that nobody is to hear of")
		}
		c.match(join(at, "match"), route.Match)
		if route.Match.all() && i < len(c.doc.Routes)-1 {
			c.wrong(at, "this route is for every service, and others come after it; write what it matches, or make it the last")
		}
	}
}

func (c *checker) match(at string, m Match) {
	for key, empty := range map[string]bool{
		"service":  m.Service != nil && len(m.Service) == 0,
		"severity": m.Severity != nil && len(m.Severity) == 0,
		"labels":   m.Labels != nil && len(m.Labels) == 0,
	} {
		if empty {
			c.wrong(join(at, key), "%s is empty and would match nothing; write what it must be, or leave it out for any", key)
		}
	}
	var names []string
	for _, s := range c.doc.Services {
		names = append(names, s.Name)
	}
	for i, pattern := range m.Service {
		item := fmt.Sprintf("%s[%d]", join(at, "service"), i)
		if _, err := path.Match(pattern, ""); err != nil {
			c.wrong(item, "%q is not a pattern; write a name, with * for any letters and ? for any one", health.Clip(pattern, 80))
		} else if !strings.ContainsAny(pattern, `*?[\`) && !slices.Contains(names, pattern) {
			c.wrong(item, "there is no service %q; %s", health.Clip(pattern, 80), suggest(pattern, names))
		}
	}
}

// route sets the receivers of a service that names none, and whose defaults
// name none either: those of the first route that matches, and of the
// following ones as long as each says to continue.
func (c *checker) route(at string, s *Service) {
	if c.written(join(at, "alerts")) || c.written("defaults.alerts") {
		return
	}
	var told []string
	for _, route := range c.doc.Routes {
		if !route.Match.matches(s) {
			continue
		}
		for _, name := range route.Alerts {
			if !slices.Contains(told, name) {
				told = append(told, name)
			}
		}
		if !route.Continue {
			break
		}
	}
	if told != nil {
		s.Alerts = told
	}
}

// The bounds of labels: they go into every alert of a service.
const (
	labelsLimit     = 20
	labelValueLimit = 200 // bytes
)

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (c *checker) labels(at string, labels map[string]string) {
	if len(labels) > labelsLimit {
		c.wrong(at, "these are %d labels; write at most %d", len(labels), labelsLimit)
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		item := join(at, name)
		switch {
		case c.d.isFailed(item):
		case !labelName.MatchString(name):
			c.d.fail(item, c.d.at(item), "%q cannot name a label; write letters, digits and underscores, not beginning with a digit", health.Clip(name, 80))
		case len(labels[name]) > labelValueLimit:
			c.d.fail(item, c.d.at(item), "the label %s has %d bytes; write at most %d", name, len(labels[name]), labelValueLimit)
		}
	}
}
