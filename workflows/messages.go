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
)

// The workflow types, as registered.
const (
	MonitorType     = "Monitor"
	RemediationType = "Remediation"
	OutboxType      = activities.OutboxType
	GatekeeperType  = activities.GatekeeperType
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

// Pause asks a Monitor to stop probing.
type Pause struct {
	By   string    `json:"by"`
	Note string    `json:"note,omitempty"`
	At   time.Time `json:"at,omitzero"`
}

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

// Ledger is what the Gatekeeper knows of the fleet.
type Ledger struct {
	// Accounts hold what is known of services that are down, were restarted in
	// the last 24 hours or recovered lately, by name.
	Accounts map[string]*Account `json:"accounts,omitempty"`
	// Queue names the services that wait for a permit, longest first.
	Queue []string `json:"queue,omitempty"`
	// Limits are those of the latest question.
	Limits activities.FleetLimits `json:"limits,omitzero"`
}

// Account is what the Gatekeeper knows of one service.
type Account struct {
	// Incident is the latest one; Workflow and Run are where it lives.
	Incident string `json:"incident"`
	Workflow string `json:"workflow,omitempty"`
	Run      string `json:"run,omitempty"`
	// Down is set while that incident is open; SeenAt is when it last asked.
	Down   bool      `json:"down,omitempty"`
	SeenAt time.Time `json:"seen_at,omitzero"`
	// ClosedAt is when it ended; StableFor how long after that the restarts of
	// the incident still count in the next one: Carried.
	ClosedAt  time.Time       `json:"closed_at,omitzero"`
	StableFor health.Duration `json:"stable_for,omitempty"`
	Carried   int             `json:"carried,omitempty"`
	// Permit is when the lease ends of the permit that is out; zero if none is.
	// Asked is the time of the situation that it was granted for.
	Permit time.Time `json:"permit,omitzero"`
	Asked  time.Time `json:"asked,omitzero"`
	// Woken is set when the service was told that its turn has come.
	Woken time.Time `json:"woken,omitzero"`
	// Spent are the restarts of the last 24 hours, oldest first.
	Spent []health.Spending `json:"spent,omitempty"`
}

// Resend asks an Outbox to try dead letters again: one by its id, or all.
type Resend struct {
	ID string `json:"id,omitempty"`
	By string `json:"by"`
}

// OutboxState is what an Outbox has to do, and what it could not.
type OutboxState struct {
	Receiver string              `json:"receiver"`
	Grouping activities.Grouping `json:"grouping"`
	// Waiting are the alerts that no try was made for yet, oldest first; Sending
	// is the group that is being tried, Tries how often it was, and RetryAt when
	// it is tried next.
	Waiting []health.Alert `json:"waiting,omitempty"`
	Sending []health.Alert `json:"sending,omitempty"`
	Tries   int            `json:"tries,omitempty"`
	RetryAt time.Time      `json:"retry_at,omitzero"`
	// Error is why the latest try failed.
	Error string `json:"error,omitempty"`
	// WaitingSince is when the first of those that wait came.
	WaitingSince time.Time `json:"waiting_since,omitzero"`
	// Since is when the first try of the group was made.
	Since time.Time `json:"since,omitzero"`
	// Dead are the alerts that failed for good, oldest first; Dropped counts
	// those that made room for newer ones.
	Dead    []DeadLetter `json:"dead,omitempty"`
	Dropped int          `json:"dropped,omitempty"`
	// Delivered and Lost count alerts since the Outbox was first opened.
	Delivered int `json:"delivered"`
	Lost      int `json:"lost"`
	// LastID numbers the dead letters.
	LastID int `json:"last_id,omitempty"`
	// Seen are the dedup keys of the latest alerts.
	Seen []string `json:"seen,omitempty"`
	// Packed holds Waiting, Sending and Dead in place of them when they are
	// large, on the way from run to run only.
	Packed []byte `json:"packed,omitempty"`
}

// DeadLetter is an alert that could not be delivered.
type DeadLetter struct {
	// ID names it among those of its receiver.
	ID       string       `json:"id"`
	Receiver string       `json:"receiver"`
	At       time.Time    `json:"at"`
	Error    string       `json:"error"`
	Tries    int          `json:"tries"`
	Alert    health.Alert `json:"alert"`
}
