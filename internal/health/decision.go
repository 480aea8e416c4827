package health

import (
	"strconv"
	"time"
)

// Mode says how far a service may be healed without a human.
type Mode string

// The modes of a service.
const (
	// ModeAct carries steps out.
	ModeAct Mode = "act"
	// ModeObserve writes down what it would have done, and does nothing.
	ModeObserve Mode = "observe"
	// ModeApprove asks a human before each step.
	ModeApprove Mode = "approve"
)

// Limits bound the remediation of one service. Each names what it limits, so
// that a reason can quote it. Zero means no limit, but for PerIncident.
type Limits struct {
	// PerIncident is the most restarts in one incident. An incident that opens
	// before the service was up for StableFor goes on counting.
	PerIncident int `json:"per_incident"`
	// IncidentsPerHour is the most incidents that are remediated in an hour.
	IncidentsPerHour int `json:"incidents_per_hour,omitempty"`
	// RestartsPerDay is the most restarts in 24 hours.
	RestartsPerDay int `json:"restarts_per_day,omitempty"`
}

// Situation is what an incident knows of itself.
type Situation struct {
	Now time.Time `json:"now"`
	// Mode is the mode in force; empty means ModeAct.
	Mode Mode `json:"mode,omitempty"`
	// Steps says how often each step of the runbook may be tried, in order; 0
	// means as often as the limits allow. None means alert only.
	Steps []int `json:"steps,omitempty"`
	// Passes counts the passing probes in a row just now; Retry is the wait
	// before the next one confirms them.
	Passes int      `json:"passes,omitempty"`
	Retry  Duration `json:"retry,omitempty"`
	// Maintenance is when the window ends that is open now; zero if none is.
	Maintenance time.Time `json:"maintenance,omitzero"`
	// Flapping is set while the service changes its state too often.
	Flapping bool `json:"flapping,omitempty"`
	// Attempts counts the remediations tried since the runbook was begun.
	Attempts int `json:"attempts,omitempty"`
	// Restarts counts those of them that took effect or may have, since the
	// incident was opened or re-armed.
	Restarts int `json:"restarts,omitempty"`
	// Unverified is set while no probe has been made since the last attempt.
	Unverified bool `json:"unverified,omitempty"`
	// Rested is when the last attempt was over, settling included; zero before any.
	Rested time.Time `json:"rested,omitzero"`
	// Backoff is the wait after each attempt; the last one repeats.
	Backoff []Duration `json:"backoff,omitempty"`
	// Hurry is set when a human asked for the next attempt now: no back-off.
	Hurry bool `json:"hurry,omitempty"`
	// Down names the dependencies that are down.
	Down []string `json:"down,omitempty"`
	// Approval is what became of the question to a human, in ModeApprove.
	Approval Approval `json:"approval,omitzero"`
	Limits   Limits   `json:"limits"`
}

// Approval is what became of asking a human whether to act.
type Approval struct {
	// Deadline is when the question lapses; zero if it was not asked.
	Deadline time.Time `json:"deadline,omitzero"`
	// By is who said yes.
	By string `json:"by,omitempty"`
}

// Fleet is what the Gatekeeper knows beyond one incident.
type Fleet struct {
	// Spent are the restarts of this service that count, oldest first.
	Spent []Spending
	// Incident is the incident that asks: its own restarts are no other incident's.
	Incident string
	// Carried are the restarts of earlier incidents that count in this one: the
	// service was not up for long enough in between.
	Carried int
	// Services counts all services of the deployment, Down those that are down.
	Services, Down int
	// MinHealthy is the share of healthy services, in percent, below which
	// nothing is restarted, in a fleet of MinHealthyFrom services or more.
	MinHealthy int
	// Running counts the restarts under way, of ConcurrentRestarts allowed.
	Running, ConcurrentRestarts int
	// Restarting names the services that are being restarted.
	Restarting []string
	// Ahead counts the incidents that have waited longer for a restart.
	Ahead int
}

// MinHealthyFrom is the size from which a fleet has a minimum of healthy
// services; in a smaller one a single outage says nothing of a common cause.
const MinHealthyFrom = 10

// Spending is one restart in the books.
type Spending struct {
	At       time.Time `json:"at"`
	Incident string    `json:"incident"`
	// Observed is set for a restart that was only written down, in ModeObserve.
	Observed bool `json:"observed,omitempty"`
}

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

// Exhausted reports whether only a human, or sustained health, gives back what
// this rule says is used up.
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
	// Count of Limit is what a limit has come to.
	Count int `json:"count,omitempty"`
	Limit int `json:"limit,omitempty"`
	// Wait is the back-off.
	Wait Duration `json:"wait,omitempty"`
	// Names are the services, or the human, that the reason speaks of.
	Names []string `json:"names,omitempty"`
	// Note adds to the reason; it is the whole reason of RuleGatekeeper.
	Note string `json:"note,omitempty"`
}

