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

	secrets []string
}

// document is the file as it is written, top level first.
type document struct {
	Temporal Temporal            `yaml:"temporal,omitempty" doc:"The Temporal cluster; connection details and credentials come from the TEMPORAL_* variables."`
	HTTP     HTTP                `yaml:"http" doc:"The status pages and health endpoints."`
	Patient  *Patient            `yaml:"patient,omitempty" doc:"A small process to try paramedic on; leave it out in production."`
	Limits   FleetLimits         `yaml:"limits" doc:"What may be done to all services together."`
	Defaults Defaults            `yaml:"defaults,omitempty" doc:"What holds for every service that does not say otherwise."`
	Services []Service           `yaml:"services" required:"true" doc:"The services to watch."`
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

// HTTP is the listening side.
type HTTP struct {
	// Listen is host:port on loopback.
	Listen string `yaml:"listen" doc:"Address and port of the pages; only loopback addresses, for there is no authentication. 127.0.0.1:8080 unless set."`
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
	// Timezone is the IANA zone of Cron and ActiveHours.
	Timezone string `yaml:"timezone" doc:"The time zone of cron and active_hours, like Europe/Madrid; UTC unless set."`
}

// Service is one service to watch.
type Service struct {
	// Name is unique and matches [a-z0-9][a-z0-9._-]{0,62}.
	Name string `yaml:"name" required:"true" doc:"The service's name: lower-case letters, digits, dots, dashes and underscores, at most 63."`
	// Runbook is a link for humans; may be empty.
	Runbook string `yaml:"runbook,omitempty" doc:"A link to the instructions for people, sent with every alert."`
	// DependsOn names services without which this one cannot work.
	DependsOn []string `yaml:"depends_on,omitempty" doc:"Services without which this one cannot work; checked and shown, restarts do not wait for them yet."`
	// Cron sets the cadence instead of Interval; may be empty.
	Cron string `yaml:"cron,omitempty" doc:"When to probe, as a cron expression of five fields, in place of interval."`
	Policy
	// Probe says how to look at it.
	Probe Probe `yaml:"probe" required:"true" doc:"How to look at the service; exactly one kind."`
	// Remediation says how to heal it; nil means alert only.
	Remediation *Remediation `yaml:"remediation,omitempty" doc:"How to heal the service; without it, people are alerted and nothing is done."`
}

// RemediationPolicy is the part of a remediation that can be set by default.
type RemediationPolicy struct {
	// Settle is the wait between a step and the probe that verifies it.
	Settle health.Duration `yaml:"settle" doc:"The wait between a step and the probe that verifies it; 10s unless set."`
	// Backoff holds the waits before the second, third ... attempt; the last
	// one repeats. Empty means no wait.
	Backoff []health.Duration `yaml:"backoff" doc:"The waits before the next attempts, the last one repeats; [10s, 30s, 90s] unless set."`
	// Limits bound one incident.
	Limits IncidentLimits `yaml:"limits" doc:"What may be done in one incident."`
}

// IncidentLimits bound what is done in one incident.
type IncidentLimits struct {
	// PerIncident counts attempts; after it, people are alerted and probing goes on.
	PerIncident int `yaml:"per_incident" min:"1" max:"1000" doc:"How many attempts one incident gets before only people can help; 3 unless set."`
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

// Step is a kind of remedy and its options.
type Step struct {
	Kind    string
	Options remedy.Options
}

// Receiver is a named kind of receiver and its options.
type Receiver struct {
	Name    string
	Kind    string
	Options alert.Options
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
