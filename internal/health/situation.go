package health

import "time"

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
	// By is who said yes; a yes does not lapse.
	By string `json:"by,omitempty"`
}

// untreatable holds for the service's own sake: it may be back, or nothing may
// be done about it now.
func (s *Situation) untreatable() (held Decision, is bool) {
	switch {
	case s.Passes > 0:
		return Decision{Rule: RulePassing, At: s.Now.Add(s.Retry.Std())}, true
	case len(s.Steps) == 0:
		return Decision{Rule: RuleAlertOnly}, true
	case s.Now.Before(s.Maintenance):
		return Decision{Rule: RuleMaintenance, At: s.Maintenance, Wait: Duration(s.Maintenance.Sub(s.Now))}, true
	case s.Flapping:
		return Decision{Rule: RuleFlapping}, true
	case s.Unverified:
		return Decision{Rule: RuleUnverified, Count: s.Attempts}, true
	case len(s.Down) > 0:
		return Decision{Rule: RuleDependency, Names: s.Down}, true
	}
	return Decision{}, false
}

// spent holds when the incident has used up its restarts or its runbook, or
// has to wait after the last attempt.
func (s *Situation) spent(restarts int, left bool) (held Decision, is bool) {
	wait := s.backoff()
	switch {
	case restarts >= s.Limits.PerIncident:
		return Decision{Rule: RulePerIncident, Count: restarts, Limit: s.Limits.PerIncident}, true
	case !left:
		return Decision{Rule: RuleRunbook, Count: s.Attempts}, true
	case wait > 0 && s.Now.Before(s.Rested.Add(wait)):
		return Decision{Rule: RuleBackoff, At: s.Rested.Add(wait), Wait: Duration(wait), Count: s.Attempts}, true
	}
	return Decision{}, false
}

// backoff is the wait after the last attempt.
func (s *Situation) backoff() time.Duration {
	if s.Hurry || s.Attempts <= 0 || len(s.Backoff) == 0 {
		return 0
	}
	return s.Backoff[min(s.Attempts, len(s.Backoff))-1].Std()
}

// unapproved holds while a human has not said yes, in the mode that asks one.
func (s *Situation) unapproved(step int) (held Decision, is bool) {
	deadline := s.Approval.Deadline
	switch {
	case s.Mode != ModeApprove || s.Approval.By != "":
		return Decision{}, false
	case !deadline.IsZero() && !s.Now.Before(deadline):
		return Decision{Rule: RuleLapsed, Step: step, Deadline: deadline}, true
	default:
		return Decision{Rule: RuleApproval, Step: step, At: deadline}, true
	}
}

// nextStep is the step that the next attempt carries out: each is tried as
// often as it may be, then the next. left is false at the end of the runbook.
func nextStep(tries []int, attempts int) (step int, left bool) {
	for i, most := range tries {
		if most <= 0 || attempts < most {
			return i, true
		}
		attempts -= most
	}
	return 0, false
}
