package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// watchFlapping looks whether the service changes its state too often. Its
// incident then stays open, or is opened for it, until it holds still: people
// get one notice, and no restart is made that would only add to it.
func (m *monitor) watchFlapping(ctx workflow.Context, result health.Result) {
	m.state.Results = m.state.Results.Add(result.Status.Up())
	flapping := m.state.Results.Flapping(m.state.Flapping, m.check.FlapLow, m.check.FlapHigh)
	if flapping == m.state.Flapping {
		return
	}
	m.state.Flapping = flapping
	flap := Flap{Flapping: flapping, Changes: m.state.Results.Changes()}
	m.logger.Warn(fmt.Sprintf("%s: flapping: %t, %d %% changes of state in the latest %d probes",
		m.check.Service, flapping, flap.Changes, health.FlapWindow))
	if open := m.signalIncident(ctx, SignalFlapping, flap); open || !flapping {
		return
	}
	streak := m.state.Streak
	if streak.Failures == 0 {
		streak = health.Streak{FirstFailureAt: result.At, FirstFailure: "flapping"}
	}
	m.openIncident(ctx, streak, result)
}
