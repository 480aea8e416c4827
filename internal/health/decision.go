package health

import (
	"fmt"
	"time"
)

// Limits bound the remediation of one service. Each names what it limits, so
// that a reason can quote it.
type Limits struct {
	// PerIncident is the most restarts in one incident.
	PerIncident int `json:"per_incident"`
}

// Situation is all that the decision to act depends on.
type Situation struct {
	Now time.Time
	// Steps is how many steps the runbook has; none means alert only.
	Steps int
	// Passes counts the passing probes in a row just now; Retry is the wait
	// before the next one confirms them.
	Passes int
	Retry  Duration
	// Attempts counts the remediations tried in this incident.
	Attempts int
	// Restarts counts those of them that took effect or may have.
	Restarts int
	// Unverified is set while no probe has been made since the last attempt.
	Unverified bool
	// Rested is when the last attempt was over, settling included; zero before any.
	Rested time.Time
	// Backoff is the wait after each attempt; the last one repeats.
	Backoff []Duration
	Limits  Limits
}

// Rule names the guard that decided.
type Rule string

// The rules, in the order in which they are asked.
const (
	RulePassing     Rule = "passing"
	RuleAlertOnly   Rule = "alert only"
	RuleUnverified  Rule = "unverified"
	RulePerIncident Rule = "per incident"
	RuleBackoff     Rule = "backoff"
	RulePermit      Rule = "permit"
	RuleClear       Rule = "clear"
)

// Decision says whether to act on a service that is down, and why.
type Decision struct {
	Act  bool
	Rule Rule
	// Reason is the sentence for people.
	Reason string
	// Step is the step of the runbook to carry out when Act is set.
	Step int
	// At is when the question is worth asking again; zero means that time alone
	// changes nothing.
	At time.Time
}

// Decide applies the guards to a situation. It is a pure function, and the
// only place where a restart is allowed.
func Decide(s Situation) Decision {
	if s.Passes > 0 {
		return Decision{Rule: RulePassing, At: s.Now.Add(s.Retry.Std()), Reason: "the latest probe passed; confirming"}
	}
	if s.Steps == 0 {
		return Decision{Rule: RuleAlertOnly, Reason: "no remediation is configured: alert only"}
	}
	if s.Unverified {
		return Decision{Rule: RuleUnverified, Reason: fmt.Sprintf("attempt %d could not be verified yet", s.Attempts)}
	}
	if s.Restarts >= s.Limits.PerIncident {
		return Decision{Rule: RulePerIncident, Reason: fmt.Sprintf("%d of %d restarts in this incident are used up",
			s.Restarts, s.Limits.PerIncident)}
	}
	if until := s.backoffEnd(); s.Now.Before(until) {
		return Decision{Rule: RuleBackoff, At: until, Reason: fmt.Sprintf("backing off for %s after attempt %d",
			Span(until.Sub(s.Rested)), s.Attempts)}
	}
	return Decision{Act: true, Rule: RuleClear, Step: min(s.Attempts, s.Steps-1),
		Reason: fmt.Sprintf("restart %d of %d in this incident", s.Restarts+1, s.Limits.PerIncident)}
}

// backoffEnd is when the wait after the last attempt is over.
func (s Situation) backoffEnd() time.Time {
	if s.Attempts == 0 || len(s.Backoff) == 0 {
		return time.Time{}
	}
	wait := s.Backoff[min(s.Attempts, len(s.Backoff))-1]
	return s.Rested.Add(wait.Std())
}
