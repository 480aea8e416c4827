// Package apply makes Temporal hold exactly the services of a configuration:
// one schedule for each, none for what is no longer there. It is declarative:
// it looks at what there is, changes what differs and says what it did, so that
// it can be run again at any time. Only schedules of the same deployment are
// ever touched; a deployment is known by its task queue.
package apply

import (
	"slices"
	"time"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/workflows"
)

const (
	// cronWatch is the watch of a service whose cadence is a cron expression.
	cronWatch = time.Hour
	// shortestWatch bounds the cost of handing over for services that are
	// probed every second.
	shortestWatch = 10 * time.Second
	// evidenceSlack is what collecting evidence adds to a step.
	evidenceSlack = 6 * time.Second
)

// CheckOf is what the Monitor of a service gets to know of it: names and
// limits. Addresses, commands and secrets stay in the configuration.
func CheckOf(service config.Service) workflows.Check {
	return workflows.Check{
		Service:          service.Name,
		Severity:         service.Severity,
		Labels:           service.Labels,
		Impact:           service.Impact,
		Runbook:          service.Runbook,
		Interval:         service.Interval,
		RetryInterval:    service.RetryInterval,
		Timeout:          service.Timeout,
		Cron:             service.Cron,
		ActiveHours:      service.ActiveHours,
		Timezone:         service.Timezone,
		Watch:            watchOf(service),
		FailureThreshold: service.FailureThreshold,
		SuccessThreshold: service.SuccessThreshold,
		FlapLow:          service.Flapping.Low,
		FlapHigh:         service.Flapping.High,
		DependsOn:        service.DependsOn,
		Maintenance:      windowsOf(service.Maintenance),
		Remediation:      planOf(service),
		Alerts:           service.Alerts,
		Escalation:       levelsOf(service),
		Response:         service.Response,
		Reminder:         service.Reminder,
		Fleet:            fleetOf(service),
	}
}

// fleetOf is what the Monitor must know of the targets; nil if the service is
// its own target.
func fleetOf(service config.Service) *workflows.Fleet {
	configured := service.Fleet
	if service.Targets == nil || configured == nil {
		return nil
	}
	fleet := &workflows.Fleet{
		Batch:            configured.Batch,
		MaxOpenIncidents: configured.MaxOpenIncidents,
		Vantage:          configured.Vantage,
		Quorum:           configured.Quorum,
	}
	for _, class := range configured.Classes {
		fleet.Classes = append(fleet.Classes, workflows.Class{Name: class.Name, Interval: class.Interval})
	}
	return fleet
}

// windowsOf are the windows in which nothing is done.
func windowsOf(configured []config.Maintenance) []workflows.Maintenance {
	var windows []workflows.Maintenance
	for _, w := range configured {
		window := workflows.Maintenance{Cron: w.Cron, From: w.Starts, Until: w.Ends, Reason: w.Reason}
		if w.Cron != "" {
			window.For = w.For
		}
		windows = append(windows, window)
	}
	return windows
}

// levelsOf are the levels of the escalation that are for the severity of the
// service.
func levelsOf(service config.Service) []workflows.Level {
	var levels []workflows.Level
	for _, level := range service.Escalation {
		if level.Severities == nil || slices.Contains(level.Severities, service.Severity) {
			levels = append(levels, workflows.Level{After: level.After, Alerts: level.Alerts})
		}
	}
	return levels
}

// watchOf is how long one Monitor is on duty: whole seconds, for schedules
// fire on whole seconds. With targets it is a multiple of every interval, as
// the configuration sees to, and is longer by doing it several times over.
func watchOf(service config.Service) health.Duration {
	if service.Cron != "" {
		return health.Duration(cronWatch)
	}
	watch := time.Duration(service.Watch) * service.Interval.Std()
	if service.Targets != nil && watch > 0 {
		return health.Duration(watch * ((shortestWatch + watch - 1) / watch))
	}
	if rest := watch % time.Second; rest > 0 {
		watch += time.Second - rest
	}
	return health.Duration(max(watch, shortestWatch))
}

// planOf is what a Remediation may do; without steps it means alert only.
func planOf(service config.Service) workflows.Plan {
	remediation := service.Remediation
	if remediation == nil {
		return workflows.Plan{}
	}
	plan := workflows.Plan{
		Mode:          remediation.Mode,
		ApproveWithin: remediation.ApproveWithin,
		Host:          remediation.Host,
		Settle:        remediation.Settle,
		Backoff:       remediation.Backoff,
		Limits: health.Limits{
			PerIncident:      remediation.Limits.PerIncident,
			IncidentsPerHour: remediation.Limits.IncidentsPerHour,
			RestartsPerDay:   remediation.Limits.RestartsPerDay,
		},
		StableFor: remediation.StableFor,
		Steps:     make([]workflows.Step, 0, len(remediation.Steps)),
	}
	for _, step := range remediation.Steps {
		plan.Steps = append(plan.Steps, workflows.Step{
			Title: step.Options.Title(),
			Limit: limitOf(step, service.Timeout),
			Tries: step.Tries,
		})
	}
	return plan
}

// limitOf is how long one try of a step may take: the remedy, its checks, each
// as long as a probe of the service, and the evidence.
func limitOf(step config.Step, timeout health.Duration) health.Duration {
	limit := health.Duration(step.Options.Limit())
	for _, check := range []*config.Probe{step.PreCheck, step.PostCheck} {
		if check != nil {
			limit += timeout
		}
	}
	if step.Evidence > 0 {
		limit += health.Duration(evidenceSlack)
	}
	return limit
}
