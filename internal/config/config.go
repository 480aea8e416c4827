// Package config reads paramedic.yml. It turns text into checked, resolved Go
// values or into the list of all mistakes, each with its line and column, what
// is wrong and what would be right. The structs in this package and the option
// structs of the kinds are the only description of the format: the decoder,
// the JSON Schema and the dump of the configuration in force all read their
// tags, so that the three cannot disagree.
package config

import (
	"slices"

	"paramedic/internal/alert"
	"paramedic/internal/health"
	"paramedic/internal/pipeline"
	"paramedic/internal/probe"
	"paramedic/internal/remedy"
)

// Config is a checked configuration with every default filled in. It is not
// changed after it was read, so it may be shared.
type Config struct {
	// Temporal says which Temporal cluster to use; empty fields are left to
	// the TEMPORAL_* environment variables.
	Temporal Temporal
	// HTTP is the side that people and machines look at.
	HTTP HTTP
	// Patient is the demonstration process, nil if there is none.
	Patient *Patient
	// Limits bound what is done to all services together.
	Limits FleetLimits
	// Services are in the order of the file; names are unique.
	Services []Service
	// Receivers are sorted by name; the built-in receiver "log" is among them.
	Receivers []Receiver
	// Routes say who is told of services that name no receivers. They are
	// worked into the Alerts of each service.
	Routes []Route
	// ResponseTimes are how soon a human is expected to respond. They are worked
	// into the Response of each service.
	ResponseTimes ResponseTimes
	// Language is that of alerts, "en" or "es"; receivers may have their own.
	Language string
	// Templates is the absolute path of the directory whose templates replace
	// those of alerts; empty if there is none.
	Templates string
	// WebUI is the base address of the Temporal Web UI without a slash at its
	// end; empty means that of the embedded one.
	WebUI string
	// Heartbeat says whom to tell that all is well, nil if nobody.
	Heartbeat *Heartbeat
	// Store says where results and incidents are kept, and how long.
	Store Store
	// Pipeline says what the page of the data pipeline shows, nil if there is none.
	Pipeline *pipeline.Panels

	secrets []string
}

// document is the file as it is written, top level first.
type document struct {
	Temporal Temporal    `yaml:"temporal,omitempty" doc:"The Temporal cluster; connection details and credentials come from the TEMPORAL_* variables."`
	HTTP     HTTP        `yaml:"http" doc:"The status pages and health endpoints."`
	Patient  *Patient    `yaml:"patient,omitempty" doc:"A small process to try paramedic on; leave it out in production."`
	Limits   FleetLimits `yaml:"limits" doc:"What may be done to all services together."`
	Defaults Defaults    `yaml:"defaults,omitempty" doc:"What holds for every service that does not say otherwise."`
	// What receivers and services are decoded onto stands before them.
	Language      string        `yaml:"language" enum:"en,es" doc:"The language of alerts: en or es; en unless set."`
	Templates     string        `yaml:"templates,omitempty" doc:"A directory with templates that replace those of alerts by name; a relative path starts at the configuration's directory."`
	WebUI         string        `yaml:"web_ui,omitempty" doc:"The address of the Temporal Web UI, for links in alerts; the embedded one's unless set."`
	ResponseTimes ResponseTimes `yaml:"response_times" doc:"How soon a human is expected to respond, by severity."`
	Heartbeat     *Heartbeat    `yaml:"heartbeat,omitempty" doc:"An address to call while all services are watched on time, so that somebody else notices when paramedic is gone."`
	Store         Store         `yaml:"store" doc:"Where results, incidents and alerts are kept, and how long. Probing and healing do not depend on it."`

	Pipeline *pipeline.Panels `yaml:"pipeline,omitempty" doc:"What the page of a data pipeline shows, from what probes observe; there is no such page unless set."`

	Services []Service           `yaml:"services" required:"true" doc:"The services to watch."`
	Routes   []Route             `yaml:"routes,omitempty" doc:"Who is told of services that do not write alerts, where the defaults do not either: the receivers of the first route that matches."`
	Alerts   map[string]Receiver `yaml:"alerts,omitempty" doc:"Receivers of alerts by name; the name log is built in and writes to paramedic's own log."`
}

