package health

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// IncidentState is where an incident stands: triggered, acknowledged, resolved.
type IncidentState string

// An incident is triggered until a human acknowledges it or it is resolved.
const (
	Triggered    IncidentState = "triggered"
	Acknowledged IncidentState = "acknowledged"
	Resolved     IncidentState = "resolved"
)

// Outcome says how an incident ended.
type Outcome string

// The outcomes of an incident.
const (
	// Healed: the service passed its verification after a step of the runbook.
	Healed Outcome = "healed"
	// Recovered: the service came back without us.
	Recovered Outcome = "recovered"
	// ByHand: a human declared it resolved.
	ByHand Outcome = "resolved by hand"
	// Abandoned: the service is no longer configured, or the incident was cancelled.
	Abandoned Outcome = "abandoned"
)

// Acknowledgement says that a human owns the incident.
type Acknowledgement struct {
	By   string    `json:"by"`
	Note string    `json:"note,omitempty"`
	At   time.Time `json:"at"`
}

// Incident is the record of one outage. It is the result of its workflow, and
// while it is open the answer to a query.
type Incident struct {
	ID       string        `json:"id"`
	Service  string        `json:"service"`
	Target   string        `json:"target,omitempty"`
	Severity string        `json:"severity"`
	Runbook  string        `json:"runbook,omitempty"`
	State    IncidentState `json:"state"`
	// FirstFailureAt is when the first failed probe began: downtime starts.
	FirstFailureAt time.Time `json:"first_failure_at"`
	// OpenedAt is when the failure threshold was reached.
	OpenedAt time.Time `json:"opened_at"`
	// ResolvedAt is when the first passing probe began: downtime ends.
	ResolvedAt time.Time `json:"resolved_at,omitzero"`
	// ActedAt is when the first attempt to heal began; zero if none was made.
	ActedAt time.Time `json:"acted_at,omitzero"`
	// Workflow and Run name the workflow whose history is this record.
	Workflow string `json:"workflow,omitempty"`
	Run      string `json:"run,omitempty"`
	// Waiting is why nothing is done now; empty if nothing holds it.
	Waiting string `json:"waiting,omitempty"`
	// ApproveBy is until when a human may approve what comes next; zero while
	// nobody is asked.
	ApproveBy time.Time `json:"approve_by,omitzero"`
	// Reason is what the last failed probe found.
	Reason string `json:"reason"`
	// Attempts counts the remediations tried, Restarts those that took effect
	// or may have, Verifications the probes made to see whether it is back.
	Attempts      int `json:"attempts"`
	Restarts      int `json:"restarts"`
	Verifications int `json:"verifications"`
	// Observed counts the restarts that would have been made, in ModeObserve.
	Observed int `json:"observed,omitempty"`
	// Action is the last thing that was done about it.
	Action string `json:"action,omitempty"`
	// Evidence is what the latest step collected before it acted.
	Evidence string `json:"evidence,omitempty"`
	// Affected names the services that depend on this one and went down with it.
	Affected []string `json:"affected,omitempty"`
	// Held are the reasons not to act, by rule, with how often each was given.
	Held         map[Rule]int     `json:"held,omitempty"`
	Outcome      Outcome          `json:"outcome,omitempty"`
	Acknowledged *Acknowledgement `json:"acknowledged,omitempty"`
	Timeline     Timeline         `json:"timeline"`
}

// IncidentID names the incident of a service that began at firstFailure. It is
// unique, since a service has one incident at a time.
func IncidentID(service, target string, firstFailure time.Time) string {
	name := service
	if target != "" {
		name += "/" + target
	}
	return fmt.Sprintf("%s@%s", name, firstFailure.UTC().Format("20060102T150405.000Z"))
}

// Downtime runs from the first failed probe to the first passing one, or to
// now while the incident is open. It is never negative.
func (i Incident) Downtime(now time.Time) time.Duration {
	end := now
	if i.State == Resolved {
		end = i.ResolvedAt
	}
	return max(0, end.Sub(i.FirstFailureAt))
}

// TimeToDetect is from the first failed probe to the opening of the incident.
func (i Incident) TimeToDetect() time.Duration { return max(0, i.OpenedAt.Sub(i.FirstFailureAt)) }

// TimeToDecide is from the opening of the incident to the first attempt. Without
// one there was nothing to decide, and it is zero.
func (i Incident) TimeToDecide() time.Duration {
	if i.ActedAt.IsZero() {
		return 0
	}
	return max(0, i.ActedAt.Sub(i.OpenedAt))
}

// TimeToHeal is the rest: from the first attempt, or from the opening where none
// was made, to the first passing probe, or to now while it is open.
func (i Incident) TimeToHeal(now time.Time) time.Duration {
	return max(0, i.Downtime(now)-i.TimeToDetect()-i.TimeToDecide())
}

// Clone returns a copy that shares nothing which may still change.
func (i Incident) Clone() Incident {
	i.Affected = slices.Clone(i.Affected)
	i.Held = maps.Clone(i.Held)
	i.Timeline.Entries = slices.Clone(i.Timeline.Entries)
	if i.Acknowledged != nil {
		acknowledged := *i.Acknowledged
		i.Acknowledged = &acknowledged
	}
	return i
}
