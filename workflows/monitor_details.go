package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// describe writes the state of the watch for the Web UI, as a small page of
// Markdown. It costs no history.
func (m *monitor) describe(ctx workflow.Context) {
	var page strings.Builder
	fmt.Fprintf(&page, "**%s** is **%s** since %s\n\n", m.check.Service, m.state.State, stamp(m.state.Since))
	if paused := m.state.Paused; paused != nil {
		fmt.Fprintf(&page, "- paused by %s at %s: %s\n", paused.By, stamp(paused.At), paused.Note)
	}
	if m.rounds != nil {
		m.rounds.describeTargets(&page)
	} else if !m.state.LastProbeAt.IsZero() {
		fmt.Fprintf(&page, "- last probe %s, %.1f ms: %s\n", stamp(m.state.LastProbeAt), m.state.LatencyMS, m.state.Message)
	}
	if streak := m.state.Streak; streak.Failures > 0 {
		fmt.Fprintf(&page, "- %d failed probes in a row (an incident at %d), the first at %s: %s\n",
			streak.Failures, m.check.FailureThreshold, stamp(streak.FirstFailureAt), streak.FirstFailure)
	}
	m.describeOrders(&page)
	fmt.Fprintf(&page, "- %s, watch until %s\n", m.pace(), stamp(m.end))
	workflow.SetCurrentDetails(ctx, page.String())
	m.report(ctx)
}

// report shows where the service stands, beyond Temporal: at the beginning of
// the watch, in case somebody has missed it, and whenever it changes.
func (m *monitor) report(ctx workflow.Context) {
	now := health.Standing{
		Service: m.check.Service, State: m.state.State, Since: m.state.Since, Failures: m.state.Streak.Failures,
		Flapping: m.state.Flapping, Paused: m.state.Paused, Orders: m.state.Orders,
	}
	if m.rounds != nil {
		now.Targets = m.rounds.counts()
	}
	if now == m.told {
		return
	}
	m.told = now
	now.At = workflow.Now(ctx)
	if !workflow.IsReplaying(ctx) {
		m.recorder.Stand(now)
	}
}

// describeOrders writes what people have ordered.
func (m *monitor) describeOrders(page *strings.Builder) {
	orders := m.state.Orders
	if orders.Mode != nil {
		fmt.Fprintf(page, "- mode %s, by %s at %s\n", orders.Mode.Mode, orders.Mode.By, stamp(orders.Mode.At))
	}
	if orders.Maintenance != nil {
		fmt.Fprintf(page, "- maintenance%s, by %s\n", window(orders.Maintenance), orders.Maintenance.By)
	}
	if orders.Silence != nil {
		fmt.Fprintf(page, "- silence%s, by %s\n", window(orders.Silence), orders.Silence.By)
	}
	if m.state.Flapping {
		fmt.Fprintf(page, "- flapping: %d %% changes of state in the latest %d probes\n", m.state.Results.Changes(), health.FlapWindow)
	}
}

func (m *monitor) pace() string {
	if m.check.Cron != "" {
		return fmt.Sprintf("probed by cron %q", m.check.Cron)
	}
	return fmt.Sprintf("probed every %s", m.check.Interval)
}

// incidentSummary is the title of an incident in the Web UI.
func (m *monitor) incidentSummary(o opening) string {
	state := "down"
	switch {
	case o.whole != "":
		state = string(o.whole)
	case m.state.Flapping:
		state = "flapping"
	}
	return fmt.Sprintf("%s is %s: %s", health.TargetID(m.check.Service, o.target), state, health.Clip(o.result.Message, summaryLimit))
}

// incidentDetails is the fixed text of an incident in the Web UI.
func (m *monitor) incidentDetails(streak health.Streak) string {
	details := fmt.Sprintf("First failed probe %s: %s", stamp(streak.FirstFailureAt), streak.FirstFailure)
	if m.check.Runbook != "" {
		details += fmt.Sprintf("\n\n[Runbook](%s)", m.check.Runbook)
	}
	return details
}

// stamp writes an instant for people who look at logs from several machines.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 MST") }
