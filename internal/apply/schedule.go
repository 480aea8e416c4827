package apply

import (
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"paramedic/internal/health"
	"paramedic/workflows"
)

const (
	// catchUp is how late a watch may start after Temporal was away. Nothing
	// is made good beyond it: a probe of the past says nothing.
	catchUp = time.Minute
	// runGrace is how long a Monitor may outlive its watch before Temporal
	// ends it, so that a run that hangs cannot keep the next one out for ever.
	// It is long, because a run that is ended hands nothing over, and workers
	// may be away for a night: a pause must survive that.
	runGrace = 24 * time.Hour
	// overlap has the next Monitor wait for the end of the one on duty.
	overlap = enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE
	// ownerKey is the field of a schedule's memo that names its deployment.
	ownerKey = "paramedic_task_queue"
)

// spec says when the watches of a service start: spread over the watch by its
// name, so that a fleet does not hand over all at once.
func spec(check workflows.Check) client.ScheduleSpec {
	watch := check.Watch.Std()
	return client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{
		{Every: watch, Offset: health.Spread(check.Service, watch)},
	}}
}

// action starts a Monitor. It has no timeout but the one that ends a hung run.
func action(check workflows.Check, taskQueue string) *client.ScheduleWorkflowAction {
	return &client.ScheduleWorkflowAction{
		ID:                 workflows.ScheduleID(check.Service),
		Workflow:           workflows.MonitorType,
		Args:               []any{check},
		TaskQueue:          taskQueue,
		WorkflowRunTimeout: check.Watch.Std() + runGrace,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.AttributeService.ValueSet(check.Service)),
		StaticSummary: summary(check),
	}
}

// summary is the line that the Web UI shows for a Monitor.
func summary(check workflows.Check) string {
	cadence := "every " + check.Interval.String()
	if check.Cron != "" {
		cadence = "at " + check.Cron
	}
	return fmt.Sprintf("%s: on duty for %s, probing %s", check.Service, check.Watch, cadence)
}

func policy() *client.SchedulePolicies {
	return &client.SchedulePolicies{Overlap: overlap, CatchupWindow: catchUp}
}

// creation is the request for a new schedule. Its first watch starts at once.
func creation(check workflows.Check, taskQueue string) client.ScheduleOptions {
	return client.ScheduleOptions{
		ID:                 workflows.ScheduleID(check.Service),
		Spec:               spec(check),
		Action:             action(check, taskQueue),
		Overlap:            overlap,
		CatchupWindow:      catchUp,
		TriggerImmediately: true,
		Memo:               map[string]any{ownerKey: taskQueue},
	}
}

// ownerOf returns the task queue in a schedule's memo; empty if there is none.
func ownerOf(memo *commonpb.Memo) string {
	payload, ok := memo.GetFields()[ownerKey]
	if !ok {
		return ""
	}
	var owner string
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &owner); err != nil {
		return ""
	}
	return owner
}

// checkIn returns the check that a schedule hands to its Monitors, and false
// if there is none that can be read.
func checkIn(action *client.ScheduleWorkflowAction) (workflows.Check, bool) {
	if len(action.Args) != 1 {
		return workflows.Check{}, false
	}
	payload, ok := action.Args[0].(*commonpb.Payload)
	if !ok {
		return workflows.Check{}, false
	}
	var check workflows.Check
	err := converter.GetDefaultDataConverter().FromPayload(payload, &check)
	return check, err == nil
}
