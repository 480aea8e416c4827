package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// listen takes messages for as long as the incident is open. Handlers are
// registered before the run first waits, so that none comes too early.
func (r *remediation) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandler(ctx, QueryIncident, func() (health.Incident, error) { return r.Incident, nil })
	if err != nil {
		return fmt.Errorf("registering the %s query: %w", QueryIncident, err)
	}
	// People may speak to an incident that is being closed or was cancelled.
	signals, _ := workflow.NewDisconnectedContext(ctx)
	selector := workflow.NewNamedSelector(signals, "messages")
	for _, what := range instructions() {
		if err := r.listenTo(ctx, signals, selector, what); err != nil {
			return err
		}
	}
	r.listenToWorkflows(signals, selector)
	workflow.GoNamed(signals, "messages", func(ctx workflow.Context) {
		for {
			selector.Select(ctx)
		}
	})
	return nil
}

// listenTo takes one instruction, as an update and as a signal.
func (r *remediation) listenTo(ctx, signals workflow.Context, selector workflow.Selector, what instruction) error {
	handle := func(ctx workflow.Context, in Instruction) (Receipt, error) { return r.obey(ctx, what, in), nil }
	err := workflow.SetUpdateHandlerWithOptions(ctx, what.name, handle, workflow.UpdateHandlerOptions{
		Validator: func(ctx workflow.Context, in Instruction) error { return r.validate(ctx, what, in) },
	})
	if err != nil {
		return fmt.Errorf("registering the %s update: %w", what.name, err)
	}
	receive(signals, selector, what.name, func(in Instruction) {
		if err := r.validate(signals, what, in); err != nil {
			r.note(signals, health.EntryNote, what.name+" refused: "+cause(err).Error())
			return
		}
		r.obey(signals, what, in)
	})
	return nil
}

// listenToWorkflows takes what the Monitor, the Gatekeeper, Outboxes and other
// incidents say.
func (r *remediation) listenToWorkflows(ctx workflow.Context, selector workflow.Selector) {
	receive(ctx, selector, SignalPassed, func(result health.Result) { r.passedElsewhere(ctx, result) })
	receive(ctx, selector, SignalWorse, func(worse Worse) { r.worsen(ctx, worse) })
	receive(ctx, selector, SignalReconfigure, func(check Check) { r.reconfigure(ctx, check) })
	receive(ctx, selector, SignalFlapping, func(flap Flap) { r.flap(ctx, flap) })
	receive(ctx, selector, SignalOrders, func(orders health.Orders) { r.order(ctx, orders) })
	receive(ctx, selector, SignalAffected, func(affected Affected) { r.affect(ctx, affected) })
	receive(ctx, selector, SignalWake, func(struct{}) { r.nudged = true })
	receive(ctx, selector, SignalDelivered, func(delivered Delivered) { r.delivered(ctx, delivered) })
}

// hearOut lets every message that has arrived take effect, and every message of
// ours arrive, before the run ends.
func (r *remediation) hearOut(ctx workflow.Context) error {
	heard := false
	workflow.Go(ctx, func(workflow.Context) { heard = true })
	// The listener was there first, and so has its turn before heard is set.
	return workflow.Await(ctx, func() bool {
		return heard && !r.posting && !r.telling && r.external == 0 && workflow.AllHandlersFinished(ctx)
	})
}

// passedElsewhere takes a passing probe of the Monitor into account and ends a
// rest, so that it is confirmed at once.
func (r *remediation) passedElsewhere(ctx workflow.Context, result health.Result) {
	if r.Incident.State == health.Resolved || !result.Status.Up() {
		return
	}
	r.observe(ctx, result, ofMonitor)
	r.nudged = true
}

// worsen takes up how many targets are down now, in the incident of a service
// with targets as a whole.
func (r *remediation) worsen(ctx workflow.Context, worse Worse) {
	if r.Incident.State == health.Resolved || r.whole == "" {
		return
	}
	r.LastFailureAt, r.Incident.Reason = worse.Result.At, worse.Result.Message
	r.Others, r.Known, r.nudged = max(0, worse.Down-1), false, true
	r.add(ctx, health.EntryFailure, worse.Result.Message)
	r.describe(ctx)
}

// reconfigure lets new limits apply at once.
func (r *remediation) reconfigure(ctx workflow.Context, check Check) {
	if check.Service != r.check.Service {
		return
	}
	r.check = check.of(r.class, r.whole)
	r.changed(ctx, "new configuration in force")
}

// flap takes up that the service has begun or ceased to flap.
func (r *remediation) flap(ctx workflow.Context, flap Flap) {
	if flap.Flapping == r.Flapping || r.Incident.State == health.Resolved {
		return
	}
	r.Flapping = flap.Flapping
	text := "flapping has ceased"
	if flap.Flapping {
		text = "flapping"
	}
	r.changed(ctx, fmt.Sprintf("%s: %d %% changes of state in the latest %d probes", text, flap.Changes, health.FlapWindow))
}

// order takes what people have ordered for the service.
func (r *remediation) order(ctx workflow.Context, orders health.Orders) {
	before := r.mode()
	r.Orders = orders
	text := "new orders in force"
	if mode := r.mode(); mode != before {
		text = fmt.Sprintf("mode %s in place of %s", mode, before)
		r.Approval = health.Approval{}
	}
	r.changed(ctx, text)
}

// changed has everything decided anew that a message may have changed.
func (r *remediation) changed(ctx workflow.Context, text string) {
	r.nudged, r.Held = true, ""
	r.changes++
	r.note(ctx, health.EntryNote, text)
	r.describe(ctx)
}
