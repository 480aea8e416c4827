// Package apply makes Temporal hold exactly the services of a configuration:
// one schedule for each, none for what is no longer there. It is declarative:
// it looks at what there is, changes what differs and says what it did, so that
// it can be run again at any time. Only schedules of the same deployment are
// ever touched; a deployment is known by its task queue.
package apply

import (
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
)

// CheckOf is what the Monitor of a service gets to know of it: names and
// limits. Addresses, commands and secrets stay in the configuration.
func CheckOf(service config.Service) workflows.Check {
	return workflows.Check{
		Service:          service.Name,
		Severity:         service.Severity,
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
		Remediation:      planOf(service.Remediation),
		Alerts:           service.Alerts,
	}
}

// watchOf is how long one Monitor is on duty: whole seconds, for schedules
// fire on whole seconds.
func watchOf(service config.Service) health.Duration {
	if service.Cron != "" {
		return health.Duration(cronWatch)
	}
	watch := time.Duration(service.Watch) * service.Interval.Std()
	if rest := watch % time.Second; rest > 0 {
		watch += time.Second - rest
	}
	return health.Duration(max(watch, shortestWatch))
}

// planOf is what a Remediation may do; nil means alert only.
func planOf(remediation *config.Remediation) workflows.Plan {
	if remediation == nil {
		return workflows.Plan{}
	}
	plan := workflows.Plan{
		Host:    remediation.Host,
		Settle:  remediation.Settle,
		Backoff: remediation.Backoff,
		Limits:  health.Limits{PerIncident: remediation.Limits.PerIncident},
		Steps:   make([]workflows.Step, 0, len(remediation.Steps)),
	}
	for _, step := range remediation.Steps {
		plan.Steps = append(plan.Steps, workflows.Step{
			Title: step.Options.Title(),
			Limit: health.Duration(step.Options.Limit()),
		})
	}
	return plan
}
