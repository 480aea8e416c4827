package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// TargetStatus is where one target stands, for people.
type TargetStatus struct {
	Service string       `json:"service"`
	Target  string       `json:"target"`
	State   health.State `json:"state"`
	// Since is when the state began, LastProbeAt when the last probe did; null
	// when not known.
	Since       Time `json:"since"`
	LastProbeAt Time `json:"last_probe_at"`
	// LatencyMS is how long the last probe took, in milliseconds.
	LatencyMS float64 `json:"latency_ms"`
	Message   string  `json:"message"`
	// Streak counts the failed probes in a row.
	Streak int `json:"streak"`
	// Targets counts the targets of a service that has many; null for others.
	Targets *health.Counts `json:"targets,omitempty"`
	// Fleet is what its Monitor knows of them, if it was asked.
	Fleet *workflows.FleetState `json:"-"`
	// Notes say what people have ordered for it, and whether it flaps.
	Notes []string `json:"notes,omitempty"`
}

// Status returns where each of the services stands, in their order. A service
// that nobody answers for is unknown, with a message that says why; an error
// means that Temporal could not be asked.
func (o *Operator) Status(ctx context.Context, services []string) ([]TargetStatus, error) {
	statuses := make([]TargetStatus, len(services))
	asking, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, service := range services {
		group.Go(func() error {
			status, err := o.status(groupCtx, asking, service)
			statuses[i] = status
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return statuses, nil
}

// status returns where one service stands. Workers are asked within asking.
func (o *Operator) status(ctx, asking context.Context, service string) (TargetStatus, error) {
	duty, err := o.dutyOf(ctx, service)
	if notApplied := (NotApplied{}); errors.As(err, &notApplied) {
		return unknown(service, "not applied yet: run `starter apply`"), nil
	}
	if err != nil {
		return TargetStatus{}, err
	}
	state, err := o.lastKnown(ctx, asking, service, duty)
	if err != nil {
		if ctx.Err() != nil {
			return TargetStatus{}, ctx.Err()
		}
		return unknown(service, err.Error()), nil
	}
	status := StatusOf(service, state)
	if duty.paused && duty.running == nil {
		status.State = health.StatePaused
		status.Message = fmt.Sprintf("schedule %s is paused in Temporal: %s", workflows.ScheduleID(service), duty.note)
	}
	return status, nil
}

// lastKnown is the state that the running Monitor gives, or, when none runs,
// the one that the last Monitor left.
func (o *Operator) lastKnown(ctx, asking context.Context, service string, duty duty) (workflows.MonitorState, error) {
	if duty.running != nil {
		return o.askState(asking, *duty.running)
	}
	if duty.last == nil {
		return workflows.MonitorState{State: health.StateUnknown, Message: "no probe has been made yet"}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var state workflows.MonitorState
	err := o.temporal.GetWorkflow(ctx, duty.last.WorkflowID, duty.last.FirstExecutionRunID).Get(ctx, &state)
	if err != nil {
		return state, fmt.Errorf("%w; the last one ended badly: %w", duty.absence(service), err)
	}
	return state, nil
}

// StatusOf writes the state of a Monitor as a status. Its targets, if it has
// some, are counted by Count.
func StatusOf(service string, state workflows.MonitorState) TargetStatus {
	status := TargetStatus{
		Service:     service,
		State:       state.State,
		Since:       Time{state.Since},
		LastProbeAt: Time{state.LastProbeAt},
		LatencyMS:   state.LatencyMS,
		Message:     state.Message,
		Streak:      state.Streak.Failures,
		Notes:       notes(state, time.Now()),
		Fleet:       state.Fleet,
	}
	if status.State == "" {
		status.State = health.StateUnknown
	}
	if state.Paused != nil {
		status.State = health.StatePaused
		status.Message = pauseMessage(*state.Paused)
	}
	return status
}

// pauseMessage says who paused the probing, when and why.
func pauseMessage(pause workflows.Pause) string {
	text := "paused by " + pause.By
	if !pause.At.IsZero() {
		text += " at " + pause.At.UTC().Format(time.RFC3339)
	}
	if pause.Note != "" {
		text += ": " + pause.Note
	}
	return text
}

// unknown is the status of a service that nobody answers for.
func unknown(service, why string) TargetStatus {
	return TargetStatus{Service: service, State: health.StateUnknown, Message: why}
}
