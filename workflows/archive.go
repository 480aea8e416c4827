package workflows

import (
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

const (
	// archiveLimit is how long an incident waits for its own record to be
	// stored before it leaves that to an Archive.
	archiveLimit = 10 * time.Second
	// archiveTry bounds one try to store a record.
	archiveTry = 30 * time.Second
	// archivePause is the longest pause between two tries.
	archivePause = 5 * time.Minute
)

// archive has the closed incident stored, which outlives Temporal's retention.
// A store that is down does not keep the next incident of the service from
// being opened: a workflow of its own then goes on trying.
func (r *remediation) archive(ctx workflow.Context) {
	activity := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: archiveLimit,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2},
		Summary:                "archive the incident",
	})
	var incidents *activities.Incidents
	err := workflow.ExecuteActivity(activity, incidents.Archive, r.Incident).Get(ctx, nil)
	if err == nil {
		return
	}
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            archivePrefix + r.Incident.ID,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:         "archive incident " + r.Incident.ID,
	})
	started := workflow.ExecuteChildWorkflow(child, Archive, r.Incident).GetChildWorkflowExecution()
	if startErr := started.Get(ctx, nil); startErr != nil {
		r.logger.Error(r.name() + ": incident " + r.Incident.ID + " could not be archived: " + cause(err).Error())
	}
}

// Archive has a closed incident stored, however long the store is down.
func Archive(ctx workflow.Context, incident health.Incident) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: archiveTry,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: archiveLimit, BackoffCoefficient: 2, MaximumInterval: archivePause,
		},
		Summary: "archive incident " + incident.ID,
	})
	var incidents *activities.Incidents
	return workflow.ExecuteActivity(ctx, incidents.Archive, incident).Get(ctx, nil)
}
