package config

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"paramedic/internal/calendar"
	"paramedic/internal/health"
)

// The cadence when the file says nothing. A cron expression comes due at most
// once a minute, so a minute is also the retry interval beside one.
const (
	defaultInterval = health.Duration(time.Minute)
	defaultTimeout  = health.Duration(10 * time.Second)
)

var (
	serviceName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	hostName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
)

// checker looks for mistakes that only show when values are put together, and
// fills in the values that depend on others.
type checker struct {
	d   *decoder
	doc *document
	// endless remembers which windows leave no gap: it takes a millisecond to
	// find out, and a file may hold thousands.
	endless map[string]bool
	// fills counts the options that were filled in for a target, to try them.
	fills int
}

// wrong reports a mistake in the value of path, unless one was reported there.
func (c *checker) wrong(path, format string, args ...any) {
	if !c.d.isFailed(path) {
		c.d.fail(path, c.d.at(path), format, args...)
	}
}

// written reports whether path stands in the file.
func (c *checker) written(path string) bool { return c.d.nodes[path] != nil }

func (c *checker) check() {
	c.temporal()
	c.http()
	if patient := c.doc.Patient; patient != nil {
		c.loopback("patient.listen", patient.Listen)
		if patient.Listen == c.doc.HTTP.Listen {
			c.wrong("patient.listen", "patient and http listen on the same address %s; give one of them another port", patient.Listen)
		}
	}
	if c.written("services") && len(c.doc.Services) == 0 {
		c.wrong("services", "services is empty; write at least one service")
	}
	c.outside()
	c.store()
	c.responseTimes()
	c.receiverNames()
	c.defaults(&c.doc.Defaults.Policy)
	c.routes()
	c.serviceNames()
	for i := range c.doc.Services {
		c.service(fmt.Sprintf("services[%d]", i), &c.doc.Services[i])
	}
	c.misplaced()
	c.dependencies()
	c.pipeline()
}

// defaults checks what is written in the defaults; the rest depends on the
// service that it is for.
func (c *checker) defaults(p *Policy) {
	c.times("defaults", *p)
	c.told("defaults.alerts", p.Alerts)
	c.cadence("defaults", "", p)
	c.flapping("defaults", p)
	c.maintenance("defaults", p)
	c.levels("defaults", p.Escalation)
}

func (c *checker) temporal() {
	switch queue := c.doc.Temporal.TaskQueue; {
	case queue == "":
		c.wrong("temporal.task_queue", "task_queue is empty; write a name, or leave the key out for paramedic")
	case strings.HasPrefix(queue, "host/"):
		c.wrong("temporal.task_queue", "task_queue %q begins with host/, which is kept for the workers of single hosts; write another name", queue)
	}
	if address := c.doc.Temporal.Address; address != "" {
		if _, _, err := net.SplitHostPort(address); err != nil {
			c.wrong("temporal.address", "address %q is not host:port; write it like temporal.example:7233", address)
		}
	}
}

// loopback refuses addresses that other machines can reach.
func (c *checker) loopback(path, address string) {
	if host, ok := c.host(path, address); ok && !isLoopback(host) {
		c.wrong(path, "%q can be reached from other machines, and the patient lets anybody hurt it; listen on 127.0.0.1, [::1] or localhost", address)
	}
}

// host is that of an address to listen on, which is reported if it is none.
func (c *checker) host(path, address string) (string, bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !validPort(port) {
		c.wrong(path, "%q is not address:port; write it like 127.0.0.1:8080", address)
		return "", false
	}
	return host, true
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func validPort(port string) bool {
	addr, err := netip.ParseAddrPort("127.0.0.1:" + port)
	return err == nil && addr.IsValid()
}

func (c *checker) receiverNames() {
	for _, name := range slices.Sorted(maps.Keys(c.doc.Alerts)) {
		path := join("alerts", name)
		switch {
		case name == BuiltinReceiver:
			c.d.fail(path, c.d.at(path), "the receiver %q is built in; choose another name", name)
		case !serviceName.MatchString(name):
			c.d.fail(path, c.d.at(path), "%q cannot name a receiver; write lower-case letters, digits, dots, dashes and underscores, at most 63", health.Clip(name, 80))
		}
	}
}

// receivers returns all receivers by name, the built-in one included.
func (c *checker) receivers() []Receiver {
	builtin := Receiver{Name: BuiltinReceiver, Language: c.doc.Language}
	if k, known := find(c.d.kinds.receivers, BuiltinReceiver); known {
		builtin.choose(k, k.options())
	}
	all := []Receiver{builtin}
	for name, receiver := range c.doc.Alerts {
		receiver.Name = name
		all = append(all, receiver)
	}
	slices.SortFunc(all, func(a, b Receiver) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// service checks one service and fills in what depends on other values.
func (c *checker) service(path string, s *Service) {
	if s.Runbook != "" {
		if link, err := url.Parse(s.Runbook); err != nil || !webAddress(link) {
			c.wrong(join(path, "runbook"), "runbook is not a link; write an http or https address")
		}
	}
	c.cadence(path, s.Cron, &s.Policy)
	if s.Cron != "" {
		c.cron(join(path, "cron"), s.Cron)
	}
	c.times(path, s.Policy)
	c.labels(join(path, "labels"), s.Labels)
	c.route(path, s)
	c.told(join(path, "alerts"), s.Alerts)
	c.flapping(path, &s.Policy)
	c.maintenance(path, &s.Policy)
	s.Response = c.doc.ResponseTimes.of(s.Severity)
	c.levels(path, s.Escalation)
	c.escalation(path, s)
	c.fleet(path, s)
	if s.Remediation != nil {
		c.remediation(join(path, "remediation"), s.Remediation)
	}
}

// told checks that every receiver of a list exists.
func (c *checker) told(list string, names []string) {
	valid := append(slices.Sorted(maps.Keys(c.doc.Alerts)), BuiltinReceiver)
	seen := map[string]bool{}
	for i, name := range names {
		item := fmt.Sprintf("%s[%d]", list, i)
		if !c.written(item) || c.d.isFailed(item) {
			continue
		}
		switch {
		case !slices.Contains(valid, name):
			c.wrong(item, "there is no receiver %q; %s", name, suggest(name, valid))
		case seen[name]:
			c.wrong(item, "the receiver %q is listed twice; remove one of them", name)
		}
		seen[name] = true
	}
}

// times checks the calendar of a service.
func (c *checker) times(path string, p Policy) {
	if _, err := calendar.Zone(p.Timezone); err != nil {
		c.wrong(join(path, "timezone"), "timezone %v", err)
		return
	}
	if p.ActiveHours != "" {
		c.cron(join(path, "active_hours"), p.ActiveHours)
	}
}

func (c *checker) cron(path, expr string) {
	if _, err := calendar.ParseCron(expr, ""); err != nil {
		c.wrong(path, "%s: %v", keyOf(path), err)
	}
}
