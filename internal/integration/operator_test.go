//go:build !noembed

package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/apply"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// The answers while nobody works: what is missing and what to do about it.
func TestOperatorWithoutWorker(t *testing.T) {
	server, site := startServer(t), newWebsite(t)
	cfg := site.config(t, time.Second)
	op := operator.New(server, apply.TaskQueue(cfg))
	site1 := []string{"site"}

	statuses, err := op.Status(t.Context(), site1)
	require.NoError(t, err)
	require.Equal(t, []operator.TargetStatus{{
		Service: "site", State: health.StateUnknown, Message: "not applied yet: run `starter apply`",
	}}, statuses)
	_, err = op.Pause(t.Context(), "site", workflows.Pause{By: "ana"})
	require.EqualError(t, err, "service \"site\" has not been applied yet: run `starter apply`")

	require.NoError(t, apply.EnsureSearchAttributes(t.Context(), server, server.Namespace))
	_, err = apply.Apply(t.Context(), server, cfg, false)
	require.NoError(t, err)
	monitorOf(t, server, "site")
	statuses, err = op.Status(t.Context(), site1)
	require.NoError(t, err)
	require.Equal(t, []operator.TargetStatus{{
		Service: "site", State: health.StateUnknown,
		Message: "no worker answers on task queue \"paramedic\": start one with `go run ./worker`",
	}}, statuses)

	incidents, err := op.Incidents(t.Context(), operator.Filter{})
	require.NoError(t, err)
	require.Empty(t, incidents)
	_, err = op.Instruct(t.Context(), "site", workflows.Acknowledge, workflows.Instruction{By: "ana"})
	require.EqualError(t, err, `"site" has no open incident, nor has any other service`)
	_, err = op.Instruct(t.Context(), "site", workflows.Acknowledge, workflows.Instruction{By: " "})
	require.ErrorIs(t, err, operator.ErrNobody)
	_, err = op.Incident(t.Context(), "site@20261120T225630.123Z")
	require.ErrorContains(t, err, "`starter incidents` lists them")
}

// An operator's day: look, pause, resume, probe; then an outage from its third
// failure to its end.
func TestOperator(t *testing.T) {
	server, site := startServer(t), newWebsite(t)
	cfg := site.config(t, time.Second)
	op := operator.New(server, apply.TaskQueue(cfg))
	require.NoError(t, apply.EnsureSearchAttributes(t.Context(), server, server.Namespace))
	startWorker(t, server, cfg)
	_, err := apply.Apply(t.Context(), server, cfg, false)
	require.NoError(t, err)

	requireState(t, op, health.StateHealthy)
	t.Run("pause and resume", func(t *testing.T) { requirePause(t, op, site) })
	t.Run("probe now", func(t *testing.T) { requireProbeNow(t, op) })
	t.Run("an outage", func(t *testing.T) { requireOutage(t, op, site) })
	t.Run("a longer watch is taken up at once", func(t *testing.T) {
		slower := site.config(t, 2*time.Second)
		onDuty := describe(t, server, "site").Info.RunningWorkflows
		changes, err := apply.Apply(t.Context(), server, slower, false)
		require.NoError(t, err)
		require.Equal(t, apply.Changed, changes[0].Action)
		before := site.probes.Load()
		require.Eventually(t, func() bool {
			running := describe(t, server, "site").Info.RunningWorkflows
			return len(running) == 1 && !slices.Contains(onDuty, running[0])
		}, soon, poll, "the next Monitor must take over")
		require.Eventually(t, func() bool { return site.probes.Load() > before+1 }, soon, poll)
		requireState(t, op, health.StateHealthy)
	})
}

func requireState(t *testing.T, op *operator.Operator, want health.State) operator.TargetStatus {
	t.Helper()
	var status operator.TargetStatus
	require.Eventually(t, func() bool {
		statuses, err := op.Status(t.Context(), []string{"site"})
		if err != nil || len(statuses) != 1 {
			return false
		}
		status = statuses[0]
		return status.State == want
	}, soon, poll, "never %s", want)
	return status
}

func requirePause(t *testing.T, op *operator.Operator, site *website) {
	state, err := op.Pause(t.Context(), "site", workflows.Pause{By: "ana", Note: "moving house"})
	require.NoError(t, err)
	require.Equal(t, "ana", state.Paused.By)
	status := requireState(t, op, health.StatePaused)
	require.Contains(t, status.Message, "paused by ana at 2")
	require.Contains(t, status.Message, ": moving house")
	_, err = op.ProbeNow(t.Context(), "site", time.Second)
	require.EqualError(t, err, "\"site\" is paused by ana: resume it first with `starter resume site`")

	before := site.probes.Load()
	_, err = op.Resume(t.Context(), "site", workflows.Resume{By: "ana"})
	require.NoError(t, err)
	requireState(t, op, health.StateHealthy)
	require.Greater(t, site.probes.Load(), before)
}

func requireProbeNow(t *testing.T, op *operator.Operator) {
	asked := time.Now()
	state, err := op.ProbeNow(t.Context(), "site", time.Second)
	require.NoError(t, err)
	require.Equal(t, health.StateHealthy, state.State)
	require.False(t, state.LastProbeAt.Before(asked.Add(-time.Second)))
}

