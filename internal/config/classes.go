package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/targets"
)

// classes checks the targets with an interval of their own against the cadence
// of the service.
func (c *checker) classes(path string, s *Service) {
	list := join(path, "fleet.classes")
	lines := map[string]int{}
	for i, class := range s.Fleet.Classes {
		item := fmt.Sprintf("%s[%d]", list, i)
		name := join(item, "name")
		switch first, twice := lines[class.Name]; {
		case c.d.isFailed(name):
		case !serviceName.MatchString(class.Name):
			c.wrong(name, "%q cannot name a class; write lower-case letters, digits, dots, dashes and underscores, at most 63", health.Clip(class.Name, 80))
		case twice:
			c.wrong(name, "the name %q is already that of the class in line %d; choose another name", class.Name, first)
		default:
			lines[class.Name] = c.d.at(name).line
		}
		c.classMatch(join(item, "match"), class.Match)
		c.classInterval(path, join(item, "interval"), class.Interval, s)
	}
}

// classMatch checks the labels by which targets are of a class.
func (c *checker) classMatch(path string, match map[string]string) {
	if c.written(path) && len(match) == 0 {
		c.wrong(path, "match is empty, and all targets would be of this class; write at least one label, or set the interval of the service")
	}
	for _, name := range slices.Sorted(maps.Keys(match)) {
		item := join(path, name)
		if err := targets.CheckLabel(name, match[name]); err != nil {
			c.wrong(item, "%v", err)
		}
	}
}

// classInterval checks that whole rounds of a class fit into a watch, and that
// a probe ends before the next.
func (c *checker) classInterval(service, path string, interval health.Duration, s *Service) {
	watch := health.Duration(s.Watch) * s.Interval
	switch {
	case c.d.isFailed(path) || s.Cron != "" || interval <= 0 || s.Interval.Std()%time.Second != 0:
	case interval.Std()%time.Second != 0:
		c.wrong(path, "the interval %s is no whole number of seconds; make it %s", interval, rounded(interval))
	case watch < interval:
		c.wrong(path, "the interval %s is longer than the watch of the service, %s (%d probes, one every %s); make it at most %s, or set watch to %d",
			interval, watch, s.Watch, s.Interval, watch, (interval+s.Interval-1)/s.Interval)
	case watch%interval != 0:
		c.wrong(path, "the watch of the service, %s (%d probes, one every %s), is no multiple of the interval %s; choose an interval that divides it, or another watch",
			watch, s.Watch, s.Interval, interval)
	case s.Timeout > interval:
		c.classTimeout(service, path, interval, s)
	}
}

// classTimeout shortens a timeout that nobody wrote, and refuses one that
// somebody did.
func (c *checker) classTimeout(service, path string, interval health.Duration, s *Service) {
	if !c.written(join(service, "timeout")) && !c.written("defaults.timeout") {
		s.Timeout = interval
		return
	}
	c.wrong(path, "the interval %s is shorter than the timeout %s%s; make it at least %s, or the timeout shorter",
		interval, s.Timeout, c.origin(service, "timeout"), s.Timeout)
}