// Temporal names the cluster. Empty fields are left to the environment.
type Temporal struct {
	// TaskQueue is where workflows and unrouted activities run.
	TaskQueue string `yaml:"task_queue,omitempty" doc:"The task queue of workflows and of activities that run anywhere; paramedic unless set."`
	// Address is host:port of the frontend.
	Address string `yaml:"address,omitempty" doc:"Host and port of the Temporal frontend; TEMPORAL_ADDRESS unless set, and the embedded server without either."`
	// Namespace is the Temporal namespace.
	Namespace string `yaml:"namespace,omitempty" doc:"The Temporal namespace; TEMPORAL_NAMESPACE or default unless set."`
	// Profile is a profile of the Temporal client configuration file.
	Profile string `yaml:"profile,omitempty" doc:"A profile of Temporal's own client configuration file; TEMPORAL_PROFILE unless set."`
}

// Patient is the demonstration process of the first run.
type Patient struct {
	// Listen is host:port on loopback.
	Listen string `yaml:"listen" required:"true" doc:"Address and port of the patient's health page, on loopback."`
}

// FleetLimits bound what is done to all services together.
type FleetLimits struct {
	// ConcurrentRestarts counts remediation steps that may run at once.
	ConcurrentRestarts int `yaml:"concurrent_restarts" min:"1" doc:"How many services may be restarted at the same time; 1 unless set."`
	// MinHealthy is a share of all services, in percent.
	MinHealthy int `yaml:"min_healthy" percent:"true" min:"0" max:"100" doc:"The share of services, like 51%, that must be healthy for anything to be restarted in a fleet of ten or more; 51% unless set, 0 for no limit."`
}

// Defaults are what services start from.
type Defaults struct {
	Policy
	// Remediation applies to services that have a remediation.
	Remediation RemediationPolicy `yaml:"remediation,omitempty" doc:"What holds for every remediation that does not say otherwise."`
}

// Policy says how a service is judged; it can be set by service and by default.
type Policy struct {
	// Interval is the time between probes; zero if Cron sets the cadence.
	Interval health.Duration `yaml:"interval,omitempty" min:"1s" doc:"The time between probes, 1s and up; 60s unless set."`
	// RetryInterval is the time between probes while the service fails; at
	// most Interval.
	RetryInterval health.Duration `yaml:"retry_interval,omitempty" min:"1s" doc:"The time between probes while the service fails; the interval unless set."`
	// Timeout ends a probe; at most RetryInterval.
	Timeout health.Duration `yaml:"timeout" min:"1ms" doc:"How long one probe may take, at most the retry interval; 10s or the retry interval, if that is shorter, unless set."`
	// FailureThreshold is the number of failures in a row that open an incident.
	FailureThreshold int `yaml:"failure_threshold" min:"1" max:"1000" doc:"How many failed probes in a row start the remediation; 3 unless set."`
	// SuccessThreshold is the number of passes in a row that close an incident.
	SuccessThreshold int `yaml:"success_threshold" min:"1" max:"1000" doc:"How many passing probes in a row end an incident; 2 unless set."`
	// Watch is the number of probes made by one Monitor run.
	Watch int `yaml:"watch" min:"1" max:"1000" doc:"How many probes one Monitor run makes before the next takes over; 10 unless set."`
	// Severity is P0 to P3.
	Severity string `yaml:"severity" enum:"P0,P1,P2,P3" doc:"How bad an outage is: P0 (worst) to P3; P1 unless set."`
	// Alerts names receivers; empty means that nobody is told.
	Alerts []string `yaml:"alerts" doc:"The receivers to tell; [log] unless set, and [] tells nobody."`
	// ActiveHours is a cron expression of the minutes in which probes are
	// made; empty means always.
	ActiveHours string `yaml:"active_hours,omitempty" doc:"The minutes in which to probe, as a cron expression like \"* 8-17 * * MON-FRI\"; always unless set."`
	// Timezone is the IANA zone of Cron, ActiveHours and Maintenance.
	Timezone string `yaml:"timezone" doc:"The time zone of cron, active_hours and maintenance, like Europe/Madrid; UTC unless set."`
	// Flapping says when a service changes its state too often.
	Flapping Flapping `yaml:"flapping" doc:"When a service changes too often between up and down to be restarted."`
	// Maintenance lists the windows in which probes run and nothing is done.
	Maintenance []Maintenance `yaml:"maintenance,omitempty" doc:"Windows in which probes run, nothing is restarted and nobody is told."`
	// Escalation lists who else is told while nobody acknowledges. In a service
	// only the levels of its severity remain, with every delay filled in.
	Escalation []Level `yaml:"escalation,omitempty" doc:"Who else is told while nobody acknowledges an incident, in the order of the delays."`
	// Reminder is the time between reminders until somebody acknowledges; 0 for none.
	Reminder health.Duration `yaml:"reminder" doc:"The time between reminders until somebody acknowledges an incident; 1h unless set, 0s for none."`
}