func requireOutage(t *testing.T, op *operator.Operator, site *website) {
	site.broken.Store(true)
	open := requireOpen(t, op)
	require.Equal(t, health.Triggered, open.State)
	require.Empty(t, open.Stale)
	ofSite, err := op.Incidents(t.Context(), operator.Filter{Service: "site"})
	require.NoError(t, err)
	require.Len(t, ofSite, 1)
	ofAnother, err := op.Incidents(t.Context(), operator.Filter{Service: "sit"})
	require.NoError(t, err)
	require.Empty(t, ofAnother)

	receipt, err := op.Instruct(t.Context(), "site", workflows.Acknowledge, workflows.Instruction{By: "ana", Note: "on it"})
	require.NoError(t, err)
	require.Equal(t, open.ID, receipt.Incident)
	require.False(t, receipt.Pending)
	_, err = op.Instruct(t.Context(), "sote", workflows.Acknowledge, workflows.Instruction{By: "ana"})
	require.EqualError(t, err, `"sote" has no open incident; open ones: site`)

	site.broken.Store(false)
	var incident operator.Incident
	require.Eventually(t, func() bool {
		incident, err = op.Incident(t.Context(), "site")
		return err == nil && incident.State == health.Resolved && has(incident, health.EntryAlert, "told log: recovered")
	}, soon, poll, "the incident never ended")
	require.Equal(t, health.Recovered, incident.Outcome)
	require.Positive(t, incident.Length())
	requireFoundByEveryName(t, op, incident)
}

func requireFoundByEveryName(t *testing.T, op *operator.Operator, incident operator.Incident) {
	for _, name := range []string{incident.ID, incident.RunID, incident.WorkflowID, "site"} {
		t.Run(fmt.Sprintf("found as %.12s", name), func(t *testing.T) {
			found, err := op.Incident(t.Context(), name)
			require.NoError(t, err)
			require.Equal(t, incident.Report(), found.Report())
		})
	}
	require.Eventually(t, func() bool {
		all, err := op.Incidents(t.Context(), operator.Filter{Limit: 5})
		return err == nil && len(all) == 1 && all[0].Summary() == incident.Summary()
	}, soon, poll, "the list must show what the incident itself says")
}

// With no worker alive an incident is still shown, from what it was started
// with, and an acknowledgement waits for the next worker.
func TestIncidentWithoutWorker(t *testing.T) {
	server, site := startServer(t), newWebsite(t)
	cfg := site.config(t, time.Second)
	op := operator.New(server, apply.TaskQueue(cfg))
	require.NoError(t, apply.EnsureSearchAttributes(t.Context(), server, server.Namespace))
	stop := startWorker(t, server, cfg)
	site.broken.Store(true)
	_, err := apply.Apply(t.Context(), server, cfg, false)
	require.NoError(t, err)
	live := requireOpen(t, op)
	stop()

	stale := requireOpen(t, op)
	require.Contains(t, stale.Stale, "no worker answers")
	require.Equal(t, []any{live.ID, live.Service, live.Severity, live.Reason, health.Triggered},
		[]any{stale.ID, stale.Service, stale.Severity, stale.Reason, stale.State})
	require.WithinDuration(t, live.OpenedAt, stale.OpenedAt, time.Second)
	receipt, err := op.Instruct(t.Context(), "site", workflows.Acknowledge, workflows.Instruction{By: "ana"})
	require.NoError(t, err)
	require.Equal(t, operator.Receipt{Service: "site", Instruction: workflows.Acknowledge, By: "ana", Pending: true}, receipt)

	startWorker(t, server, cfg)
	require.Eventually(t, func() bool {
		incident, err := op.Incident(t.Context(), "site")
		return err == nil && incident.State == health.Acknowledged && acknowledgements(incident) == 1
	}, soon, poll, "the acknowledgement must take effect, once")

	t.Run("a service that is gone abandons its incident", func(t *testing.T) {
		requireAbandoned(t, server, op)
	})
}

func requireOpen(t *testing.T, op *operator.Operator) operator.Incident {
	t.Helper()
	var open []operator.Incident
	require.Eventually(t, func() bool {
		var err error
		open, err = op.Incidents(t.Context(), operator.Filter{Open: true})
		return err == nil && len(open) == 1
	}, soon, poll, "no incident is open")
	return open[0]
}

func requireAbandoned(t *testing.T, server *operator.Connection, op *operator.Operator) {
	monitor := monitorOf(t, server, "site")
	other := parse(t, "services:\n  - {name: other, probe: {tcp: {address: \"127.0.0.1:9\"}}}\n")
	changes, err := apply.Apply(t.Context(), server, other, false)
	require.NoError(t, err)
	require.Equal(t, apply.Change{Service: "site", Action: apply.Deleted}, changes[1])
	require.Eventually(t, func() bool {
		incident, err := op.Incident(t.Context(), "site")
		return err == nil && incident.Outcome == health.Abandoned && incident.State == health.Resolved
	}, soon, poll, "the incident stayed open")
	require.Error(t, server.GetWorkflow(t.Context(), monitor, "").Get(t.Context(), nil), "its Monitor must have been cancelled")
}

// has reports whether the last word of an incident's timeline is in: it comes
// after the end, when people have been told.
func has(incident operator.Incident, kind health.EntryKind, text string) bool {
	return slices.ContainsFunc(incident.Timeline.Entries, func(e health.Entry) bool { return e.Kind == kind && e.Text == text })
}

// acknowledgements counts those in an incident's timeline.
func acknowledgements(incident operator.Incident) int {
	n := 0
	for _, entry := range incident.Timeline.Entries {
		if entry.Kind == health.EntryAcknowledged {
			n++
		}
	}
	return n
}
