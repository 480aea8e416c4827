package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// continued is the input with which a run went on in a fresh history.
func continued[T any](w *world) T {
	w.t.Helper()
	var err *workflow.ContinueAsNewError
	require.ErrorAs(w.t, w.GetWorkflowError(), &err)
	var in T
	require.NoError(w.t, converter.GetDefaultDataConverter().FromPayloads(err.Input, &in))
	return in
}

// TestContinueAsNew: an incident goes into a fresh history with everything
// that is known of it, every alert that is on its way, and all that limits it.
func TestContinueAsNew(t *testing.T) {
	first := newWorld(t, "ffffff")
	first.deafUntil(time.Hour, "ops") // nothing reaches its outbox
	first.treat = func(n int, _ activities.RemediateInput) (health.Treatment, error) {
		if n == 2 {
			return health.Treatment{Effect: health.LeftAlone, Detail: "restarted by hand"}, nil
		}
		return health.Treatment{Effect: health.Applied, Detail: "restarted web.service"}, nil
	}
	check := web()
	check.Severity = "warning"
	first.at(12*time.Second, func() { first.SignalWorkflow(workflows.SignalReconfigure, check) })
	first.at(25*time.Second, func() {
		first.SignalWorkflow(workflows.Acknowledge, workflows.Instruction{By: "ann"})
		first.SetContinueAsNewSuggested(true)
	})
	first.ExecuteWorkflow(workflows.Remediation, outage(web()))
	in := continued[workflows.RemediationInput](first)

	require.Equal(t, 30*time.Second, first.since())
	require.Equal(t, check, in.Check, "the latest configuration")
	record := *in.Record
	require.Equal(t, 2, record.Incident.Attempts)
	require.Equal(t, 1, record.Incident.Restarts)
	require.Equal(t, health.Acknowledged, record.Incident.State)
	require.Equal(t, "ann", record.Incident.Acknowledged.By)
	require.True(t, record.Deferred)
	require.Equal(t, noon.Add(10*time.Second), record.Telling.DownAt.UTC())
	require.Equal(t, noon.Add(30*time.Second), record.Rested.UTC())
	require.Len(t, record.Telling.Unposted, 1)
	require.Empty(t, texts(record.Incident, health.EntryResolved))

	second := newWorld(t, "fffp")
	second.SetStartTime(noon.Add(first.since()))
	second.ExecuteWorkflow(workflows.Remediation, in)
	require.NoError(t, second.GetWorkflowError())
	var incident health.Incident
	require.NoError(t, second.GetWorkflowResult(&incident))
	requireSound(t, in, incident)
	require.Equal(t, story(record.Incident), story(incident)[:len(record.Incident.Timeline.Entries)], "the story goes on")
	require.Equal(t, []string{"ops/down", "ops/recovered"}, second.statuses(), "told once, by either run")
	require.Equal(t, "web@20260301T115825.000Z/down", second.told[0].alert.DedupKey)
	require.Equal(t, []time.Duration{60 * time.Second}, second.treatedAt()[:1], "the back-off goes on")
	require.True(t, second.treated[0].in.LastFailure.IsZero(), "it was left alone before")
	require.LessOrEqual(t, incident.Restarts, 3)
	require.Equal(t, noon.Add(-2*time.Minute), incident.FirstFailureAt.UTC())
	require.Equal(t, "ann", incident.Acknowledged.By)
}
