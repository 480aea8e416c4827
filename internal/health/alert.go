package health

import "time"

// AlertStatus is what an alert says of its service.
type AlertStatus string

// A service is down or has recovered; receivers that people have today know
// these two.
const (
	AlertDown      AlertStatus = "down"
	AlertRecovered AlertStatus = "recovered"
)

// AlertStage is where in its incident an alert comes; each has a template.
type AlertStage string

// The stages of an incident's alerts.
const (
	// AlertInitial: the first word that a receiver gets.
	AlertInitial AlertStage = "initial"
	// AlertUpdate: a reminder, an escalation, a question, a change.
	AlertUpdate AlertStage = "update"
	// AlertResolution: it is over.
	AlertResolution AlertStage = "resolution"
)

// Alert is one message about one incident, for people.
type Alert struct {
	Stage    AlertStage  `json:"stage,omitempty"`
	Status   AlertStatus `json:"status"`
	Incident string      `json:"incident"`
	Service  string      `json:"service"`
	Target   string      `json:"target,omitempty"`
	Severity string      `json:"severity"`
	// Labels are those of the service.
	Labels map[string]string `json:"labels,omitempty"`
	// Impact says in a sentence what an outage means for users; may be empty.
	Impact string `json:"impact,omitempty"`
	// Reason says what is wrong, or what was wrong, in one sentence.
	Reason string `json:"reason"`
	// News is why this alert comes now: "escalated to level 2 after 15m
	// without an acknowledgement", "approval needed: restart api.service".
	News string `json:"news,omitempty"`
	// Action is what was done last, or fixed it; empty if nothing was.
	Action string `json:"action,omitempty"`
	// Evidence are the facts that a step collected before it acted.
	Evidence string `json:"evidence,omitempty"`
	// Affected names the services that depend on this one and are down with it.
	Affected []string `json:"affected,omitempty"`
	// Attempts counts the restarts made so far in this incident.
	Attempts int `json:"attempts"`
	// Since is when the first failed probe began.
	Since time.Time `json:"since,omitzero"`
	// Downtime runs from the first failed probe to the first passing one; zero while down.
	Downtime Duration  `json:"downtime,omitempty"`
	At       time.Time `json:"at"`
	// Response is how soon a human is expected to respond, by severity.
	Response Duration `json:"response,omitempty"`
	// Owner is who acknowledged; empty while nobody has.
	Owner string `json:"owner,omitempty"`
	// NextUpdate is when the next alert comes if nothing changes; zero if none does.
	NextUpdate time.Time `json:"next_update,omitzero"`
	// Outcome says how the incident ended, in a resolution.
	Outcome Outcome `json:"outcome,omitempty"`
	// Runbook is a link for humans; may be empty.
	Runbook string `json:"runbook,omitempty"`
	// Workflow and Run name the incident in Temporal; Link is its page in the
	// Web UI, filled in by the worker that sends.
	Workflow string `json:"workflow,omitempty"`
	Run      string `json:"run,omitempty"`
	Link     string `json:"link,omitempty"`
	// DedupKey stays the same over all retries of this alert and differs from
	// that of every other alert.
	DedupKey string `json:"dedup_key"`
}
