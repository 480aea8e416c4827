package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
)

const (
	// sweepEvery is how often the Gatekeeper looks after silent incidents;
	// silentAfter is how long one may be silent first.
	sweepEvery  = time.Minute
	silentAfter = 2 * time.Minute
	// sweepTimeout bounds one sweep.
	sweepTimeout = 45 * time.Second
)

// sweep looks after incidents that have not been heard of: one that was
// terminated cannot say that it is closed.
type sweep struct {
	// at is when the next one is due; under is set while one is under way.
	at    time.Time
	under bool
	// looked is when a service was last looked after, in this run.
	looked map[string]time.Time
}

func (g *gatekeeper) startSweep(ctx workflow.Context, now time.Time) {
	if g.sweep.under || len(g.down) == 0 || now.Before(g.sweep.at) {
		return
	}
	g.sweep.at = now.Add(sweepEvery)
	silent := g.silent(now)
	if len(silent) == 0 {
		return
	}
	g.sweep.under = true
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: sweepTimeout,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1}, // the next one comes in a minute
		Summary:                fmt.Sprintf("look after %d incidents that were not heard of", len(silent)),
	})
	var permits *activities.Permits
	swept := workflow.ExecuteActivity(ctx, permits.Sweep, activities.SweepInput{Incidents: silent})
	workflow.Go(ctx, func(ctx workflow.Context) {
		var out activities.SweepOutput
		err := swept.Get(ctx, &out)
		g.sweep.under = false
		if err != nil {
			g.logger.Warn(fmt.Sprintf("looking after silent incidents: %v", cause(err)))
		}
		g.bury(out.Gone, workflow.Now(ctx))
		g.nudge.SendAsync(nil)
	})
}

// silent names the services that are down and were not heard of, nor looked
// after, for a while: the longest silent first.
func (g *gatekeeper) silent(now time.Time) []activities.SweepIncident {
	heard := func(service string) time.Time {
		seen, looked := g.Accounts[service].SeenAt, g.sweep.looked[service]
		if looked.After(seen) {
			return looked
		}
		return seen
	}
	var names []string
	for _, service := range g.down {
		if now.Sub(heard(service)) >= silentAfter {
			names = append(names, service)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(heard(a).Compare(heard(b)), cmp.Compare(a, b))
	})
	names = names[:min(len(names), activities.SweepLimit)]
	incidents := make([]activities.SweepIncident, len(names))
	for i, service := range names {
		g.sweep.looked[service] = now
		account := g.Accounts[service]
		incidents[i] = activities.SweepIncident{Service: service, Workflow: account.Workflow, Run: account.Run}
	}
	return incidents
}

// bury closes the incidents that have ended without a word.
func (g *gatekeeper) bury(gone []activities.SweepIncident, now time.Time) {
	for _, incident := range gone {
		g.logger.Warn(fmt.Sprintf("%s: its incident has ended without a word", incident.Service))
		g.close(Closed{Service: incident.Service, Run: incident.Run}, now)
	}
}
