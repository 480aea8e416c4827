package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"

	"paramedic/activities"
	"paramedic/internal/health"
)

// TaskQueue is the default task queue of workflows and probes.
const TaskQueue = "paramedic"

// HostTaskQueue is the queue of the worker that runs on the host, where
// restarts must happen.
func HostTaskQueue(host string) string { return "host/" + host }

// VantageTaskQueue is the queue of the workers that look from a vantage point.
func VantageTaskQueue(vantage string) string { return "vantage/" + vantage }

// ScheduleID names the schedule that keeps a service's Monitor on duty. The
// scheduler appends the nominal time to it and makes it the run's workflow id.
func ScheduleID(service string) string { return schedulePrefix + service }

// RemediationID names the one open incident of a target. Being unique, it is
// what makes two incidents of one outage impossible.
func RemediationID(service, target string) string {
	id := remediationPrefix + service
	if target != "" {
		id += "/" + target
	}
	return id
}

const (
	schedulePrefix    = "monitor/"
	remediationPrefix = "remediation/"
	archivePrefix     = "archive/"
)

// The workflow types, as registered.
const (
	MonitorType     = "Monitor"
	RemediationType = "Remediation"
	OutboxType      = activities.OutboxType
	GatekeeperType  = activities.GatekeeperType
	ArchiveType     = "Archive"
)

// What people and the configuration say to a Monitor, as signals.
const (
	// SignalPause carries a Pause: the Monitor stops probing until resumed.
	SignalPause = "pause"
	// SignalResume carries a Resume.
	SignalResume = "resume"
	// SignalProbeNow carries nothing: the Monitor probes at once, off the grid.
	SignalProbeNow = "probe-now"
	// SignalReconfigure carries a Check: new thresholds, limits and intervals
	// apply at once. Incidents take it, too.
	SignalReconfigure = "reconfigure"
	// SignalMode carries a SetMode: act, observe or approve from now on.
	SignalMode = "mode"
	// SignalMaintain carries a Span: probing goes on, nothing is done, nobody
	// is woken.
	SignalMaintain = "maintain"
	// SignalSilence carries a Span: alerts are muted, but for "recovered".
	SignalSilence = "silence"
	// QueryState asks a Monitor for its MonitorState.
	QueryState = "state"
)

// What people say to an incident. Each is a signal, which needs no worker to
// be up, and an update of the same name, which answers with a Receipt or
// refuses; both carry an Instruction.
const (
	Acknowledge   = "acknowledge"
	Unacknowledge = "unacknowledge"
	// Resolve closes the incident by hand.
	Resolve = "resolve"
	// Retry ends the back-off and a lapsed question for approval.
	Retry = "retry"
	// Rearm gives all budgets back.
	Rearm = "rearm"
	// Approve says yes to the step that waits for it.
	Approve = "approve"
)

// What workflows say to an incident, as signals.
const (
	// SignalPassed carries a health.Result: the Monitor tells an open incident
	// that a probe has passed.
	SignalPassed = "passed"
	// SignalWorse carries a Worse, of the Monitor, to the incident of a service
	// with targets as a whole.
	SignalWorse = "worse"
	// SignalFlapping carries a Flap, of the Monitor.
	SignalFlapping = "flapping"
	// SignalOrders carries health.Orders, of the Monitor: all that are in force.
	SignalOrders = "orders"
	// SignalAffected carries an Affected, of the incident of a service that
	// depends on this one.
	SignalAffected = "affected"
	// SignalWake carries nothing, of the Gatekeeper: it is worth asking again.
	SignalWake = "wake"
	// SignalDelivered carries a Delivered, of an Outbox.
	SignalDelivered = "delivered"
	// QueryIncident asks a Remediation for its health.Incident.
	QueryIncident = "incident"
)

