package operator

import (
	"context"
	"fmt"
	"time"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// SetMode sets the mode of a service at run time, and returns once its Monitor
// shows it. An empty mode goes back to the configured one.
func (o *Operator) SetMode(ctx context.Context, service string, order workflows.SetMode) (workflows.MonitorState, error) {
	return o.order(ctx, service, order.By, workflows.SignalMode, order, "mode", func(state workflows.MonitorState) bool {
		set := state.Orders.Mode
		return set == nil && order.Mode == "" || set != nil && set.Mode == order.Mode
	})
}

// Maintain opens a maintenance window from now on, or ends the one that is
// open, and returns once the Monitor shows it.
func (o *Operator) Maintain(ctx context.Context, service string, span workflows.Span) (workflows.MonitorState, error) {
	return o.order(ctx, service, span.By, workflows.SignalMaintain, span, "maintenance",
		func(state workflows.MonitorState) bool { return shows(state.Orders.Maintenance, span, o.now()) })
}

// Silence mutes the alerts of a service from now on, or ends that, and returns
// once the Monitor shows it.
func (o *Operator) Silence(ctx context.Context, service string, span workflows.Span) (workflows.MonitorState, error) {
	return o.order(ctx, service, span.By, workflows.SignalSilence, span, "silence",
		func(state workflows.MonitorState) bool { return shows(state.Orders.Silence, span, o.now()) })
}

// order tells the Monitor of a service what a human wants, and waits until it
// shows.
func (o *Operator) order(
	ctx context.Context, service, by, signal string, payload any, what string, done func(workflows.MonitorState) bool,
) (workflows.MonitorState, error) {
	if err := named(by); err != nil {
		return workflows.MonitorState{}, err
	}
	if err := o.tell(ctx, service, signal, payload); err != nil {
		return workflows.MonitorState{}, err
	}
	return o.await(ctx, service, "the new "+what, effect, done)
}

// shows reports whether a window is the one that was asked for.
func shows(window *health.Window, span workflows.Span, now time.Time) bool {
	if span.For <= 0 && !span.Until.After(now) {
		return window == nil
	}
	until := span.Until
	if span.For > 0 {
		until = now.Add(span.For.Std())
	}
	// The Monitor counts from when it was told.
	return window != nil && window.Until.Sub(until).Abs() < effect+handover
}

// notes says in a few words what people have ordered for a service.
func notes(state workflows.MonitorState, now time.Time) []string {
	var all []string
	orders := state.Orders.Prune(now)
	if orders.Mode != nil {
		all = append(all, fmt.Sprintf("mode %s by %s", orders.Mode.Mode, orders.Mode.By))
	}
	if orders.Maintenance != nil {
		all = append(all, "maintenance until "+orders.Maintenance.Until.UTC().Format(time.RFC3339))
	}
	if orders.Silence != nil {
		all = append(all, "silence until "+orders.Silence.Until.UTC().Format(time.RFC3339))
	}
	if state.Flapping {
		all = append(all, fmt.Sprintf("flapping (%d %% changes)", state.Results.Changes()))
	}
	return all
}
