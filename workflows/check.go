package workflows

import (
	"time"

	"paramedic/internal/health"
)

// Check is what a Monitor must know of a service: names and limits, never an
// address, a command or a secret. The worker looks those up by the name.
type Check struct {
	Service  string            `json:"service"`
	Severity string            `json:"severity"`
	Labels   map[string]string `json:"labels,omitempty"`
	// Impact is a sentence for people on what an outage means; Runbook a link.
	Impact  string `json:"impact,omitempty"`
	Runbook string `json:"runbook,omitempty"`
	// Interval is the time between probes on the grid, RetryInterval that
	// between probes while failing.
	Interval      health.Duration `json:"interval"`
	RetryInterval health.Duration `json:"retry_interval"`
	// Timeout is the longest that one probe may take.
	Timeout health.Duration `json:"timeout"`
	// Fleet is set if the service has targets, each with its own incidents.
	Fleet *Fleet `json:"fleet,omitempty"`
	// Cron replaces the grid of Interval when set; ActiveHours is the cron
	// expression of the minutes in which to probe. Both are read in Timezone.
	Cron        string `json:"cron,omitempty"`
	ActiveHours string `json:"active_hours,omitempty"`
	Timezone    string `json:"timezone,omitempty"`
	// Watch is how long one run of the Monitor is on duty.
	Watch            health.Duration `json:"watch"`
	FailureThreshold int             `json:"failure_threshold"`
	SuccessThreshold int             `json:"success_threshold"`
	// FlapLow and FlapHigh are the shares of changes, in percent, between which
	// flapping ends and begins. FlapHigh 0 means that it is not looked for.
	FlapLow  int `json:"flap_low,omitempty"`
	FlapHigh int `json:"flap_high,omitempty"`
	// DependsOn names the services without which this one cannot work.
	DependsOn   []string      `json:"depends_on,omitempty"`
	Maintenance []Maintenance `json:"maintenance,omitempty"`
	Remediation Plan          `json:"remediation"`
	// Alerts are the names of the receivers that hear of everything.
	Alerts []string `json:"alerts,omitempty"`
	// Escalation are the levels that hear of it while nobody acknowledges, in
	// the order of their delays.
	Escalation []Level `json:"escalation,omitempty"`
	// Response is how soon a human is expected to respond; Reminder the time
	// between reminders until one does, 0 for none.
	Response health.Duration `json:"response,omitempty"`
	Reminder health.Duration `json:"reminder,omitempty"`
}

// Fleet is what a Monitor must know of a service with targets. Which they are
// stands in the worker's own configuration.
type Fleet struct {
	// Batch is the most targets in one batch.
	Batch int `json:"batch"`
	// Classes are the targets that have an interval of their own.
	Classes []Class `json:"classes,omitempty"`
	// MaxOpenIncidents is how many targets may have an incident of their own;
	// past it one is opened for the service as a whole.
	MaxOpenIncidents int `json:"max_open_incidents"`
	// Vantage names the points from which to look, of which Quorum must see a
	// target fail for it to count; none means any worker.
	Vantage []string `json:"vantage,omitempty"`
	Quorum  int      `json:"quorum,omitempty"`
}

// Class is a kind of targets with an interval of its own.
type Class struct {
	Name     string          `json:"name"`
	Interval health.Duration `json:"interval"`
}

// of is the check as the incident of a target of a class, or of the service as
// a whole, has it. Nothing is restarted for the whole, and the Monitor alone
// says when it is over.
func (c Check) of(class string, whole WholeReason) Check {
	if c.Fleet != nil {
		for _, known := range c.Fleet.Classes {
			if known.Name == class {
				c.Interval = known.Interval
			}
		}
		c.Fleet = nil
	}
	if whole != "" {
		c.Remediation, c.SuccessThreshold = Plan{}, 1
	}
	return c
}

// Level is a step of the escalation.
type Level struct {
	// After is the delay from the first alert.
	After  health.Duration `json:"after"`
	Alerts []string        `json:"alerts"`
}

// Maintenance is a window in which probes run and nothing is done: one from
// From to Until, or one of the length For at each time of Cron, in the check's
// time zone.
type Maintenance struct {
	Cron   string          `json:"cron,omitempty"`
	For    health.Duration `json:"for,omitempty"`
	From   time.Time       `json:"from,omitzero"`
	Until  time.Time       `json:"until,omitzero"`
	Reason string          `json:"reason,omitempty"`
}

// Plan is what a Remediation may do. A plan without steps means alert only.
type Plan struct {
	// Mode is the configured mode; empty means act.
	Mode health.Mode `json:"mode,omitempty"`
	// ApproveWithin is how long a human has to approve, in mode approve.
	ApproveWithin health.Duration `json:"approve_within,omitempty"`
	// Host names the machine on which steps are carried out; empty means any worker.
	Host    string            `json:"host,omitempty"`
	Settle  health.Duration   `json:"settle,omitempty"`
	Backoff []health.Duration `json:"backoff,omitempty"`
	Limits  health.Limits     `json:"limits"`
	// StableFor is how long the service must be up for the budget of an
	// incident to come back.
	StableFor health.Duration `json:"stable_for,omitempty"`
	Steps     []Step          `json:"steps,omitempty"`
}

// Step is a step of the runbook as the workflow knows it.
type Step struct {
	// Title is for people: "restart clickhouse-server.service".
	Title string `json:"title"`
	// Limit is the longest that one try of the step may take, its checks and
	// the collecting of evidence included.
	Limit health.Duration `json:"limit"`
	// Tries is how often it is tried before the next step; 0 means as often as
	// the limits allow.
	Tries int `json:"tries,omitempty"`
}
