package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// messages returns a selector of all that people and the configuration may say
// to a Monitor. It is read between ticks and once more before the watch ends,
// so that no message is lost with the run.
func (m *monitor) messages(ctx workflow.Context) workflow.Selector {
	selector := workflow.NewNamedSelector(ctx, "messages")
	receive(ctx, selector, SignalPause, func(pause Pause) { m.pause(ctx, pause) })
	receive(ctx, selector, SignalResume, func(resume Resume) { m.resume(ctx, resume) })
	receive(ctx, selector, SignalProbeNow, func(struct{}) { m.probeNow = m.state.Paused == nil })
	receive(ctx, selector, SignalReconfigure, func(check Check) { m.reconfigure(ctx, check) })
	receive(ctx, selector, SignalMode, func(order SetMode) { m.setMode(ctx, order) })
	receive(ctx, selector, SignalMaintain, func(span Span) { m.maintain(ctx, span) })
	receive(ctx, selector, SignalSilence, func(span Span) { m.silence(ctx, span) })
	return selector
}

// receive adds a signal of one payload type to a selector.
func receive[T any](ctx workflow.Context, selector workflow.Selector, signal string, handle func(T)) {
	selector.AddReceive(workflow.GetSignalChannel(ctx, signal), func(channel workflow.ReceiveChannel, _ bool) {
		var payload T
		channel.Receive(ctx, &payload)
		handle(payload)
	})
}

// pause stops the probing until somebody resumes it, over watches and
// restarts. A streak below the threshold is forgotten: what the service does
// meanwhile is not our business. An open incident goes on.
func (m *monitor) pause(ctx workflow.Context, pause Pause) {
	pause.At = workflow.Now(ctx)
	pause.By, pause.Note = health.Clip(pause.By, orderNameLimit), health.Clip(pause.Note, orderReasonLimit)
	m.state.Paused = &pause
	m.state.Streak = health.Streak{}
	if m.rounds != nil {
		m.rounds.forget()
	}
	m.state.State, m.state.Since = health.StatePaused, pause.At
	m.logger.Info(fmt.Sprintf("%s: paused by %s: %s", m.check.Service, pause.By, pause.Note))
	m.describe(ctx)
}

func (m *monitor) resume(ctx workflow.Context, resume Resume) {
	if m.state.Paused == nil {
		return
	}
	m.state.Paused = nil
	m.state.State, m.state.Since = health.StateUnknown, workflow.Now(ctx)
	m.logger.Info(fmt.Sprintf("%s: resumed by %s", m.check.Service, resume.By))
	m.probeNow = true
	m.describe(ctx)
}

// reconfigure takes a new check on at once. If it moves the watches, this one
// ends, and the run that the new schedule has waiting takes over.
func (m *monitor) reconfigure(ctx workflow.Context, check Check) {
	cadence, err := newCadence(check)
	if check.Service != m.check.Service || err != nil {
		m.logger.Error(fmt.Sprintf("%s: a new configuration was refused: for %q, %v", m.check.Service, check.Service, err))
		return
	}
	m.relieved = m.relieved || check.Watch != m.check.Watch
	m.check, m.cadence = check, cadence
	m.takeRounds(ctx)
	if m.rounds != nil {
		m.passOn(ctx, SignalReconfigure, check)
	}
	m.logger.Info(m.check.Service + ": new configuration in force")
	m.describe(ctx)
}
