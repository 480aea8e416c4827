package health

import "time"

// Rule names the guard that decided.
type Rule string

// The rules, in the order in which they are asked.
const (
	RulePassing          Rule = "passing"
	RuleAlertOnly        Rule = "alert only"
	RuleMaintenance      Rule = "maintenance"
	RuleFlapping         Rule = "flapping"
	RuleUnverified       Rule = "unverified"
	RuleDependency       Rule = "dependency"
	RulePerIncident      Rule = "per incident"
	RuleRunbook          Rule = "runbook"
	RuleBackoff          Rule = "backoff"
	RuleIncidentsPerHour Rule = "incidents per hour"
	RuleRestartsPerDay   Rule = "restarts per day"
	RuleLapsed           Rule = "approval lapsed"
	RuleApproval         Rule = "approval"
	RuleMinHealthy       Rule = "min healthy"
	RuleConcurrent       Rule = "concurrent"
	RuleObserve          Rule = "observe"
	RuleClear            Rule = "clear"

	// RuleGatekeeper is no rule of Decide: who cannot ask does not act.
	RuleGatekeeper Rule = "gatekeeper"
)

// Exhausted reports whether a budget or the runbook is used up: nothing more
// will be done soon, and people should know. Sustained health or a human gives
// it back, and that of an hour or a day comes back with time.
func (r Rule) Exhausted() bool {
	switch r {
	case RulePerIncident, RuleRunbook, RuleIncidentsPerHour, RuleRestartsPerDay:
		return true
	}
	return false
}

// Decision says whether to act on a service that is down, and why. Reason puts
// it in words.
type Decision struct {
	Act  bool `json:"act"`
	Rule Rule `json:"rule"`
	// Step is the step of the runbook to carry out, or that would be.
	Step int `json:"step,omitempty"`
	// At is when the question is worth asking again; zero means that time alone
	// changes nothing.
	At time.Time `json:"at,omitzero"`
	// Count of Limit is what a limit has come to; of RuleMinHealthy, Count
	// services of Services are healthy and Limit is in percent.
	Count int `json:"count,omitempty"`
	Limit int `json:"limit,omitempty"`
	// Services counts all of the deployment, for RuleMinHealthy.
	Services int `json:"services,omitempty"`
	// Ahead counts the incidents that have waited longer, for RuleConcurrent.
	Ahead int `json:"ahead,omitempty"`
	// Wait is the back-off, or how long maintenance still lasts.
	Wait Duration `json:"wait,omitempty"`
	// Deadline is until when a human could have approved, for RuleLapsed.
	Deadline time.Time `json:"deadline,omitzero"`
	// Names are the services that the reason speaks of.
	Names []string `json:"names,omitempty"`
	// By is the human who approved.
	By string `json:"by,omitempty"`
	// Note is the whole reason of RuleGatekeeper.
	Note string `json:"note,omitempty"`
}

// Decide applies the guards, in the order of the rules. It is a pure function,
// and the only place where a restart is allowed. An incident asks it first with
// what it knows itself, fleet being nil, to learn whether there is anything to
// ask for; the Gatekeeper then asks it with what the fleet knows, and "act" of
// that answer is the permit.
//
// Knowing the fleet only ever adds a reason to hold. Names of the answer are
// those of the question, not a copy.
func Decide(s *Situation, fleet *Fleet) Decision {
	step, left := nextStep(s.Steps, s.Attempts)
	restarts := s.Restarts
	if fleet != nil {
		restarts += fleet.Carried
	}
	if held, is := s.untreatable(); is {
		return held
	}
	if held, is := s.spent(restarts, left); is {
		return held
	}
	if fleet != nil {
		if held, is := fleet.budget(s); is {
			return held
		}
	}
	if held, is := s.unapproved(step); is {
		return held
	}
	if fleet != nil {
		if held, is := fleet.tooMuchDown(); is {
			return held
		}
		if held, is := fleet.full(s.Mode); is {
			return held
		}
	}
	d := Decision{Act: true, Rule: RuleClear, Step: step, Count: restarts + 1, Limit: s.Limits.PerIncident}
	switch s.Mode {
	case ModeObserve:
		d.Act, d.Rule = false, RuleObserve
	case ModeApprove:
		d.By = s.Approval.By
	}
	return d
}
