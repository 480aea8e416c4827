package workflows

import (
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
	// permitRetry is how long an incident waits before it asks again.
	permitRetry = 5 * time.Second
	// permitSlack is added to the longest that an attempt can take.
	permitSlack = time.Minute
)

// permitted asks the Gatekeeper whether a restart would break a limit of the
// whole fleet. A Gatekeeper that cannot be reached means hold, not act.
func (r *remediation) permitted(ctx workflow.Context, decision health.Decision) health.Decision {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: permitTimeout,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2},
		Summary:                "ask the gatekeeper",
	})
	step := r.check.Remediation.Steps[decision.Step]
	lease := remedyTries*step.Limit.Std() + hostTimeout + r.check.Remediation.Settle.Std() + r.check.Timeout.Std() + permitSlack
	in := activities.AcquireInput{Holder: r.holder(ctx), Service: r.check.Service, Lease: health.Duration(lease)}
	var permits *activities.Permits
	var answer activities.AcquireAnswer
	err := workflow.ExecuteLocalActivity(ctx, permits.Acquire, in).Get(ctx, &answer)
	switch {
	case err != nil:
		r.Permit = true // it may have been granted all the same; it goes back either way
		return hold(ctx, "the gatekeeper of restarts cannot be reached: "+cause(err).Error())
	case !answer.Granted:
		return hold(ctx, answer.Reason)
	default:
		r.Permit = true
		return decision
	}
}

func hold(ctx workflow.Context, reason string) health.Decision {
	return health.Decision{Rule: health.RulePermit, Reason: reason, At: workflow.Now(ctx).Add(permitRetry)}
}

// giveBack returns the permit once the attempt has been judged, so that the
// next service waits until this one is up or known not to be.
func (r *remediation) giveBack(ctx workflow.Context) {
	if !r.Permit {
		return
	}
	r.Permit = false
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	id := activities.GatekeeperID(workflow.GetInfo(ctx).TaskQueueName)
	r.giving++
	release := workflow.SignalExternalWorkflow(ctx, id, "", SignalRelease, Release{Holder: r.holder(ctx)})
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { r.giving-- }()
		if err := release.Get(ctx, nil); err != nil {
			r.logger.Warn(fmt.Sprintf("%s: giving the permit back: %v; it ends with its lease", r.check.Service, err))
		}
	})
}

// holder names this incident in the Gatekeeper's ledger. An incident makes one
// attempt at a time, so its workflow and first run say enough.
func (r *remediation) holder(ctx workflow.Context) string {
	info := workflow.GetInfo(ctx)
	return info.WorkflowExecution.ID + "/" + info.FirstRunID
}