// What incidents and people say to the Gatekeeper and to an Outbox.
const (
	// SignalRelease carries a Release: a permit goes back to the Gatekeeper.
	SignalRelease = "release"
	// SignalClosed carries a Closed: a service is no longer down.
	SignalClosed = "closed"
	// SignalRearm carries a Rearmed: the budgets of a service come back.
	SignalRearm = "rearm"
	// QueryLedger asks the Gatekeeper for its Ledger.
	QueryLedger = activities.QueryLedger
	// QueryOutbox asks an Outbox for its OutboxState.
	QueryOutbox = "outbox"
	// UpdateResend carries a Resend and answers with the number of alerts that
	// are tried again.
	UpdateResend = "resend"
)

// The search attributes by which incidents are found in the Web UI.
var (
	AttributeService         = temporal.NewSearchAttributeKeyKeyword("Service")
	AttributeIncidentState   = temporal.NewSearchAttributeKeyKeyword("IncidentState")
	AttributeSeverity        = temporal.NewSearchAttributeKeyKeyword("Severity")
	AttributeOutcome         = temporal.NewSearchAttributeKeyKeyword("Outcome")
	AttributeDowntimeSeconds = temporal.NewSearchAttributeKeyFloat64("DowntimeSeconds")
)

// MemoIncident is the memo field of a Remediation that holds the incident's id.
const MemoIncident = "incident"

// Pause stops the probing until somebody resumes it.
type Pause = health.Pause

// Resume takes a pause back.
type Resume struct {
	By string `json:"by"`
}

// SetMode sets the mode of a service at run time; an empty mode goes back to
// the configured one.
type SetMode struct {
	Mode health.Mode `json:"mode"`
	By   string      `json:"by"`
}

// Span opens a window of maintenance or silence from now on, for a time or
// until an instant. With neither, it ends the window that is open.
type Span struct {
	For    health.Duration `json:"for,omitempty"`
	Until  time.Time       `json:"until,omitzero"`
	By     string          `json:"by"`
	Reason string          `json:"reason,omitempty"`
}

// Instruction is what a human says to an incident.
type Instruction struct {
	By   string `json:"by"`
	Note string `json:"note,omitempty"`
	// Incident is the id of the one that is meant; empty means whichever is open.
	Incident string `json:"incident,omitempty"`
}

// Receipt is the answer to an Instruction.
type Receipt struct {
	Incident string    `json:"incident"`
	At       time.Time `json:"at"`
	// Text says what follows from it.
	Text string `json:"text"`
}

// Flap tells that a service has begun or ceased to flap.
type Flap struct {
	Flapping bool `json:"flapping"`
	// Changes is the share of changes of state in the latest results, in percent.
	Changes int `json:"changes"`
}

// Worse tells the incident of a service with targets as a whole how many of
// them are down now that have no incident of their own.
type Worse struct {
	Down   int           `json:"down"`
	Result health.Result `json:"result"`
}

// Affected names a service that is down because of another.
type Affected struct {
	Service string `json:"service"`
}

// Delivered is what became of an alert of an incident.
type Delivered struct {
	Receiver string             `json:"receiver"`
	Status   health.AlertStatus `json:"status"`
	DedupKey string             `json:"dedup_key"`
	// Error says why it became a dead letter; empty if it was delivered.
	Error string `json:"error,omitempty"`
}

// Release gives a permit back.
type Release struct {
	Service string `json:"service"`
	Run     string `json:"run"`
	// Acted is set when the attempt may have taken effect, and so is spent.
	Acted bool `json:"acted"`
	// Asked is the time of the situation that the permit was granted for; a
	// later permit is left alone. Zero means the permit that is out.
	Asked time.Time `json:"asked,omitzero"`
}

// Closed tells that an incident has ended.
type Closed struct {
	Service  string `json:"service"`
	Incident string `json:"incident"`
	Run      string `json:"run"`
}

// Rearmed gives the budgets of a service back.
type Rearmed struct {
	Service string `json:"service"`
	By      string `json:"by"`
}

// Resend asks an Outbox to try dead letters again: one by its id, or all.
type Resend struct {
	ID string `json:"id,omitempty"`
	By string `json:"by"`
}
