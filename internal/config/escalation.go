package config

import (
	"fmt"
	"slices"

	"paramedic/internal/health"
)

// Level is a step of the escalation.
type Level struct {
	// After is the delay from the first alert.
	After      health.Duration `yaml:"after" doc:"The delay from the first alert, longer than that of the level before; from the second level on the response time after that level, unless set."`
	Alerts     []string        `yaml:"alerts" required:"true" doc:"The receivers to tell."`
	Severities []string        `yaml:"severities,omitempty" enum:"P0,P1,P2,P3" doc:"The severities that this level is for; all unless set."`
}

// ResponseTimes are how soon a human is expected to respond, by severity. None
// is longer than that of a lesser severity.
type ResponseTimes struct {
	P0 health.Duration `yaml:"P0" min:"1s" doc:"15m unless set."`
	P1 health.Duration `yaml:"P1" min:"1s" doc:"1h unless set."`
	P2 health.Duration `yaml:"P2" min:"1s" doc:"4h unless set."`
	P3 health.Duration `yaml:"P3" min:"1s" doc:"24h unless set."`
}

// of returns the response time of a severity.
func (r ResponseTimes) of(severity string) health.Duration {
	return map[string]health.Duration{"P0": r.P0, "P1": r.P1, "P2": r.P2, "P3": r.P3}[severity]
}

// responseTimes checks that nobody has more time for what is worse.
func (c *checker) responseTimes() {
	const path = "response_times"
	severities := []string{"P0", "P1", "P2", "P3"}
	for i, lesser := range severities[1:] {
		worse := severities[i]
		most, least := c.doc.ResponseTimes.of(worse), c.doc.ResponseTimes.of(lesser)
		if c.d.isFailed(join(path, worse)) || c.d.isFailed(join(path, lesser)) || most <= least {
			continue
		}
		at := join(path, lesser)
		if !c.written(at) {
			at = join(path, worse)
		}
		c.wrong(at, "the response time of %s, %s%s, is longer than that of %s, %s%s; what is worse is answered sooner, so make that of %s at most %s",
			worse, most, c.origin(path, worse), lesser, least, c.origin(path, lesser), worse, least)
	}
}

// levels checks the entries of an escalation, each for itself.
func (c *checker) levels(path string, levels []Level) {
	for i, level := range levels {
		item := fmt.Sprintf("%s.escalation[%d]", path, i)
		if !c.written(item) || c.d.isFailed(item) {
			continue
		}
		if i == 0 && !c.written(join(item, "after")) {
			c.wrong(item, "the first level has no delay; add after: 0s to tell its receivers at once, or a longer one")
		}
		if len(level.Alerts) == 0 {
			c.wrong(join(item, "alerts"), "this level tells nobody; name at least one receiver")
		}
		if c.written(join(item, "severities")) && len(level.Severities) == 0 {
			c.wrong(join(item, "severities"), "severities is empty; name at least one of P0, P1, P2, P3, or leave it out for all")
		}
		c.told(join(item, "alerts"), level.Alerts)
	}
}

// escalation keeps the levels that are for the severity of a service, fills in
// the delays that are not written, and checks that the delays grow.
func (c *checker) escalation(path string, s *Service) {
	at := c.source(path, "escalation")
	if at == "" || c.d.isFailed(at) || c.d.isFailed(join(path, "severity")) {
		return
	}
	var kept []Level
	var before health.Duration
	for i, level := range s.Escalation {
		if level.Severities != nil && !slices.Contains(level.Severities, s.Severity) {
			continue
		}
		after := fmt.Sprintf("%s[%d].after", at, i)
		if !c.written(after) {
			level.After = before + s.Response
		}
		if len(kept) > 0 && level.After <= before {
			c.wrong(after, "after: %s is not later than the %s of the level before it, for severity %s; make it longer",
				level.After, before, s.Severity)
		}
		before = level.After
		kept = append(kept, level)
	}
	s.Escalation = kept
}
