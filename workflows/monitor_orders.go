package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// Limits of what people write into a Monitor's state, in bytes; see
// MonitorState.
const (
	orderNameLimit   = 32
	orderReasonLimit = 40
)

// setMode sets the mode at run time, or goes back to the configured one.
func (m *monitor) setMode(ctx workflow.Context, order SetMode) {
	switch order.Mode {
	case health.ModeAct, health.ModeObserve, health.ModeApprove:
		m.state.Orders.Mode = &health.ModeOrder{
			Mode: order.Mode, By: health.Clip(order.By, orderNameLimit), At: workflow.Now(ctx),
		}
	case "":
		m.state.Orders.Mode = nil
	default:
		m.logger.Error(fmt.Sprintf("%s: mode %q of %s was refused: it is none of act, observe, approve", m.check.Service, order.Mode, order.By))
		return
	}
	m.pass(ctx, order.By, fmt.Sprintf("mode %s", m.state.Orders.ModeIn(m.check.Remediation.Mode)))
}

// maintain opens or ends a maintenance window.
func (m *monitor) maintain(ctx workflow.Context, span Span) {
	m.state.Orders.Maintenance = m.window(ctx, span)
	m.pass(ctx, span.By, "maintenance"+window(m.state.Orders.Maintenance))
}

// silence opens or ends a silence.
func (m *monitor) silence(ctx workflow.Context, span Span) {
	m.state.Orders.Silence = m.window(ctx, span)
	m.pass(ctx, span.By, "silence"+window(m.state.Orders.Silence))
}

// windowLimit bounds a window that was opened by hand: its end always comes.
const windowLimit = 30 * 24 * time.Hour

// window is what a span comes to now; nil if it is over or ends one.
func (m *monitor) window(ctx workflow.Context, span Span) *health.Window {
	now := workflow.Now(ctx)
	until := span.Until
	if span.For > 0 {
		until = now.Add(span.For.Std())
	}
	if !until.After(now) {
		return nil
	}
	if latest := now.Add(windowLimit); until.After(latest) {
		until = latest
	}
	return &health.Window{
		Until: until.UTC().Truncate(time.Second),
		By:    health.Clip(span.By, orderNameLimit), Reason: health.Clip(span.Reason, orderReasonLimit),
	}
}

func window(w *health.Window) string {
	if w == nil {
		return " over"
	}
	text := " until " + stamp(w.Until)
	if w.Reason != "" {
		text += ": " + w.Reason
	}
	return text
}

// pass tells the log and the open incident, if there is one, what people have
// ordered.
func (m *monitor) pass(ctx workflow.Context, by, what string) {
	if strings.TrimSpace(by) == "" {
		by = "somebody"
	}
	m.logger.Info(fmt.Sprintf("%s: %s, by %s", m.check.Service, what, by))
	m.passOn(ctx, SignalOrders, m.state.Orders)
	m.describe(ctx)
}

// passOn tells every open incident something.
func (m *monitor) passOn(ctx workflow.Context, signal string, payload any) {
	if m.rounds == nil || m.state.Fleet.Whole != nil {
		m.signalIncident(ctx, signal, payload)
	}
	if m.rounds == nil {
		return
	}
	for _, failing := range slices.Clone(m.state.Fleet.Failing) {
		if failing.Open {
			m.signal(ctx, failing.Target, signal, payload)
		}
	}
}

// signalIncident tells the open incident something, if there is one.
func (m *monitor) signalIncident(ctx workflow.Context, signal string, payload any) bool {
	return m.signal(ctx, "", signal, payload)
}

// signal tells the open incident of a target something, if there is one.
func (m *monitor) signal(ctx workflow.Context, target, signal string, payload any) bool {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	err := workflow.SignalExternalWorkflow(ctx, RemediationID(m.check.Service, target), "", signal, payload).Get(ctx, nil)
	if err != nil {
		m.logger.Debug(health.TargetID(m.check.Service, target) + ": no incident is open: " + err.Error())
	}
	return err == nil
}

// abandon ends the incident of a target that is no longer configured.
func (m *monitor) abandon(ctx workflow.Context, target string) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	err := workflow.RequestCancelExternalWorkflow(ctx, RemediationID(m.check.Service, target), "").Get(ctx, nil)
	if err != nil {
		m.logger.Debug(health.TargetID(m.check.Service, target) + ": no incident is open: " + err.Error())
	}
}
