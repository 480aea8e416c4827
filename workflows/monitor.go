package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// Monitor keeps one service on duty for one watch. Its schedule starts it; it
// probes on the wall-clock grid until the watch ends, opens an incident when
// the failure threshold is reached, and returns the state that the next watch
// starts from.
func Monitor(ctx workflow.Context, check Check) (MonitorState, error) {
	m, err := newMonitor(ctx, check)
	if err != nil {
		return MonitorState{}, err
	}
	for {
		next := m.next(workflow.Now(ctx))
		if err := m.rest(ctx, next); err != nil {
			return MonitorState{}, err
		}
		switch now := workflow.Now(ctx); {
		case m.isOver(now):
			return m.state, ctx.Err()
		case m.probeNow:
			m.probeNow = false
			m.tickNow(ctx)
		case m.state.Paused == nil && !next.After(now):
			m.tick(ctx)
		}
	}
}

// monitor is one watch.
type monitor struct {
	check   Check
	cadence cadence
	state   MonitorState
	// end is when the next watch takes over.
	end    time.Time
	logger log.Logger
	// recorder shows to people where the service stands, and told is what it was
	// told last by this run.
	recorder Recorder
	told     health.Standing
	// probeNow is set by a human who wants to know now; relieved when a new
	// configuration moved the watches, and the next one is already waiting.
	probeNow bool
	relieved bool
	// rounds are set if the service has targets.
	rounds *rounds
}

func newMonitor(ctx workflow.Context, check Check) (*monitor, error) {
	m := &monitor{check: check, logger: log.With(workflow.GetLogger(ctx), "service", check.Service), recorder: recorderOf(ctx)}
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &m.state); err != nil {
			return nil, fmt.Errorf("taking over from the last watch of %s: %w", check.Service, err)
		}
	}
	if m.state.State == "" {
		m.state.State, m.state.Since = health.StateUnknown, workflow.Now(ctx)
	}
	var err error
	if m.cadence, err = newCadence(check); err != nil {
		return nil, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("cadence of %s: %v", check.Service, err), "BadCheck", err)
	}
	m.end = m.cadence.watchEnd(nominalStart(ctx), workflow.Now(ctx))
	m.takeRounds(ctx)
	err = workflow.SetQueryHandler(ctx, QueryState, func() (MonitorState, error) { return m.state, nil })
	if err != nil {
		return nil, fmt.Errorf("registering the %s query: %w", QueryState, err)
	}
	m.describe(ctx)
	return m, nil
}

// takeRounds makes the difference between a service that is its own target and
// one that has many.
func (m *monitor) takeRounds(ctx workflow.Context) {
	switch {
	case m.check.Fleet == nil:
		m.rounds, m.state.Fleet = nil, nil
	case m.rounds == nil:
		m.rounds = newRounds(ctx, m)
		m.state.Streak, m.state.Results, m.state.Flapping = health.Streak{}, health.Results{}, false
	default:
		m.rounds.reconfigured()
	}
}

// next is when something is to be probed next.
func (m *monitor) next(now time.Time) time.Time {
	if m.rounds != nil {
		return m.rounds.next(now)
	}
	return m.cadence.next(now, m.state)
}

// isOver reports whether the watch is over.
func (m *monitor) isOver(now time.Time) bool {
	switch isEnd := m.relieved || !now.Before(m.end); {
	case m.rounds != nil:
		return m.rounds.isOver(isEnd)
	default:
		return isEnd
	}
}

// tickNow probes everything now, off the grid.
func (m *monitor) tickNow(ctx workflow.Context) {
	if m.rounds != nil {
		m.state.Fleet.Through = time.Time{}
	}
	m.tick(ctx)
}

// scheduledStart is set by the scheduler on every run that it starts.
var scheduledStart = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")

// nominalStart is when the schedule meant this run to start. It may lie some
// milliseconds after the real start, and those must not end the watch.
func nominalStart(ctx workflow.Context) time.Time {
	if at, ok := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledStart); ok {
		return at
	}
	return workflow.Now(ctx)
}

