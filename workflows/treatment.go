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
	// while it carries out a step or sends an alert.
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
	r.treating = true
	defer func() { r.treating = false }()
	r.Attempts++
	r.Incident.Attempts++
	if r.Incident.ActedAt.IsZero() {
		r.Incident.ActedAt = workflow.Now(ctx)
	}
	r.Hurry, r.Approval = false, health.Approval{}
	r.Treated, r.Unverified, r.Acted = false, true, true
	r.Passes, r.FirstPassAt = 0, time.Time{}
	r.note(ctx, health.EntryAttempt, fmt.Sprintf("attempt %d: %s", r.Incident.Attempts, step.Title))
	treatment, err := r.carryOut(ctx, decision.Step, step)
	if ctx.Err() != nil {
		return
	}
	r.recordTreatment(ctx, step, treatment, err)
	r.describe(ctx)
	if r.Acted || r.Deferred {
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
func (r *remediation) recordTreatment(ctx workflow.Context, step Step, treatment health.Treatment, err error) {
	r.Deferred = err == nil && treatment.Effect == health.LeftAlone
	text := string(treatment.Effect) + ": " + treatment.Detail
	switch {
	case err != nil && mayHaveActed(err):
		text = "uncertain: it may have taken effect: " + cause(err).Error()
	case err != nil:
		r.Acted = false
		text = "could not be attempted: " + r.explain(err)
	case treatment.Effect == health.LeftAlone, treatment.Effect == health.Skipped:
		r.Acted = false
	default:
		r.Treated = true
	}
	if r.Acted {
		r.Restarts++
		r.Incident.Restarts++
	}
	r.Incident.Action = health.Clip(step.Title+": "+text, actionLimit)
	r.addEvidence(ctx, treatment)
	if output := strings.TrimSpace(treatment.Output); output != "" {
		text += "\n" + output
	}
	r.note(ctx, health.EntryAttempt, text)
}

// actionLimit bounds what stands as the last action, in bytes.
const actionLimit = 300

// addEvidence takes what was found beside the attempt into the record.
func (r *remediation) addEvidence(ctx workflow.Context, treatment health.Treatment) {
	for _, note := range treatment.Notes {
		r.note(ctx, health.EntryAttempt, note)
	}
	if evidence := strings.TrimSpace(treatment.Evidence); evidence != "" {
		r.Incident.Evidence = health.Clip(evidence, evidenceLimit)
		r.add(ctx, health.EntryEvidence, evidence)
	}
}

// evidenceLimit bounds the evidence in the record, in bytes.
const evidenceLimit = 4 << 10

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
