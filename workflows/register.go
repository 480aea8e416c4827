package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Register makes a worker know every workflow by the name that stands in
// histories, which outlives any renaming of a function.
func Register(registry worker.WorkflowRegistry) {
	for name, function := range map[string]any{
		MonitorType:     Monitor,
		RemediationType: Remediation,
		OutboxType:      Outbox,
		GatekeeperType:  Gatekeeper,
		ArchiveType:     Archive,
	} {
		registry.RegisterWorkflowWithOptions(function, workflow.RegisterOptions{Name: name})
	}
}

const (
	// probeSlots bounds the probes at the same time: overload makes probes
	// late, which shows, and never makes a healthy service look down.
	probeSlots = 200
	// remedySlots bounds the remedies and alerts at the same time.
	remedySlots = 100
	// pollers is how many requests for tasks of each kind wait at the server.
	// Many services are due in the same second. A task that finds nobody
	// waiting goes to the database first, and the first task of a run, which
	// comes by another queue than the later ones, may wait behind all of those.
	pollers = 16
)

// WorkerOptions are those of a worker that serves the workflows or activities.
func WorkerOptions() worker.Options {
	return worker.Options{
		MaxConcurrentLocalActivityExecutionSize: probeSlots,
		MaxConcurrentActivityExecutionSize:      remedySlots,
		MaxConcurrentWorkflowTaskPollers:        pollers,
		MaxConcurrentActivityTaskPollers:        pollers,
	}
}