// rest waits for the next tick or the end of the watch, whichever comes first,
// and returns early when a message asks for something. It fails only when the
// run is cancelled.
func (m *monitor) rest(ctx workflow.Context, next time.Time) error {
	messages := m.messages(ctx)
	summary := "next probe"
	if next.After(m.end) || m.state.Paused != nil {
		next, summary = m.end, "end of the watch"
	}
	if wait := next.Sub(workflow.Now(ctx)); wait > 0 {
		timerCtx, stop := workflow.WithCancel(ctx)
		timer := workflow.NewTimerWithOptions(timerCtx, wait, workflow.TimerOptions{Summary: summary})
		if m.rounds != nil && m.rounds.overtime {
			messages.AddReceive(m.rounds.idle, func(idle workflow.ReceiveChannel, _ bool) { idle.Receive(ctx, nil) })
		}
		messages.AddFuture(timer, func(workflow.Future) {}).Select(ctx)
		stop()
	}
	for messages.HasPending() {
		messages.Select(ctx)
	}
	return ctx.Err()
}

// tick makes one probe and draws its consequences. It stands for every tick
// that is due by now; the time is recorded, so that no watch makes it again.
func (m *monitor) tick(ctx workflow.Context) {
	if m.rounds != nil {
		m.rounds.tick(ctx)
		return
	}
	m.state.LastTick = workflow.Now(ctx)
	m.state.Orders = m.state.Orders.Prune(m.state.LastTick)
	m.forgetStaleStreak(ctx)
	result, err := m.probe(ctx)
	if err != nil {
		// The prober broke: that says nothing about the service.
		m.state.Message = health.Clip("the probe could not run: "+err.Error(), stateMessageLimit)
		m.logger.Error(m.check.Service + " could not be probed: " + err.Error())
		m.describe(ctx)
		return
	}
	result.At = between(result.At, m.state.LastTick, workflow.Now(ctx))
	before := m.state
	m.observe(ctx, result)
	m.tellLog(before, result)
	switch {
	case result.Status.Up() && before.State == health.StateDown:
		// By the state and not the streak, which may have been forgotten while
		// the worker was away: the incident is open all the same.
		// The downtime ends with the first passing probe, whoever made it.
		m.signalIncident(ctx, SignalPassed, result)
	case !result.Status.Up():
		m.openIncidentIfDue(ctx, result)
	}
	m.watchFlapping(ctx, result)
	m.describe(ctx)
}

// stateMessageLimit bounds the message in the state, in bytes; see MonitorState.
const stateMessageLimit = 120

func (m *monitor) observe(ctx workflow.Context, result health.Result) {
	m.state.Streak = m.state.Streak.Observe(result)
	state := health.StateOf(result, m.state.Streak, m.check.FailureThreshold)
	if state != m.state.State {
		m.state.State, m.state.Since = state, result.At
	}
	m.state.LastProbeAt = result.At
	m.state.LatencyMS = result.LatencyMS
	m.state.Message = health.Clip(result.Message, stateMessageLimit)
}

// staleAfter is how many intervals without a probe make a streak worthless.
const staleAfter = 3

// forgetStaleStreak drops a streak that nobody has added to for long: while
// the worker was away nothing is known, and an outage must not be counted from
// a failure before that. An incident that is open goes on by itself.
func (m *monitor) forgetStaleStreak(ctx workflow.Context) {
	silence := workflow.Now(ctx).Sub(m.state.LastProbeAt)
	if m.state.Streak.Failures == 0 || m.check.Cron != "" {
		return
	}
	if silence > staleAfter*m.check.Interval.Std()+m.check.Timeout.Std() {
		m.logger.Info(fmt.Sprintf("%s: no probe for %s, counting failures from anew", m.check.Service, health.Span(silence)))
		m.state.Streak = health.Streak{}
	}
}

// tellLog writes what an operator at the terminal wants to read: failures as
// they count up, and the end of a streak.
func (m *monitor) tellLog(before MonitorState, result health.Result) {
	failures, threshold := m.state.Streak.Failures, m.check.FailureThreshold
	switch {
	case failures > 0 && failures <= threshold:
		m.logger.Warn(fmt.Sprintf("%s: failure %d/%d: %s", m.check.Service, failures, threshold, result.Message))
	case failures == 0 && before.Streak.Failures > 0:
		m.logger.Info(fmt.Sprintf("%s: passes again after %d failed probes", m.check.Service, before.Streak.Failures))
	case before.State == health.StateUnknown, before.State != m.state.State && failures == 0:
		m.logger.Info(fmt.Sprintf("%s: %s: %s", m.check.Service, m.state.State, result.Message))
	}
}