// Decide applies the guards, in the order of the rules. It is a pure function,
// and the only place where a restart is allowed. An incident asks it first with
// what it knows itself, fleet being nil, to learn whether there is anything to
// ask for; the Gatekeeper then asks it with what the fleet knows, and "act" of
// that answer is the permit.
func Decide(s *Situation, fleet *Fleet) Decision {
	step, left := nextStep(s.Steps, s.Attempts)
	restarts := s.Restarts
	if fleet != nil {
		restarts += fleet.Carried
	}
	switch {
	case s.Passes > 0:
		return Decision{Rule: RulePassing, At: s.Now.Add(s.Retry.Std())}
	case len(s.Steps) == 0:
		return Decision{Rule: RuleAlertOnly}
	case s.Now.Before(s.Maintenance):
		return Decision{Rule: RuleMaintenance, At: s.Maintenance}
	case s.Flapping:
		return Decision{Rule: RuleFlapping}
	case s.Unverified:
		return Decision{Rule: RuleUnverified, Count: s.Attempts}
	case len(s.Down) > 0:
		return Decision{Rule: RuleDependency, Names: s.Down}
	case restarts >= s.Limits.PerIncident:
		return Decision{Rule: RulePerIncident, Count: restarts, Limit: s.Limits.PerIncident}
	case !left:
		return Decision{Rule: RuleRunbook, Count: s.Attempts}
	}
	if wait := s.backoff(); !s.Hurry && s.Now.Before(s.Rested.Add(wait)) {
		return Decision{Rule: RuleBackoff, At: s.Rested.Add(wait), Wait: Duration(wait), Count: s.Attempts}
	}
	if fleet != nil {
		if held, is := fleet.budget(s); is {
			return held
		}
	}
	if held, is := s.approval(); is {
		return held
	}
	if fleet != nil {
		if held, is := fleet.capacity(s); is {
			return held
		}
	}
	if s.Mode == ModeObserve {
		return Decision{Rule: RuleObserve, Step: step, Count: restarts + 1, Limit: s.Limits.PerIncident}
	}
	return Decision{Act: true, Rule: RuleClear, Step: step, Count: restarts + 1, Limit: s.Limits.PerIncident}
}

// nextStep is the step that the next attempt carries out: each is tried as
// often as it may be, then the next. left is false at the end of the runbook.
func nextStep(tries []int, attempts int) (step int, left bool) {
	for i, most := range tries {
		if most == 0 || attempts < most {
			return i, true
		}
		attempts -= most
	}
	return 0, false
}

// backoff is the wait after the last attempt.
func (s *Situation) backoff() time.Duration {
	if s.Attempts == 0 || len(s.Backoff) == 0 {
		return 0
	}
	return s.Backoff[min(s.Attempts, len(s.Backoff))-1].Std()
}

// approval holds while a human has not said yes, in the mode that asks one.
func (s *Situation) approval() (Decision, bool) {
	switch {
	case s.Mode != ModeApprove || s.Approval.By != "":
		return Decision{}, false
	case !s.Approval.Deadline.IsZero() && !s.Now.Before(s.Approval.Deadline):
		return Decision{Rule: RuleLapsed, Note: clock(s.Approval.Deadline)}, true
	default:
		step, _ := nextStep(s.Steps, s.Attempts)
		return Decision{Rule: RuleApproval, Step: step, At: s.Approval.Deadline}, true
	}
}

// budget holds when the service has used up what it may in an hour or a day.
func (f *Fleet) budget(s *Situation) (Decision, bool) {
	if most := s.Limits.IncidentsPerHour; most > 0 {
		count, next := f.incidentsSince(s.Now.Add(-time.Hour))
		if count >= most {
			return Decision{Rule: RuleIncidentsPerHour, Count: count, Limit: most, At: next.Add(time.Hour)}, true
		}
	}
	if most := s.Limits.RestartsPerDay; most > 0 {
		spent := f.spentSince(s.Now.Add(-24 * time.Hour))
		if len(spent) >= most {
			next := spent[len(spent)-most].At.Add(24 * time.Hour)
			return Decision{Rule: RuleRestartsPerDay, Count: len(spent), Limit: most, At: next}, true
		}
	}
	return Decision{}, false
}

// incidentsSince counts the other incidents with a restart after the given
// time, and says when the one was last remediated that falls out first.
func (f *Fleet) incidentsSince(start time.Time) (count int, next time.Time) {
	spent := f.spentSince(start)
	for i, s := range spent {
		if s.Incident == f.Incident || goesOn(spent[i+1:], s.Incident) {
			continue // its own, or one that is counted by its last restart
		}
		if count++; count == 1 {
			next = s.At
		}
	}
	return count, next
}

func goesOn(later []Spending, incident string) bool {
	for _, s := range later {
		if s.Incident == incident {
			return true
		}
	}
	return false
}

func (f *Fleet) spentSince(start time.Time) []Spending {
	for i, s := range f.Spent {
		if s.At.After(start) {
			return f.Spent[i:]
		}
	}
	return nil
}

// capacity holds when too much of the fleet is down or being restarted.
func (f *Fleet) capacity(s *Situation) (Decision, bool) {
	healthy := max(0, f.Services-f.Down)
	switch {
	case f.Services >= MinHealthyFrom && healthy*100 < f.MinHealthy*f.Services:
		return Decision{Rule: RuleMinHealthy, Count: healthy, Limit: f.MinHealthy, Names: []string{strconv.Itoa(f.Services)}}, true
	case s.Mode == ModeObserve:
		return Decision{}, false // it takes no place in the queue
	case f.Running+f.Ahead >= f.ConcurrentRestarts:
		return Decision{Rule: RuleConcurrent, Count: f.Running, Limit: f.ConcurrentRestarts, Names: f.Restarting}, true
	}
	return Decision{}, false
}
