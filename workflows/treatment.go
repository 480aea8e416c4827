package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

const (
	// heartbeatTimeout is how long a silent worker is believed to be alive
	// while it carries out a step.
	heartbeatTimeout = 8 * time.Second
	// hostTimeout is how long a step waits for a worker on its host.
	hostTimeout = time.Minute
	// remedyTries is how often a step that could not be attempted is tried
	// before the attempt counts as made in vain.
	remedyTries = 5
)

// treat makes one attempt: it carries out a step of the runbook and lets the
// service settle.
func (r *remediation) treat(ctx workflow.Context, decision health.Decision) {
	step := r.check.Remediation.Steps[decision.Step]
	r.Incident.Attempts++
	r.Treated, r.Unverified = false, true
	r.Passes, r.FirstPassAt = 0, time.Time{}
	r.note(ctx, health.EntryAttempt, fmt.Sprintf("attempt %d: %s", r.Incident.Attempts, step.Title))
	treatment, err := r.carryOut(ctx, decision.Step, step)
	if ctx.Err() != nil {
		return
	}
	r.recordTreatment(ctx, treatment, err)
	r.describe(ctx)
	if err == nil || mayHaveActed(err) {
		r.settle(ctx)
	}
	r.Rested = workflow.Now(ctx)
	// A probe that passed meanwhile may be the end of the downtime, but what
	// counts is that the service still passes once it has settled.
	r.Passes, r.Unverified = 0, true
}

func (r *remediation) carryOut(ctx workflow.Context, index int, step Step) (health.Treatment, error) {
	options := workflow.ActivityOptions{
		StartToCloseTimeout: step.Limit.Std(),
		HeartbeatTimeout:    heartbeatTimeout,
		WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumAttempts: remedyTries,
		},
		Summary: fmt.Sprintf("attempt %d: %s", r.Incident.Attempts, step.Title),
	}
	if host := r.check.Remediation.Host; host != "" {
		options.TaskQueue = HostTaskQueue(host)
		options.ScheduleToStartTimeout = hostTimeout
	}
	in := activities.RemediateInput{Service: r.check.Service, Target: r.target, Step: index, LastFailure: r.LastFailureAt}
	if r.Deferred {
		in.LastFailure = time.Time{} // once is courtesy; now it is our turn
	}
	var remedies *activities.Remedies
	var treatment health.Treatment
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), remedies.Remediate, in).Get(ctx, &treatment)
	return treatment, err
}

// recordTreatment writes down what came of an attempt. What may have taken
// effect counts as a restart: limits err on the side of fewer.
func (r *remediation) recordTreatment(ctx workflow.Context, treatment health.Treatment, err error) {
	r.Deferred = err == nil && treatment.Effect == health.LeftAlone
	switch {
	case err != nil && mayHaveActed(err):
		r.Incident.Restarts++
		r.note(ctx, health.EntryAttempt, "uncertain: it may have taken effect: "+cause(err).Error())
	case err != nil:
		r.note(ctx, health.EntryAttempt, "could not be attempted: "+r.explain(err))
	case treatment.Effect == health.LeftAlone:
		r.note(ctx, health.EntryAttempt, string(treatment.Effect)+": "+treatment.Detail)
	default:
		r.Incident.Restarts++
		r.Treated = true
		text := string(treatment.Effect) + ": " + treatment.Detail
		if output := strings.TrimSpace(treatment.Output); output != "" {
			text += "\n" + output
		}
		r.note(ctx, health.EntryAttempt, text)
	}
}

// explain puts an error of an attempt in words that say what to do about it.
func (r *remediation) explain(err error) string {
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) && timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START {
		host := r.check.Remediation.Host
		return fmt.Sprintf("no worker serves host %q within %s; start one there with --host %s", host, hostTimeout, host)
	}
	return cause(err).Error()
}

// mayHaveActed reports whether an attempt was under way when its worker was
// lost for good, or when it failed. An attempt that nobody took up again may
// have been, too: it leaves a checkpoint before it acts.
func mayHaveActed(err error) bool {
	var application *temporal.ApplicationError
	if errors.As(err, &application) && application.Type() == activities.TypeUncertain {
		return true
	}
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout) &&
		(timeout.TimeoutType() != enums.TIMEOUT_TYPE_SCHEDULE_TO_START || timeout.HasLastHeartbeatDetails())
}

// settle waits for a service to come up after an attempt.
func (r *remediation) settle(ctx workflow.Context) {
	wait := r.check.Remediation.Settle
	if wait <= 0 {
		return
	}
	timer := workflow.NewTimerWithOptions(ctx, wait.Std(), workflow.TimerOptions{
		Summary: fmt.Sprintf("settle %s before verifying", wait),
	})
	// Cancelled with the incident: over sees that by itself.
	_ = timer.Get(ctx, nil)
}
