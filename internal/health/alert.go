package health

import "time"

// AlertStatus is what an alert says of its service.
type AlertStatus string

// An alert opens with Down and closes with Recovered.
const (
	AlertDown      AlertStatus = "down"
	AlertRecovered AlertStatus = "recovered"
)

// Alert is one message about one incident, for people.
type Alert struct {
	Status   AlertStatus `json:"status"`
	Incident string      `json:"incident"`
	Service  string      `json:"service"`
	Target   string      `json:"target,omitempty"`
	Severity string      `json:"severity"`
	// Reason says what is wrong, or what was wrong, in one sentence.
	Reason string `json:"reason"`
	// Attempts counts the restarts made so far in this incident.
	Attempts int `json:"attempts"`
	// Downtime runs from the first failed probe to the first passing one; zero while down.
	Downtime Duration  `json:"downtime,omitempty"`
	At       time.Time `json:"at"`
	// Runbook is a link for humans; may be empty.
	Runbook string `json:"runbook,omitempty"`
	// DedupKey stays the same over all retries of this alert and differs from
	// that of every other alert.
	DedupKey string `json:"dedup_key"`
}
