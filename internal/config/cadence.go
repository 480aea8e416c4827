package config

import (
	"slices"

	"paramedic/internal/health"
)

// cadence checks interval or cron, retry_interval and timeout against each
// other and fills in those that are not written. It is also used for the
// defaults, of which only what is written is checked and nothing filled in.
func (c *checker) cadence(path, cron string, p *Policy) {
	if path == "defaults" {
		copied := *p
		p = &copied
	}
	if cron != "" {
		if c.written(join(path, "interval")) {
			c.wrong(join(path, "cron"), "both interval and cron are set; keep exactly one")
		}
		p.Interval = 0
	} else if p.Interval == 0 {
		p.Interval = defaultInterval
	}
	longest := p.Interval // what a retry may take
	if cron != "" {
		longest = max(p.RetryInterval, defaultInterval)
	}
	if p.RetryInterval == 0 {
		p.RetryInterval = longest
	}
	if p.RetryInterval > longest {
		c.tooLong(path, "retry_interval", p.RetryInterval, "interval", longest)
		return
	}
	if p.Timeout == 0 {
		p.Timeout = min(defaultTimeout, p.RetryInterval)
	}
	switch {
	case p.Timeout > longest && cron == "":
		c.tooLong(path, "timeout", p.Timeout, "interval", longest)
	case p.Timeout > p.RetryInterval:
		c.tooLong(path, "timeout", p.Timeout, "retry_interval", p.RetryInterval)
	}
}

// tooLong reports that one duration is longer than the one that bounds it, at
// the nearest of the places where one of them is written. Of the defaults only
// what is written together is compared; services may change the rest.
func (c *checker) tooLong(path, key string, value health.Duration, bound string, limit health.Duration) {
	places := []string{join(path, key), join(path, bound), join("defaults", key), join("defaults", bound)}
	if slices.ContainsFunc(places, c.d.isFailed) {
		return
	}
	if path == "defaults" && !(c.written(places[0]) && c.written(places[1])) {
		return
	}
	at := path
	if i := slices.IndexFunc(places, c.written); i >= 0 {
		at = places[i]
	}
	c.wrong(at, "the %s %s%s is longer than the %s %s%s; make it at most %s",
		key, value, c.origin(path, key), bound, limit, c.origin(path, bound), limit)
}

// origin says where a value comes from that is not written in its place.
func (c *checker) origin(path, key string) string {
	switch {
	case c.written(join(path, key)):
		return ""
	case c.written(join("defaults", key)):
		return " (from defaults)"
	default:
		return " (if none is set)"
	}
}