// Service is one service to watch.
type Service struct {
	// Name is unique and matches [a-z0-9][a-z0-9._-]{0,62}.
	Name string `yaml:"name" required:"true" doc:"The service's name: lower-case letters, digits, dots, dashes and underscores, at most 63."`
	// Runbook is a link for humans; may be empty.
	Runbook string `yaml:"runbook,omitempty" doc:"A link to the instructions for people, sent with every alert."`
	// Impact is a sentence on what an outage means; may be empty.
	Impact string `yaml:"impact,omitempty" doc:"A sentence for people on what an outage means, sent with every alert."`
	// Labels are names and values to route by and to show.
	Labels map[string]string `yaml:"labels,omitempty" doc:"Names and values to route alerts by, sent with them: at most 20, names of letters, digits and underscores, values of at most 200 bytes."`
	// DependsOn names services without which this one cannot work.
	DependsOn []string `yaml:"depends_on,omitempty" doc:"Services without which this one cannot work; restarts wait while one of them is down, and alerts fold into that one's."`
	// Cron sets the cadence instead of Interval; may be empty.
	Cron string `yaml:"cron,omitempty" doc:"When to probe, as a cron expression of five fields, in place of interval."`
	Policy
	// Probe says how to look at it.
	Probe Probe `yaml:"probe" required:"true" doc:"How to look at the service; exactly one kind."`
	// Remediation says how to heal it; nil means alert only.
	Remediation *Remediation `yaml:"remediation,omitempty" doc:"How to heal the service; without it, people are alerted and nothing is done."`
	// Targets are what the service consists of, nil if it is its own target;
	// Fleet says how they are probed, and is set if Targets is.
	Targets *Targets `yaml:"targets,omitempty" doc:"The targets of a service that has many, each with its own incident: a list of them, or where they come from. {{target}} and {{label \"name\"}} stand for them in the options of the probe and of exec and http steps."`
	Fleet   *Fleet   `yaml:"fleet,omitempty" doc:"How the targets are probed and judged."`
	// Response is how soon a human is expected to respond; it follows from the
	// severity.
	Response health.Duration
}

// RemediationPolicy is the part of a remediation that can be set by default.
type RemediationPolicy struct {
	// Mode says how far the service is healed without a human.
	Mode health.Mode `yaml:"mode" enum:"act,observe,approve" doc:"act carries steps out, observe writes down what it would have done, approve asks a human first; act unless set."`
	// ApproveWithin is how long a human has to approve, in mode approve.
	ApproveWithin health.Duration `yaml:"approve_within" min:"1s" doc:"How long a human has to approve, in mode approve; 30m unless set."`
	// Settle is the wait between a step and the probe that verifies it.
	Settle health.Duration `yaml:"settle" doc:"The wait between a step and the probe that verifies it; 10s unless set."`
	// Backoff holds the waits before the second, third ... attempt; the last
	// one repeats. Empty means no wait.
	Backoff []health.Duration `yaml:"backoff" doc:"The waits before the next attempts, the last one repeats; [10s, 30s, 90s] unless set."`
	// Limits bound what is done to the service.
	Limits IncidentLimits `yaml:"limits" doc:"How often something may be done to the service."`
	// StableFor is how long the service must be up for the budget of an incident
	// to come back.
	StableFor health.Duration `yaml:"stable_for" doc:"How long the service must be up for the next incident to have its own attempts; 10m unless set, 0s for at once."`
}

