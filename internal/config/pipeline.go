package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"paramedic/internal/health"
	"paramedic/internal/pipeline"
)

// cardsLimit is how many services have a card without being listed.
const cardsLimit = 50

var refType = reflect.TypeFor[pipeline.Ref]()

// panelDefaults lets each panel start from the names that probes use by default.
func (d *decoder) panelDefaults() {
	for _, panel := range []any{
		pipeline.DefaultFreshness, pipeline.DefaultWAL, pipeline.DefaultQueue,
		pipeline.DefaultFailover, pipeline.DefaultSync,
	} {
		d.fresh[reflect.TypeOf(panel)] = func() reflect.Value { return reflect.ValueOf(panel) }
	}
}

// pipeline checks that the panels have their values from services that exist,
// and fills in what follows from other values.
func (c *checker) pipeline() {
	p := c.doc.Pipeline
	if p == nil {
		return
	}
	names := make([]string, 0, len(c.doc.Services))
	for _, s := range c.doc.Services {
		names = append(names, s.Name)
	}
	if p.Freshness != nil {
		c.panel("pipeline.freshness", *p.Freshness, names)
		c.ages("pipeline.freshness", p.Freshness)
	}
	c.cards(p, names)
	if p.WAL != nil {
		c.panel("pipeline.wal", *p.WAL, names)
	}
	c.queues(p.DLQ, names)
	if p.Failover != nil {
		c.panel("pipeline.failover", *p.Failover, names)
	}
	if p.Sync != nil {
		c.panel("pipeline.sync", *p.Sync, names)
		c.tables(p.Sync, names)
	}
}

// panel checks the service of a panel and every Ref in it.
func (c *checker) panel(path string, panel any, names []string) {
	v := reflect.ValueOf(panel)
	for _, f := range fieldsOf(v.Type()) {
		key, value := join(path, f.name), v.FieldByIndex(f.index)
		switch {
		case !c.written(key) || c.d.isFailed(key):
		case f.name == "service":
			c.existing(key, value.String(), names)
			c.observing(key, value.String())
		case f.typ == refType:
			c.ref(key, value.String(), names)
		}
	}
}

// existing refuses the name of a service that there is not.
func (c *checker) existing(path, name string, names []string) {
	if !slices.Contains(names, name) {
		c.wrong(path, "there is no service %q; %s", health.Clip(name, 80), suggest(name, names))
	}
}

// ref checks the name of an observation, and the service before its slash.
func (c *checker) ref(path, text string, names []string) {
	service, name, other := strings.Cut(text, "/")
	switch {
	case text == "":
		c.wrong(path, "%s is empty; write the name of an observation, or leave the key out", keyOf(path))
	case !other:
	case name == "" || strings.Contains(name, "/"):
		c.wrong(path, "%q is not an observation; write its name, or service/name for one of another service", health.Clip(text, 80))
	default:
		c.existing(path, service, names)
		if name != pipeline.Up {
			c.observing(path, service)
		}
	}
}

// observing refuses a service of which there is no single observation.
func (c *checker) observing(path, name string) {
	i := slices.IndexFunc(c.doc.Services, func(s Service) bool { return s.Name == name })
	if i >= 0 && c.doc.Services[i].Targets != nil {
		c.wrong(path, "the service %q has targets, each with observations of its own; name a service without targets", name)
	}
}

// ages fills in the age at which the banner is red, and refuses one below that
// at which it is yellow.
func (c *checker) ages(path string, f *pipeline.Freshness) {
	warn, critical := join(path, "warn"), join(path, "critical")
	switch {
	case c.d.isFailed(warn) || c.d.isFailed(critical):
	case !c.written(critical):
		f.Critical = max(f.Critical, 4*f.Warn)
	case f.Critical <= f.Warn:
		c.wrong(critical, "critical, %s, is not longer than warn, %s%s; make it longer, so that yellow comes before red",
			f.Critical, f.Warn, c.origin(path, "warn"))
	}
}

// cards checks the services that have a card, or lists all.
func (c *checker) cards(p *pipeline.Panels, names []string) {
	if !c.written("pipeline.services") {
		if len(names) <= cardsLimit {
			p.Services = names
		}
		return
	}
	seen := map[string]bool{}
	for i, name := range p.Services {
		path := fmt.Sprintf("pipeline.services[%d]", i)
		c.existing(path, name, names)
		if seen[name] {
			c.wrong(path, "the service %q is listed twice; remove one of them", name)
		}
		seen[name] = true
	}
}

// queues checks the rows of the dead-letter queues.
func (c *checker) queues(queues []pipeline.Queue, names []string) {
	var seen []string
	counted := map[string]string{}
	for i, queue := range queues {
		path := fmt.Sprintf("pipeline.dlq[%d]", i)
		c.panel(path, queue, names)
		seen = c.rowName(join(path, "name"), queue.Name, seen)
		// What is pending in all queues of a probe would stand in each row.
		what := queue.Pending.Service(queue.Service) + "/" + queue.Pending.Name()
		if first, twice := counted[what]; twice && !c.d.isFailed(path) {
			c.wrong(join(path, "pending"), "the queues %q and %q both show %s of %s; write pending for each, like pending_s2s",
				health.Clip(first, 80), health.Clip(queue.Name, 80), queue.Pending.Name(), queue.Pending.Service(queue.Service))
		}
		counted[what] = queue.Name
	}
}

// tables checks the tables of the sync and fills in their observations.
func (c *checker) tables(s *pipeline.Sync, names []string) {
	var seen []string
	for i := range s.Tables {
		table, path := &s.Tables[i], fmt.Sprintf("pipeline.sync.tables[%d]", i)
		c.panel(path, *table, names)
		seen = c.rowName(join(path, "name"), table.Name, seen)
		if !c.written(join(path, "rows")) {
			table.Rows = pipeline.Ref("rows_" + table.Name)
		}
	}
}

// rowName checks a name for people, which must tell its row from those seen
// before, and returns all that were seen.
func (c *checker) rowName(path, name string, seen []string) []string {
	switch {
	case c.d.isFailed(path):
	case strings.TrimSpace(name) == "" || strings.Contains(name, "/"):
		c.wrong(path, "%q cannot be the name of a row; write a word or two, without a slash", health.Clip(name, 80))
	case slices.Contains(seen, name):
		c.wrong(path, "the name %q is listed twice; choose another name for one of them", health.Clip(name, 80))
	}
	return append(seen, name)
}
