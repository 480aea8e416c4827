package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/config"
	"paramedic/internal/health"
)

// plainTick is the plain design that a Monitor's tick is compared with: a
// schedule starts a run for every probe, and the streak goes from run to run.
// It does the least that such a design can do: one activity, no search
// attributes, no summaries, no messages.
func plainTick(ctx workflow.Context, service string) (health.Streak, error) {
	var streak health.Streak
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &streak); err != nil {
			return health.Streak{}, fmt.Errorf("taking over from the last run of %s: %w", service, err)
		}
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 15 * time.Second})
	var probes *activities.Probes
	var result health.Result
	err := workflow.ExecuteActivity(ctx, probes.Probe, activities.ProbeInput{Service: service}).Get(ctx, &result)
	if err != nil {
		return health.Streak{}, err
	}
	return streak.Observe(result), nil
}

// schedulePlainly makes a schedule for each service that starts a plainTick
// every interval, spread as evenly as Monitors are.
func schedulePlainly(ctx context.Context, c client.Client, cfg *config.Config, taskQueue string) error {
	for _, service := range cfg.Services {
		every := service.Interval.Std()
		_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
			ID: "plain/" + service.Name,
			Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{
				{Every: every, Offset: health.Spread(service.Name, every)},
			}},
			Action: &client.ScheduleWorkflowAction{
				ID: "plain/" + service.Name, Workflow: plainTick, Args: []any{service.Name}, TaskQueue: taskQueue,
			},
			CatchupWindow: time.Minute,
		})
		if err != nil {
			return fmt.Errorf("scheduling %s plainly: %w", service.Name, err)
		}
	}
	return nil
}
