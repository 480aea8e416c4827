package config

import (
	"fmt"

	"paramedic/internal/health"
	"paramedic/internal/remedy"
)

// evidenceLines is how many lines of the log are collected unless said otherwise.
const evidenceLines = 20

func (c *checker) remediation(path string, r *Remediation) {
	if len(r.Steps) == 0 {
		c.wrong(join(path, "steps"), "a remediation without steps does nothing; write at least one step, or leave remediation out to be alerted only")
	}
	if r.Host != "" && !hostName.MatchString(r.Host) {
		c.wrong(join(path, "host"), "%q cannot name a host; write the name that the worker was given with --host: letters, digits, dots, dashes and underscores, at most 63", health.Clip(r.Host, 80))
	}
	for i := range r.Steps {
		item := fmt.Sprintf("%s[%d]", join(path, "steps"), i)
		c.tries(join(item, "tries"), &r.Steps[i], i == len(r.Steps)-1)
		c.evidence(item, &r.Steps[i])
	}
}

// tries fills in how often a step is tried. Only the last one may be tried
// without end, for the others would keep those after them from their turn.
func (c *checker) tries(path string, s *Step, last bool) {
	switch {
	case !c.written(path) && !last:
		s.Tries = 1
	case c.written(path) && s.Tries == 0 && !last:
		c.wrong(path, "tries 0 is as often as the limits allow, so that the steps after this one are never carried out; write a number, or make it the last step")
	}
}

// evidence fills in how much evidence a step collects, if its kind can.
func (c *checker) evidence(path string, s *Step) {
	if s.Options == nil || c.d.isFailed(path) {
		return
	}
	opened, err := s.Options.Open()
	if err != nil || opened == nil {
		return // it says so itself where it is used
	}
	defer opened.Close()
	_, can := opened.(remedy.Witness)
	key := join(path, "evidence")
	switch {
	case can && !c.written(key):
		s.Evidence = evidenceLines
	case !can && s.Evidence > 0:
		c.wrong(key, "a step of kind %s collects no evidence; remove this key", s.Kind)
	}
}
