package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"paramedic/internal/health"
	"paramedic/workflows"
)

const (
	// handover is how long the next Monitor may take to come on duty after the
	// last one has ended; it is a matter of milliseconds to a second.
	handover = 5 * time.Second
	// effect is how long a Monitor may take to show what it was told.
	effect = 10 * time.Second
	// pollEvery is the pause between two looks at a Monitor.
	pollEvery = 100 * time.Millisecond
)

// Pause tells the Monitor of a service to stop probing, and returns once it
// has. A pause holds across watches until Resume.
func (o *Operator) Pause(ctx context.Context, service string, pause workflows.Pause) (workflows.MonitorState, error) {
	if err := named(pause.By); err != nil {
		return workflows.MonitorState{}, err
	}
	if err := o.tell(ctx, service, workflows.SignalPause, pause); err != nil {
		return workflows.MonitorState{}, err
	}
	return o.await(ctx, service, "the pause", effect, func(state workflows.MonitorState) bool { return state.Paused != nil })
}

// Resume takes a pause back, and returns once the Monitor is probing again.
func (o *Operator) Resume(ctx context.Context, service string, resume workflows.Resume) (workflows.MonitorState, error) {
	if err := named(resume.By); err != nil {
		return workflows.MonitorState{}, err
	}
	if err := o.tell(ctx, service, workflows.SignalResume, resume); err != nil {
		return workflows.MonitorState{}, err
	}
	return o.await(ctx, service, "the end of the pause", effect, func(state workflows.MonitorState) bool { return state.Paused == nil })
}

// ProbeNow has a service probed at once, off the grid, and returns the state
// after it. limit is the service's own time limit for a probe.
func (o *Operator) ProbeNow(ctx context.Context, service string, limit time.Duration) (workflows.MonitorState, error) {
	before, err := o.stateOf(ctx, service)
	if err != nil {
		return workflows.MonitorState{}, err
	}
	if before.Paused != nil {
		return before, Refused{fmt.Sprintf("%q is paused by %s: resume it first with `starter resume %s`", service, before.Paused.By, service)}
	}
	if err := o.tell(ctx, service, workflows.SignalProbeNow, struct{}{}); err != nil {
		return workflows.MonitorState{}, err
	}
	return o.await(ctx, service, "the result of the probe", effect+limit, func(state workflows.MonitorState) bool {
		return state.LastProbeAt.After(before.LastProbeAt)
	})
}

// tell signals the running Monitor of a service. A Monitor that ends in
// between is followed by the next one, which is told instead.
func (o *Operator) tell(ctx context.Context, service, signal string, payload any) error {
	giveUp := o.now().Add(handover)
	for {
		duty, err := o.dutyOf(ctx, service)
		if err != nil {
			return err
		}
		if duty.running == nil {
			err = duty.absence(service)
		} else {
			err = o.temporal.SignalWorkflow(ctx, duty.running.WorkflowID, "", signal, payload)
		}
		if err == nil {
			return nil
		}
		if passing(err) && !duty.paused && o.now().Before(giveUp) {
			if err := rest(ctx); err != nil {
				return err
			}
			continue
		}
		return fmt.Errorf("tell the Monitor of %q to %s: %w", service, signal, err)
	}
}

// await looks at the Monitor of a service until done holds. What is waited for
// is named for the error.
func (o *Operator) await(
	ctx context.Context, service, what string, limit time.Duration, done func(workflows.MonitorState) bool,
) (workflows.MonitorState, error) {
	giveUp := o.now().Add(limit)
	for {
		state, err := o.stateOf(ctx, service)
		if err == nil && done(state) {
			return state, nil
		}
		if err != nil && !passing(err) {
			return state, err
		}
		if o.now().After(giveUp) {
			if err == nil {
				err = ErrUnconfirmed
			}
			return state, fmt.Errorf("waited %s for %s of %q: %w", health.Duration(limit), what, service, err)
		}
		if err := rest(ctx); err != nil {
			return state, err
		}
	}
}

