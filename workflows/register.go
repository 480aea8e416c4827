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
		DeliveryType:    Delivery,
		GatekeeperType:  Gatekeeper,
	} {
		registry.RegisterWorkflowWithOptions(function, workflow.RegisterOptions{Name: name})
	}
}
