package workflows

import (
	"cmp"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

const (
	// permitTimeout bounds one question to the Gatekeeper.
	permitTimeout = 10 * time.Second
	// permitRetry is how long an incident waits before it asks a Gatekeeper
	// again that could not be reached.
	permitRetry = 5 * time.Second
	// permitSlack is added to the longest that an attempt can take.
	permitSlack = time.Minute
)

// ask has the last word from the Gatekeeper, and lets it know that the service
// is down. A Gatekeeper that cannot be reached means hold, not act.
func (r *remediation) ask(ctx workflow.Context, situation health.Situation, own health.Decision) health.Decision {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: permitTimeout,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2},
		Summary:                "ask the gatekeeper",
	})
	// A permit that is on its way back must arrive first, or it would take the
	// next one with it.
	_ = workflow.Await(ctx, func() bool { return r.external == 0 })
	info := workflow.GetInfo(ctx)
	in := activities.AskInput{
		Service:   r.name(),
		Incident:  r.Incident.ID,
		Workflow:  info.WorkflowExecution.ID,
		Run:       firstRun(ctx),
		Situation: situation,
		Lease:     health.Duration(r.lease()),
		Others:    r.Others,
		StableFor: r.check.Remediation.StableFor,
	}
	r.Asked, r.AskedAt = true, situation.Now
	var permits *activities.Permits
	var answer activities.AskAnswer
	err := workflow.ExecuteLocalActivity(ctx, permits.Ask, in).Get(ctx, &answer)
	switch {
	case err == nil:
		r.Known = true
		r.Permit, r.Acted = answer.Decision.Act, false
		return answer.Decision
	case !worthAsking(own):
		return own // it is asked again with the next decision
	default:
		r.Known, r.Permit, r.Acted = true, true, false // it may have been granted all the same; it goes back either way
		return health.Decision{
			Rule: health.RuleGatekeeper, At: workflow.Now(ctx).Add(permitRetry),
			Note: "the gatekeeper of restarts cannot be reached: " + cause(err).Error(),
		}
	}
}

// firstRun names the incident's chain of runs.
func firstRun(ctx workflow.Context) string {
	info := workflow.GetInfo(ctx)
	return cmp.Or(info.FirstRunID, info.WorkflowExecution.RunID)
}

// lease is the longest that an attempt can take, with its verification.
func (r *remediation) lease() time.Duration {
	var longest time.Duration
	for _, step := range r.check.Remediation.Steps {
		longest = max(longest, step.Limit.Std())
	}
	plan := r.check.Remediation
	return remedyTries*longest + hostTimeout + plan.Settle.Std() + r.check.Timeout.Std() + permitSlack
}

// giveBack returns the permit once the attempt has been judged, so that the
// next service waits until this one is up or known not to be.
func (r *remediation) giveBack(ctx workflow.Context) {
	if !r.Permit {
		return
	}
	r.Permit = false
	r.signalGatekeeper(ctx, SignalRelease, Release{
		Service: r.name(), Run: firstRun(ctx), Asked: r.AskedAt, Acted: r.Acted,
	})
}

// tellClosed lets the Gatekeeper know that the service is no longer down.
func (r *remediation) tellClosed(ctx workflow.Context) {
	if r.Asked { // it may know, also if its answer was lost
		r.signalGatekeeper(ctx, SignalClosed, Closed{
			Service: r.name(), Incident: r.Incident.ID, Run: firstRun(ctx),
		})
	}
}

func (r *remediation) signalGatekeeper(ctx workflow.Context, signal string, payload any) {
	id := activities.GatekeeperID(workflow.GetInfo(ctx).TaskQueueName)
	r.signal(ctx, id, signal, payload, func(err error) {
		r.logger.Warn(fmt.Sprintf("%s: telling the gatekeeper %s: %v", r.name(), signal, err))
	})
}

// signal tells another workflow something and does not wait for it; the run
// does not end before it has arrived. failed, if set, hears of an error.
func (r *remediation) signal(ctx workflow.Context, id, signal string, payload any, failed func(error)) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r.external++
	sent := workflow.SignalExternalWorkflow(ctx, id, "", signal, payload)
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { r.external-- }()
		if err := sent.Get(ctx, nil); err != nil && failed != nil {
			failed(err)
		}
	})
}