// passing reports whether an error is a Monitor that has just gone off duty.
func passing(err error) bool {
	var (
		gone    *serviceerror.NotFound
		offDuty NotOnDuty
	)
	return errors.As(err, &gone) || errors.As(err, &offDuty)
}

// rest waits until the next look is due.
func rest(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollEvery):
		return nil
	}
}

// stateOf asks the running Monitor of a service for its state.
func (o *Operator) stateOf(ctx context.Context, service string) (workflows.MonitorState, error) {
	duty, err := o.dutyOf(ctx, service)
	if err != nil {
		return workflows.MonitorState{}, err
	}
	if duty.running == nil {
		return workflows.MonitorState{}, duty.absence(service)
	}
	return o.askState(ctx, *duty.running)
}

// askState asks one Monitor for its state.
func (o *Operator) askState(ctx context.Context, monitor client.ScheduleWorkflowExecution) (workflows.MonitorState, error) {
	var state workflows.MonitorState
	err := o.ask(ctx, monitor.WorkflowID, monitor.FirstExecutionRunID, workflows.QueryState, &state)
	return state, err
}

// ask queries a workflow and fills answer. Nobody there to answer is a NoWorker.
func (o *Operator) ask(ctx context.Context, workflowID, runID, query string, answer any) error {
	askCtx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	value, err := o.temporal.QueryWorkflow(askCtx, workflowID, runID, query)
	switch {
	case err == nil:
	case unanswered(err) && !errors.Is(context.Cause(ctx), context.Canceled):
		return NoWorker{TaskQueue: o.taskQueue}
	default:
		return fmt.Errorf("ask %s for its %s: %w", workflowID, query, err)
	}
	if err := value.Get(answer); err != nil {
		return fmt.Errorf("read the %s of %s: %w", query, workflowID, err)
	}
	return nil
}

// unanswered reports whether a query or an update failed for want of a worker.
func unanswered(err error) bool {
	var (
		nobody   NoWorker
		noPoller *serviceerror.FailedPrecondition
		late     *serviceerror.DeadlineExceeded
		gaveUp   *client.WorkflowUpdateServiceTimeoutOrCanceledError
	)
	return errors.As(err, &nobody) || errors.As(err, &noPoller) || errors.As(err, &late) || errors.As(err, &gaveUp) ||
		errors.Is(err, context.DeadlineExceeded)
}

// duty is who watches a service.
type duty struct {
	// running is the Monitor on duty, nil when there is none.
	running *client.ScheduleWorkflowExecution
	// last is the latest Monitor that was started, nil before the first.
	last *client.ScheduleWorkflowExecution
	// paused is set when the schedule itself has been paused; note says why.
	paused bool
	note   string
}

// absence is the error of a service without a Monitor.
func (d duty) absence(service string) NotOnDuty {
	if d.paused {
		return NotOnDuty{Service: service, Reason: fmt.Sprintf("its schedule %s is paused in Temporal (%s)", workflows.ScheduleID(service), d.note)}
	}
	return NotOnDuty{Service: service, Reason: "the next one is due at the start of the next watch"}
}

// dutyOf looks up who watches a service. A service without a schedule is a
// NotApplied.
func (o *Operator) dutyOf(ctx context.Context, service string) (duty, error) {
	description, err := o.temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(service)).Describe(ctx)
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return duty{}, NotApplied{Service: service}
	}
	if err != nil {
		return duty{}, fmt.Errorf("describe schedule %s: %w", workflows.ScheduleID(service), err)
	}
	found := duty{}
	if state := description.Schedule.State; state != nil {
		found.paused, found.note = state.Paused, state.Note
	}
	if running := description.Info.RunningWorkflows; len(running) > 0 {
		found.running = &running[len(running)-1]
	}
	if recent := description.Info.RecentActions; len(recent) > 0 {
		found.last = recent[len(recent)-1].StartWorkflowResult
	}
	return found, nil
}