// IncidentLimits bound what is done to one service.
type IncidentLimits struct {
	// PerIncident counts attempts; after it, people are alerted and probing goes on.
	PerIncident int `yaml:"per_incident" min:"1" max:"1000" doc:"How many attempts one incident gets before only people can help; 3 unless set."`
	// IncidentsPerHour counts incidents in which something was done; 0 for no limit.
	IncidentsPerHour int `yaml:"incidents_per_hour" min:"0" max:"1000" doc:"In how many incidents an hour something may be done; 1 unless set, 0 for no limit."`
	// RestartsPerDay counts attempts in 24 hours; 0 for no limit.
	RestartsPerDay int `yaml:"restarts_per_day" min:"0" max:"1000" doc:"How many attempts may be made in 24 hours; 3 unless set, 0 for no limit."`
}

// Remediation says how a service is healed.
type Remediation struct {
	// Host is the worker that carries the steps out ("worker --host NAME");
	// empty means any worker.
	Host string `yaml:"host,omitempty" doc:"The worker that must carry the steps out, by the name it was given with --host; any worker unless set."`
	RemediationPolicy
	// Steps are carried out in order; there is at least one.
	Steps []Step `yaml:"steps" required:"true" doc:"What to do, in order; each step is exactly one kind."`
}

// Probe is a kind of probe and its options.
type Probe struct {
	Kind    string
	Options probe.Options
}

// Step is a kind of remedy and its options, with what all kinds have in common.
type Step struct {
	Kind    string
	Options remedy.Options
	// Tries is how often the step is tried before the next; 0 means as often as
	// the limits allow, and only the last step may have it.
	Tries int `yaml:"tries" min:"0" max:"100" doc:"How often the step is tried before the next one; 1 unless set, and as often as the limits allow (0) for the last step."`
	// PreCheck must pass for the step to be carried out; nil if there is none.
	PreCheck *Probe `yaml:"pre_check,omitempty" doc:"A probe that must pass, or the step is skipped; exactly one kind."`
	// PostCheck must pass, or the step has failed; nil if there is none.
	PostCheck *Probe `yaml:"post_check,omitempty" doc:"A probe that must pass after the step, or it has failed; exactly one kind."`
	// Evidence is how many lines of the log are collected before acting.
	Evidence int `yaml:"evidence" min:"0" max:"200" doc:"How many lines of the service's log are collected before the step; 20 unless set, for kinds that can collect them, 0 for none."`
}

// Receiver is a named kind of receiver and its options, with what all kinds
// have in common.
type Receiver struct {
	Name    string
	Kind    string
	Options alert.Options
	// GroupWait is how long the first alert of a group waits for others.
	GroupWait health.Duration `yaml:"group_wait" max:"10m" doc:"How long an alert waits for others to be sent together with it, at most 10m; a time that suits the kind unless set, 0s for not at all."`
	// Language is that of its alerts, "en" or "es".
	Language string `yaml:"language" enum:"en,es" doc:"The language of this receiver's alerts: en or es; that of the configuration unless set."`
}

// BuiltinReceiver is the receiver that exists in every configuration.
const BuiltinReceiver = "log"

// Service looks a service up by name.
func (c *Config) Service(name string) (Service, bool) {
	i := slices.IndexFunc(c.Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		return Service{}, false
	}
	return c.Services[i], true
}

// Receiver looks a receiver up by name.
func (c *Config) Receiver(name string) (Receiver, bool) {
	i := slices.IndexFunc(c.Receivers, func(r Receiver) bool { return r.Name == name })
	if i < 0 {
		return Receiver{}, false
	}
	return c.Receivers[i], true
}

// Secrets returns every value that must never be shown: those of secret
// options and all that came from the environment or from files. It is what an
// option.Redactor is made of.
func (c *Config) Secrets() []string { return slices.Clone(c.secrets) }
