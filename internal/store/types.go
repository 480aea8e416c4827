package store

import (
	"errors"
	"time"

	"paramedic/internal/health"
)

// ErrNotFound says that the store holds nothing of that name.
var ErrNotFound = errors.New("not in the store")

// Key names a target of a service.
type Key struct {
	Service string
	// Target is empty for a service that is its own target.
	Target string
}

// Latest is the newest that is known of a target.
type Latest struct {
	Key
	// Standing is what the Monitor said last; its At is zero if it said nothing.
	Standing health.Standing
	// Result is that of the last probe, which began at Result.At; zero if none
	// was made.
	Result health.Result
	// UpdatedAt is when the store took it in, by the clock of the database; it
	// never goes back for a key.
	UpdatedAt time.Time
}

// Result is what one probe of a target found.
type Result struct {
	Key
	health.Result
}

// Alert is what became of an alert at one receiver.
type Alert struct {
	// DedupKey and Receiver name it; a later outcome replaces an earlier one.
	DedupKey string
	Receiver string
	Service  string
	Incident string
	Status   health.AlertStatus
	Stage    health.AlertStage
	At       time.Time
	// Outcome is AlertDelivered, AlertRetrying or AlertDead.
	Outcome AlertOutcome
	// Error is why the latest try failed; empty once it is delivered.
	Error string
}

// AlertOutcome is what became of an alert.
type AlertOutcome string

// The outcomes of an alert.
const (
	AlertDelivered AlertOutcome = "delivered"
	AlertRetrying  AlertOutcome = "retrying"
	AlertDead      AlertOutcome = "dead"
)

// Batch is what is written in one transaction: all of it or nothing. Writing it
// twice is the same as writing it once.
type Batch struct {
	// Results are single ones; those of many targets of a service at once are
	// Surveys.
	Results   []Result
	Surveys   []Survey
	Standings []health.Standing
	// Incidents are records as they are now. A resolved one replaces an open one
	// and never the other way round; else the one whose timeline has had more
	// entries stays.
	Incidents []health.Incident
	Alerts    []Alert
	// Outboxes replace all that was known of their receivers.
	Outboxes []health.Outbox
}

// Point is a span of the response-time chart.
type Point struct {
	// At is the beginning of the span.
	At time.Time
	// Probes and Failed count the probes begun in it.
	Probes, Failed int
	// MeanMS and MaxMS are latencies of those that passed, in milliseconds.
	MeanMS, MaxMS float64
}

// Day is one day, in UTC, of the state timeline. A day without a probe is absent.
type Day struct {
	// At is the day's midnight in UTC.
	At                       time.Time
	Probes, Degraded, Failed int
}

// Uptime is the share of probes that passed, from 0 to 1; -1 where none was made.
type Uptime struct{ Day, Week, Month float64 }

// IncidentFilter chooses incidents, newest first.
type IncidentFilter struct {
	Service string // empty: all
	Target  string // empty: all, and those of the service as a whole
	// Open keeps those that are not resolved, Closed those that are.
	Open, Closed bool
	// From and Until bound when they were opened; zero: no bound.
	From, Until time.Time
	// Limit (0: 50) and Offset page through them.
	Limit, Offset int
}

// AlertFilter chooses alerts, newest first.
type AlertFilter struct {
	Incident, Service, Receiver string
	Limit                       int // 0: 50
}

// Retention says how long what is kept.
type Retention struct {
	// Results are those of single probes that passed; Failures those that failed
	// or were degraded, with their messages; Hours the sums of hours, Days the
	// sums of days; Incidents the closed ones with their alerts.
	Results, Failures, Hours, Days, Incidents time.Duration
}

// DefaultRetention is what is kept unless the configuration says otherwise.
var DefaultRetention = Retention{
	Results: 48 * time.Hour, Failures: 30 * 24 * time.Hour, Hours: 14 * 24 * time.Hour,
	Days: 400 * 24 * time.Hour, Incidents: 365 * 24 * time.Hour,
}
