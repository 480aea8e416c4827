package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
)

// batchHeartbeat is how long a silent worker is believed to be at work on a
// batch.
const batchHeartbeat = 10 * time.Second

// survey has the targets of a batch probed, from each vantage point, and asks
// what has become of those that failed.
func (r *rounds) survey(ctx workflow.Context, s slot, failing []string) []sighting {
	in := activities.BatchInput{
		Service: r.check.Service, Class: s.class, Batch: s.batch, Of: s.of,
		Due: s.due, Until: s.until(), Failing: failing,
	}
	if s.isRepeated {
		in.Due = workflow.Now(ctx)
	}
	// No more is named than is kept, or a fleet that fails as a whole would fill
	// the history of a watch.
	in.Named = max(1, failingLimit-len(r.state.Fleet.Failing)+len(in.Failing))
	points := r.check.Fleet.Vantage
	if len(points) == 0 {
		points = []string{""}
	}
	found := make([]sighting, len(points))
	futures := make([]workflow.Future, len(points))
	for i, point := range points {
		in.Vantage = point
		var batches *activities.Batches
		futures[i] = workflow.ExecuteActivity(r.toSurvey(ctx, s, point), batches.Survey, in)
		found[i].vantage = point
	}
	for i, future := range futures {
		found[i].err = cause(future.Get(ctx, &found[i].result))
	}
	return found
}

// toSurvey are the options of a batch: it is tried again while its tick lasts,
// so that a worker which dies loses no target.
func (r *rounds) toSurvey(ctx workflow.Context, s slot, vantage string) workflow.Context {
	limit := s.interval + r.check.Timeout.Std() + probeSlack
	options := workflow.ActivityOptions{
		StartToCloseTimeout: limit, ScheduleToCloseTimeout: limit, HeartbeatTimeout: batchHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2},
		Summary:     "probe " + s.String(),
		// Batches are for whoever has room, not just for the worker that runs this.
		DisableEagerExecution: true,
	}
	if vantage != "" {
		options.TaskQueue = VantageTaskQueue(vantage)
		options.Summary += " from " + vantage
	}
	return workflow.WithActivityOptions(ctx, options)
}

// failingIn names the targets of a batch that failed at the last tick.
func (r *rounds) failingIn(s slot) []string {
	var names []string
	for _, failing := range r.state.Fleet.Failing {
		if s.has(failing) {
			names = append(names, failing.Target)
		}
	}
	return names
}
