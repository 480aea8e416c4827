package board

import (
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/targets"
)

// crowd is what is known of the targets of one service. There may be tens of
// thousands of them, so that each is kept small: most are healthy and say the
// same.
type crowd struct {
	// list is nil until the targets are known.
	list *targets.List
	// members are in the order of the list; classes are the names of theirs.
	members []member
	classes []string
	// early are findings of targets before they were known, by name.
	early map[string]*member
	// texts keeps one copy of what many say.
	texts texts
	// wave is the part of the interval that is being probed.
	wave wave
}

// member is one target. Times are Unix nanoseconds, 0 for never.
type member struct {
	// at, latency, status, message and details are those of the last probe.
	at      int64
	latency float64
	message string
	details *details
	status  health.Status
	// since is when the results began to be of this status; 0 if that was
	// before this process. failedAt is when the last probe failed that did.
	since, failedAt int64
	failures        int32
	// class is an index of the crowd's classes.
	class int32
	// standing is what the Monitor said last; nil if it said nothing, as of a
	// target that has never failed.
	standing *health.Standing
}

// details are what few results carry.
type details struct {
	observations []observation
	facts        []fact
}

type (
	observation struct {
		name  string
		value float64
	}
	fact struct{ name, value string }
)

func newCrowd() *crowd { return &crowd{early: map[string]*member{}, texts: texts{}} }

// find looks for the place of a target in the list.
func (c *crowd) find(name string) (place int, found bool) {
	if c.list == nil {
		return 0, false
	}
	return slices.BinarySearchFunc(c.list.All(), name, func(target health.Target, name string) int {
		return strings.Compare(target.Name, name)
	})
}

// member finds a target, known or not known yet; nil if it is none.
func (c *crowd) member(name string) *member {
	if place, found := c.find(name); found {
		return &c.members[place]
	}
	if c.list != nil {
		return nil
	}
	m := c.early[name]
	if m == nil {
		m = &member{}
		c.early[name] = m
	}
	return m
}

// class names the class of a member; "" while the targets are not known yet.
func (c *crowd) class(m *member) string {
	if int(m.class) >= len(c.classes) {
		return ""
	}
	return c.classes[m.class]
}

// relist takes over a new list, with what is known of the targets that stay. It
// returns the names of those that have gone.
func (c *crowd) relist(list *targets.List) (gone []string) {
	members := make([]member, list.Len())
	for place, target := range list.All() {
		if early := c.early[target.Name]; early != nil {
			members[place] = *early
		}
	}
	c.early = nil
	place := 0
	if c.list != nil {
		for n, before := range c.list.All() {
			for place < len(members) && list.All()[place].Name < before.Name {
				place++
			}
			if place < len(members) && list.All()[place].Name == before.Name {
				members[place] = c.members[n]
			} else {
				gone = append(gone, before.Name)
			}
		}
	}
	c.list, c.members, c.classes = list, members, nil
	for class := range list.Counts() {
		for _, target := range list.Class(class) {
			if place, found := c.find(target.Name); found {
				members[place].class = int32(len(c.classes))
			}
		}
		c.classes = append(c.classes, class)
	}
	return gone
}

// take keeps a result, unless a later one is kept. It reports whether it did.
func (m *member) take(result health.Result, texts texts) bool {
	at := nanos(result.At)
	if at < m.at {
		return false
	}
	switch {
	case m.at == 0:
	case result.Status != m.status:
		m.since = at
	}
	m.at, m.latency, m.status = at, result.LatencyMS, result.Status
	if result.Status.Up() {
		m.failures = 0
		m.message = texts.keep(result.Message)
	} else {
		m.failures++
		m.failedAt = at
		m.message = result.Message
	}
	m.detail(result, texts)
	return true
}

// detail keeps observations and facts without the maps that they came in.
func (m *member) detail(result health.Result, texts texts) {
	if len(result.Observations) == 0 && len(result.Facts) == 0 {
		m.details = nil
		return
	}
	if m.details == nil {
		m.details = &details{}
	}
	m.details.observations, m.details.facts = m.details.observations[:0], m.details.facts[:0]
	for name, value := range result.Observations {
		m.details.observations = append(m.details.observations, observation{texts.keep(name), value})
	}
	for name, value := range result.Facts {
		m.details.facts = append(m.details.facts, fact{texts.keep(name), texts.keep(value)})
	}
}

// result is the last one as it came in.
func (m *member) result() health.Result {
	if m.at == 0 {
		return health.Result{}
	}
	result := health.Result{Status: m.status, At: timeOf(m.at), LatencyMS: m.latency, Message: m.message}
	if m.details == nil {
		return result
	}
	if len(m.details.observations) > 0 {
		result.Observations = make(map[string]float64, len(m.details.observations))
	}
	for _, o := range m.details.observations {
		result.Observations[o.name] = o.value
	}
	if len(m.details.facts) > 0 {
		result.Facts = make(map[string]string, len(m.details.facts))
	}
	for _, f := range m.details.facts {
		result.Facts[f.name] = f.value
	}
	return result
}

// texts holds texts that many targets say.
type texts map[string]string

// textsLimit bounds how many there are; others are kept by those who say them.
const textsLimit = 1000

// keep returns the one copy of a text.
func (t texts) keep(text string) string {
	kept, found := t[text]
	switch {
	case found:
		return kept
	case len(t) < textsLimit:
		t[text] = text
	}
	return text
}

// nanos and timeOf keep a time in less room; zero stays zero.
func nanos(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()
}

func timeOf(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}
