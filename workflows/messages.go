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
	DeliveryType    = "Delivery"
	GatekeeperType  = activities.GatekeeperType
)

// Signals, updates and queries. A signal and an update of the same name carry
// the same payload; the update answers, the signal needs no worker to be up.
const (
	// SignalPause carries a Pause: the Monitor stops probing until resumed.
	SignalPause = "pause"
	// SignalResume carries a Resume.
	SignalResume = "resume"
	// SignalProbeNow carries nothing: the Monitor probes at once, off the grid.
	SignalProbeNow = "probe-now"
	// SignalReconfigure carries a Check: new thresholds, limits and intervals
	// apply at once.
	SignalReconfigure = "reconfigure"
	// SignalAcknowledge carries an Acknowledge.
	SignalAcknowledge = "acknowledge"
	// SignalPassed carries a health.Result: the Monitor tells an open incident
	// that a probe has passed.
	SignalPassed = "passed"
	// UpdateAcknowledge carries an Acknowledge and answers with an AcknowledgeReceipt.
	UpdateAcknowledge = "acknowledge"
	// QueryState asks a Monitor for its MonitorState.
	QueryState = "state"
	// QueryIncident asks a Remediation for its health.Incident.
	QueryIncident = "incident"
	// SignalRelease carries a Release: a permit goes back to the Gatekeeper.
	SignalRelease = "release"
	// QueryLedger asks the Gatekeeper for its Ledger.
	QueryLedger = "ledger"
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

// Check is what a Monitor must know of a service: names and limits, never an
// address, a command or a secret. The worker looks those up by the name.
type Check struct {
	Service  string `json:"service"`
	Severity string `json:"severity"`
	Runbook  string `json:"runbook,omitempty"`
	// Interval is the time between probes on the grid, RetryInterval that
	// between probes while failing.
	Interval      health.Duration `json:"interval"`
	RetryInterval health.Duration `json:"retry_interval"`
	// Timeout is the longest that one probe may take.
	Timeout health.Duration `json:"timeout"`
	// Cron replaces the grid of Interval when set; ActiveHours is the cron
	// expression of the minutes in which to probe. Both are read in Timezone.
	Cron        string `json:"cron,omitempty"`
	ActiveHours string `json:"active_hours,omitempty"`
	Timezone    string `json:"timezone,omitempty"`
	// Watch is how long one run of the Monitor is on duty.
	Watch            health.Duration `json:"watch"`
	FailureThreshold int             `json:"failure_threshold"`
	SuccessThreshold int             `json:"success_threshold"`
	Remediation      Plan            `json:"remediation"`
	// Alerts are the names of the receivers.
	Alerts []string `json:"alerts,omitempty"`
}

// Plan is what a Remediation may do. A plan without steps means alert only.
type Plan struct {
	// Host names the machine on which steps are carried out; empty means any worker.
	Host    string            `json:"host,omitempty"`
	Settle  health.Duration   `json:"settle,omitempty"`
	Backoff []health.Duration `json:"backoff,omitempty"`
	Limits  health.Limits     `json:"limits"`
	Steps   []Step            `json:"steps,omitempty"`
}

// Step is a step of the runbook as the workflow knows it.
type Step struct {
	// Title is for people: "restart clickhouse-server.service".
	Title string `json:"title"`
	// Limit is the longest that one try of the step may take.
	Limit health.Duration `json:"limit"`
}

// MonitorState is what one watch hands to the next, and the answer to QueryState.
// It is copied into three histories a watch and stays below 1 kB.
type MonitorState struct {
	State health.State `json:"state"`
	// Since is when the state began.
	Since  time.Time     `json:"since"`
	Streak health.Streak `json:"streak"`
	// LastTick is when a probe was last begun, whether it came to a result or
	// not. What was due by then is done; no tick is made twice.
	LastTick time.Time `json:"last_tick,omitzero"`
	// LastProbeAt, LatencyMS and Message are those of the last probe.
	LastProbeAt time.Time `json:"last_probe_at,omitzero"`
	LatencyMS   float64   `json:"latency_ms"`
	Message     string    `json:"message"`
	Paused      *Pause    `json:"paused,omitempty"`
}

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

// Acknowledge says that a human owns the incident.
type Acknowledge struct {
	By   string `json:"by"`
	Note string `json:"note,omitempty"`
}

// AcknowledgeReceipt is the answer to an acknowledgement.
type AcknowledgeReceipt struct {
	Incident string    `json:"incident"`
	At       time.Time `json:"at"`
}

// RemediationInput opens an incident, or takes an open one on after
// continue-as-new, when Record holds it.
type RemediationInput struct {
	Check  Check  `json:"check"`
	Target string `json:"target,omitempty"`
	// Streak is the run of failures that opened the incident.
	Streak health.Streak `json:"streak"`
	// LastFailure is the result that reached the threshold.
	LastFailure health.Result `json:"last_failure"`
	Record      *Record       `json:"record,omitempty"`
}

// Record is all that an open incident carries from run to run.
type Record struct {
	Incident health.Incident `json:"incident"`
	// Rested is when the last attempt was over, settling included.
	Rested time.Time `json:"rested,omitzero"`
	// Treated is set while the latest attempt took effect and no probe has
	// failed since: one passing probe is then enough.
	Treated bool `json:"treated,omitempty"`
	// Unverified is set while no probe has been made since the latest attempt.
	Unverified bool `json:"unverified,omitempty"`
	// LastFailureAt is when the latest failed probe began.
	LastFailureAt time.Time `json:"last_failure_at"`
	// Deferred is set when the latest attempt left the service alone; the next
	// one does not.
	Deferred bool `json:"deferred,omitempty"`
	// Passes counts the passing probes in a row that count; FirstPassAt is when
	// the service first passed since the last failed probe, settling included.
	Passes      int       `json:"passes,omitempty"`
	FirstPassAt time.Time `json:"first_pass_at,omitzero"`
	// Permit is set while the incident holds a permit of the Gatekeeper.
	Permit bool `json:"permit,omitempty"`
	// Held is the last reason not to act that stands in the timeline.
	Held string `json:"held,omitempty"`
	// Told is set once people have been told that the service is down.
	Told bool `json:"told,omitempty"`
	// Undelivered are the alerts still on their way, oldest first.
	Undelivered []Dispatch `json:"undelivered,omitempty"`
}

// Release gives a permit back.
type Release struct {
	Holder string `json:"holder"`
}

// Dispatch is an alert on its way to one receiver.
type Dispatch struct {
	Receiver string       `json:"receiver"`
	Alert    health.Alert `json:"alert"`
}

// DeliveryInput hands alerts that outlived their incident to a Delivery.
type DeliveryInput struct {
	Incident    string     `json:"incident"`
	Undelivered []Dispatch `json:"undelivered"`
}
