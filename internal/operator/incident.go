package operator

import (
	"time"

	"paramedic/internal/health"
)

// Incident is one outage and where its record lies in Temporal.
type Incident struct {
	health.Incident
	WorkflowID string
	RunID      string
	// Stale says why the record may lag behind, for example that no worker
	// answers; empty when the record is complete.
	Stale string
	// asOf is when the incident was looked up; lengths of open ones run to it.
	asOf time.Time
}

// TargetName is the service and, if it has one, its target.
func (i Incident) TargetName() string { return health.TargetID(i.Service, i.Target) }

// Length is how long the service has been or was down.
func (i Incident) Length() time.Duration { return i.Downtime(i.asOf) }

// Detection is from the first failed probe to the opening of the incident.
func (i Incident) Detection() time.Duration { return i.TimeToDetect() }

// Deciding is from the opening of the incident to the first attempt.
func (i Incident) Deciding() time.Duration { return i.TimeToDecide() }

// Healing is from the first attempt, or from the opening without one, to the
// first passing probe, or to now while it is open.
func (i Incident) Healing() time.Duration { return i.TimeToHeal(i.asOf) }

// Summary is an incident as a row of a list, for programs.
type Summary struct {
	Service    string               `json:"service"`
	Target     string               `json:"target"`
	State      health.IncidentState `json:"state"`
	OpenedAt   Time                 `json:"opened_at"`
	ResolvedAt Time                 `json:"resolved_at"`
	// DowntimeSeconds runs to now while the incident is open.
	DowntimeSeconds float64        `json:"downtime_seconds"`
	Attempts        int            `json:"attempts"`
	Outcome         health.Outcome `json:"outcome"`
	AcknowledgedBy  string         `json:"acknowledged_by"`
	WorkflowID      string         `json:"workflow_id"`
	RunID           string         `json:"run_id"`
}

// Summary returns the incident as a row.
func (i Incident) Summary() Summary {
	summary := Summary{
		Service:         i.Service,
		Target:          i.Target,
		State:           i.State,
		OpenedAt:        Time{i.OpenedAt},
		ResolvedAt:      Time{i.ResolvedAt},
		DowntimeSeconds: seconds(i.Length()),
		Attempts:        i.Attempts,
		Outcome:         i.Outcome,
		WorkflowID:      i.WorkflowID,
		RunID:           i.RunID,
	}
	if i.Acknowledged != nil {
		summary.AcknowledgedBy = i.Acknowledged.By
	}
	return summary
}

// Report is an incident in full, for programs: the fields of its Summary and
// all that a list leaves out.
type Report struct {
	ID string `json:"id"`
	Summary
	Severity            string  `json:"severity"`
	Runbook             string  `json:"runbook"`
	FirstFailureAt      Time    `json:"first_failure_at"`
	TimeToDetectSeconds float64 `json:"time_to_detect_seconds"`
	TimeToDecideSeconds float64 `json:"time_to_decide_seconds"`
	TimeToHealSeconds   float64 `json:"time_to_heal_seconds"`
	Reason              string  `json:"reason"`
	Restarts            int     `json:"restarts"`
	Verifications       int     `json:"verifications"`
	// Observed counts the restarts that would have been made, in mode observe.
	Observed     int                 `json:"observed"`
	Action       string              `json:"action"`
	Evidence     string              `json:"evidence"`
	Affected     []string            `json:"affected"`
	Held         map[health.Rule]int `json:"held"`
	Acknowledged *Acknowledgement    `json:"acknowledged"`
	Timeline     []Entry             `json:"timeline"`
	// TimelineOmitted counts the entries that made room for later ones.
	TimelineOmitted int `json:"timeline_omitted"`
	// Stale says why the record may lag behind; empty when it does not.
	Stale string `json:"stale,omitempty"`
}

// Acknowledgement says who owns an incident.
type Acknowledgement struct {
	By   string `json:"by"`
	Note string `json:"note"`
	At   Time   `json:"at"`
}

// Entry is one line of a timeline.
type Entry struct {
	At   Time             `json:"at"`
	Kind health.EntryKind `json:"kind"`
	Text string           `json:"text"`
}

// Report returns the incident in full.
func (i Incident) Report() Report {
	report := Report{
		ID:                  i.ID,
		Summary:             i.Summary(),
		Severity:            i.Severity,
		Runbook:             i.Runbook,
		FirstFailureAt:      Time{i.FirstFailureAt},
		TimeToDetectSeconds: seconds(i.Detection()),
		TimeToDecideSeconds: seconds(i.Deciding()),
		TimeToHealSeconds:   seconds(i.Healing()),
		Reason:              i.Reason,
		Restarts:            i.Restarts,
		Verifications:       i.Verifications,
		Observed:            i.Observed,
		Action:              i.Action,
		Evidence:            i.Evidence,
		Affected:            i.Affected,
		Held:                i.Held,
		Timeline:            make([]Entry, 0, len(i.Timeline.Entries)),
		TimelineOmitted:     i.Timeline.Omitted,
		Stale:               i.Stale,
	}
	if ack := i.Acknowledged; ack != nil {
		report.Acknowledged = &Acknowledgement{By: ack.By, Note: ack.Note, At: Time{ack.At}}
	}
	for _, entry := range i.Timeline.Entries {
		report.Timeline = append(report.Timeline, Entry{At: Time{entry.At}, Kind: entry.Kind, Text: entry.Text})
	}
	return report
}
