package board

import (
	"time"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

// Configured is what the configuration says of a service, as far as people may
// see it: secrets are masked.
type Configured struct {
	Name     string
	Severity string
	// Kind is that of its probe.
	Kind            string
	Labels          map[string]string
	Impact, Runbook string
	DependsOn       []string
	// Interval is the time between probes, zero if Cron says when to probe;
	// Timeout is the longest that one takes.
	Interval, Timeout time.Duration
	// HasTargets is set for a service with targets; Classes are the intervals
	// of those of its targets that have one of their own, by the class's name.
	HasTargets        bool
	Classes           map[string]time.Duration
	Cron, ActiveHours string
	FailureThreshold  int
	// Mode is the configured one, Steps the titles of the runbook's steps.
	Mode  health.Mode
	Host  string
	Steps []string
	// Receivers are told of its alerts.
	Receivers []string
	// YAML is its part of the configuration in force.
	YAML string
}

// Patience is how long the service may go without a probe before it is late;
// zero means that nobody can say from outside.
func (c Configured) Patience() time.Duration { return c.patience(c.Interval) }

// patience is Patience of what is probed at an interval.
func (c Configured) patience(interval time.Duration) time.Duration {
	if c.Interval <= 0 || c.Cron != "" || c.ActiveHours != "" || interval <= 0 {
		return 0
	}
	return lateAfter*interval + c.Timeout
}

// lateAfter is how many intervals without a probe make a Monitor late.
const lateAfter = 3

// Service is all that the overview shows of a service.
type Service struct {
	Configured
	// State is what its Monitor said last. It is health.StateUnknown when the
	// Monitor is late.
	State health.State
	// Since is when the state began; zero if nothing is known.
	Since time.Time
	// Failures counts the failed probes in a row.
	Failures int
	Flapping bool
	Paused   *health.Pause
	Orders   health.Orders
	// Result is that of the last probe, which began at Result.At; zero if none
	// was made. That of a service with targets is of the status of all of them
	// together, degraded if some do not pass and unhealthy if none does, and
	// its latency is the mean of the latest batch.
	Result health.Result
	// Incident is the open one, nil if there is none: of a service with targets
	// that for the whole, else the oldest of its targets'. It is not to be changed.
	Incident *health.Incident
	// Targets counts the targets of a service with targets, as its Monitor said
	// last; Total is as of now.
	Targets health.Counts
	// Recent are the latencies of the latest probes in milliseconds, oldest
	// first, -1 for one that failed; at most RecentLimit. Those of a service
	// with targets are means, one for each interval. They are not to be changed.
	Recent []float32
	// Uptime is as of a minute ago.
	Uptime store.Uptime
	// Pace is the time between two probes: the configured Interval, or if it has
	// targets the shortest of theirs, zero while it has none.
	Pace time.Duration
	// Late reports that its Monitor has not probed for longer than Patience.
	Late bool
}

// RecentLimit is how many latencies a sparkline shows.
const RecentLimit = 30

// Patience is how long the service may go without a probe before it is late;
// zero means that nobody can say from outside.
func (s Service) Patience() time.Duration { return s.patience(s.Pace) }

// Mode is the mode in force.
func (s Service) Mode() health.Mode { return s.Orders.ModeIn(s.Configured.Mode) }

// Action is the last thing that was done about its open incident.
func (s Service) Action() string {
	if s.Incident == nil {
		return ""
	}
	return s.Incident.Action
}
