package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

// probeSlack is what a probe activity may take beyond the probe's own timeout:
// waiting for a slot and the way back.
const probeSlack = 5 * time.Second

// probe makes one probe. A service that passes is probed by a local activity,
// which costs half of what an activity costs, and shows in the history all the
// same. One that fails is probed by an activity: its evidence stands out in the
// history, and a probe that hangs until its timeout keeps no question or
// message for this run waiting. This is the one place where that is decided.
func (m *monitor) probe(ctx workflow.Context) (health.Result, error) {
	var probes *activities.Probes
	var result health.Result
	in := activities.ProbeInput{Service: m.check.Service}
	limit := m.check.Timeout.Std() + probeSlack
	once := &temporal.RetryPolicy{MaximumAttempts: 1}
	if m.state.Streak.Failures == 0 {
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
			ScheduleToCloseTimeout: limit, RetryPolicy: once, Summary: "probe " + m.check.Service,
		})
		err := workflow.ExecuteLocalActivity(ctx, probes.Probe, in).Get(ctx, &result)
		return result, cause(err)
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: limit, RetryPolicy: once,
		Summary: fmt.Sprintf("probe %s after %d failures", m.check.Service, m.state.Streak.Failures),
	})
	err := workflow.ExecuteActivity(ctx, probes.Probe, in).Get(ctx, &result)
	return result, cause(err)
}

// openIncidentIfDue opens an incident when the streak reaches its threshold.
// At each further multiple it makes sure that the incident is still open: it
// may have been terminated by hand, or closed a moment before this failure.
func (m *monitor) openIncidentIfDue(ctx workflow.Context, result health.Result) {
	switch m.state.Streak.Against(m.check.FailureThreshold) {
	case health.ReachedThreshold:
		m.openIncident(ctx, m.state.Streak, result)
	case health.ReachedAgain:
		last, err := m.lastIncident(ctx, "")
		switch {
		case err != nil:
			m.logger.Error(fmt.Sprintf("%s: asking for the open incident: %v", m.check.Service, err))
		case last.Open:
		case last.ClosedAt.After(m.state.Streak.FirstFailureAt):
			// That incident has dealt with these failures up to its end: this
			// is the first of a new streak.
			m.state.Streak = health.Streak{}.Observe(result)
			m.state.State, m.state.Since = health.StateFailing, result.At
		default:
			m.openIncident(ctx, m.state.Streak, result)
		}
	}
}

func (m *monitor) lastIncident(ctx workflow.Context, target string) (activities.LastIncident, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: 10 * time.Second,
		Summary:                "is the incident open?",
	})
	var incidents *activities.Incidents
	var last activities.LastIncident
	err := workflow.ExecuteLocalActivity(ctx, incidents.LastIncident, RemediationID(m.check.Service, target)).Get(ctx, &last)
	return last, cause(err)
}

// openIncident starts the Remediation and waits until it has started.
func (m *monitor) openIncident(ctx workflow.Context, streak health.Streak, result health.Result) {
	m.isOpened(ctx, "", m.start(ctx, opening{streak: streak, result: result}))
}

// opening is what an incident is opened for: the service itself, one of its
// targets, or all of them as a whole.
type opening struct {
	target, class string
	whole         WholeReason
	// down counts the targets that an incident for the whole stands for.
	down   int
	streak health.Streak
	result health.Result
}

// start starts a Remediation. Its id is its guard: one that runs already is
// healing this very outage.
func (m *monitor) start(ctx workflow.Context, o opening) workflow.Future {
	// The incident outlives this watch, also one that is cancelled.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	check := m.check.of(o.class, o.whole)
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            RemediationID(m.check.Service, o.target),
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		TypedSearchAttributes: attributesOf(m.check),
		Memo: map[string]any{
			MemoIncident: health.IncidentID(m.check.Service, o.target, o.streak.FirstFailureAt),
		},
		StaticSummary: m.incidentSummary(o),
		StaticDetails: m.incidentDetails(o.streak),
	})
	return workflow.ExecuteChildWorkflow(ctx, Remediation, RemediationInput{
		Check: check, Target: o.target, Class: o.class, Whole: o.whole, Down: o.down,
		Streak: o.streak, LastFailure: o.result, Flapping: m.state.Flapping, Orders: m.state.Orders,
	}).GetChildWorkflowExecution()
}

// isOpened waits until a Remediation has started, and reports whether there is
// one now.
func (m *monitor) isOpened(ctx workflow.Context, target string, started workflow.Future) bool {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	err := started.Get(ctx, nil)
	if err == nil || temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return true
	}
	m.logger.Error(fmt.Sprintf("%s: the incident could not be opened, trying again after more failures: %v",
		health.TargetID(m.check.Service, target), err))
	return false
}

// summaryLimit bounds the cause in a summary of the Web UI, in bytes.
const summaryLimit = 120

// cause strips Temporal's wrapping off an activity's error: what people read
// is what went wrong, not through how many hands it went.
func cause(err error) error {
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		return errors.New(application.Message())
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return fmt.Errorf("no worker finished it in time (%s)", timeout.TimeoutType())
	}
	var activity *temporal.ActivityError
	if errors.As(err, &activity) && activity.Unwrap() != nil {
		return activity.Unwrap()
	}
	return err
}
