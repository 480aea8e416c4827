package workflows_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// answer is what became of an update.
type answer struct {
	refused, failed error
	receipt         workflows.Receipt
}

func (a *answer) Accept()          {}
func (a *answer) Reject(err error) { a.refused = err }
func (a *answer) Complete(result any, err error) {
	a.failed = err
	if receipt, ok := result.(workflows.Receipt); ok {
		a.receipt = receipt
	}
}

// incidentNow asks the running incident for its record.
func (w *world) incidentNow() health.Incident {
	w.t.Helper()
	encoded, err := w.QueryWorkflow(workflows.QueryIncident)
	require.NoError(w.t, err)
	var incident health.Incident
	require.NoError(w.t, encoded.Get(&incident))
	return incident
}

func TestAcknowledge(t *testing.T) {
	ack := workflows.Instruction{By: "ann", Note: "looking"}
	requireOwned := func(t *testing.T, w *world, incident health.Incident) {
		t.Helper()
		require.Equal(t, &health.Acknowledgement{By: "ann", Note: "looking", At: noon.Add(15 * time.Second)}, incident.Acknowledged)
		require.Equal(t, []string{"acknowledged by ann: looking"}, texts(incident, health.EntryAcknowledged))
		require.Equal(t, []time.Duration{0, 20 * time.Second}, w.treatedAt(), "healing goes on")
		require.Equal(t, health.Healed, incident.Outcome)
	}
	t.Run("by signal", func(t *testing.T) {
		w := newWorld(t, "ffp")
		w.at(15*time.Second, func() { w.SignalWorkflow(workflows.Acknowledge, ack) })
		w.at(16*time.Second, func() { require.Equal(t, health.Acknowledged, w.incidentNow().State) })
		requireOwned(t, w, w.heal(outage(web())))
	})
	t.Run("by update", func(t *testing.T) {
		w := newWorld(t, "ffp")
		var got answer
		w.at(15*time.Second, func() { w.UpdateWorkflow(workflows.Acknowledge, "1", &got, ack) })
		requireOwned(t, w, w.heal(outage(web())))
		require.NoError(t, got.refused)
		require.NoError(t, got.failed)
		require.Equal(t, workflows.Receipt{Incident: "web@20260301T115825.000Z", At: noon.Add(15 * time.Second),
			Text: "escalation and reminders stop; healing goes on"}, got.receipt)
	})
}

func TestAcknowledgeIsRefused(t *testing.T) {
	t.Run("without a name", func(t *testing.T) {
		w := newWorld(t, "ffp")
		var got answer
		w.at(14*time.Second, func() { w.SignalWorkflow(workflows.Acknowledge, workflows.Instruction{}) })
		w.at(15*time.Second, func() {
			w.UpdateWorkflow(workflows.Acknowledge, "1", &got, workflows.Instruction{By: " \t"})
		})
		incident := w.heal(outage(web()))
		require.ErrorContains(t, got.refused, "to acknowledge needs a name: who says so?")
		require.Nil(t, incident.Acknowledged)
		require.Equal(t, []string{"acknowledge refused: to acknowledge needs a name: who says so?"},
			texts(incident, health.EntryNote), "a signal has no answer but the timeline")
	})
	t.Run("when another incident is meant", func(t *testing.T) {
		w := newWorld(t, "ffp")
		var got, right answer
		w.at(15*time.Second, func() {
			w.UpdateWorkflow(workflows.Acknowledge, "1", &got, workflows.Instruction{By: "ann", Incident: "web@20260301T100000.000Z"})
			w.UpdateWorkflow(workflows.Acknowledge, "2", &right, workflows.Instruction{By: "bob", Incident: "web@20260301T115825.000Z"})
		})
		incident := w.heal(outage(web()))
		require.ErrorContains(t, got.refused, "incident web@20260301T100000.000Z is closed; the one that is open is web@20260301T115825.000Z")
		require.NoError(t, right.refused)
		require.Equal(t, "bob", incident.Acknowledged.By)
	})
	t.Run("once it is resolved", func(t *testing.T) {
		w := newWorld(t, "p")
		w.deafUntil(time.Hour, "ops") // it stays for ten seconds, to deliver
		var got answer
		w.at(12*time.Second, func() {
			w.UpdateWorkflow(workflows.Acknowledge, "1", &got, workflows.Instruction{By: "ann"})
			w.SignalWorkflow(workflows.Acknowledge, workflows.Instruction{By: "bob"})
		})
		incident := w.heal(outage(web()))
		require.ErrorContains(t, got.refused, "incident web@20260301T115825.000Z is already resolved")
		require.Nil(t, incident.Acknowledged)
	})
}

// TestAcknowledgementIsBounded: it is kept, and carried from run to run.
func TestAcknowledgementIsBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	w := newWorld(t, "ffp")
	w.at(15*time.Second, func() {
		w.SignalWorkflow(workflows.Acknowledge, workflows.Instruction{By: long, Note: long})
	})
	incident := w.heal(outage(web()))
	require.Len(t, incident.Acknowledged.By, 100)
	require.Len(t, incident.Acknowledged.Note, 500)
}

func passedAt(at time.Duration) health.Result {
	result, _ := probeResult('p', noon.Add(at))
	return result
}

// TestPassingProbeOfTheMonitor: whoever made the first passing probe, the
// downtime ends with it, and at once.
func TestPassingProbeOfTheMonitor(t *testing.T) {
	check := web()
	check.Remediation = workflows.Plan{}
	t.Run("while the incident rests", func(t *testing.T) {
		w := newWorld(t, "f")
		w.at(90*time.Second, func() { w.SignalWorkflow(workflows.SignalPassed, passedAt(89*time.Second)) })
		incident := w.heal(outage(check))
		require.Equal(t, noon.Add(89*time.Second), incident.ResolvedAt.UTC())
		require.Equal(t, 90*time.Second, w.since(), "it does not wait for its own")
		require.Equal(t, []string{"verification failed: status 503 != 200", "probe of the monitor passed: status 200"},
			texts(incident, health.EntryVerification))
	})
	t.Run("while the service settles", func(t *testing.T) {
		w := newWorld(t, "p")
		w.at(5*time.Second, func() { w.SignalWorkflow(workflows.SignalPassed, passedAt(4*time.Second)) })
		incident := w.heal(outage(web()))
		require.Equal(t, noon.Add(4*time.Second), incident.ResolvedAt.UTC(), "the downtime ends with the first passing probe")
		require.Equal(t, health.Healed, incident.Outcome)
		require.Len(t, w.probed, 1, "but the service must still pass once it has settled")
	})
	t.Run("it is confirmed when one is not enough", func(t *testing.T) {
		twice := check
		twice.SuccessThreshold, twice.RetryInterval = 2, health.Duration(20*time.Second)
		w := newWorld(t, "fp")
		w.at(90*time.Second, func() { w.SignalWorkflow(workflows.SignalPassed, passedAt(89*time.Second)) })
		incident := w.heal(outage(twice))
		require.Equal(t, noon.Add(89*time.Second), incident.ResolvedAt.UTC())
		require.Len(t, w.probed, 2)
	})
	t.Run("not if it is older than the last failure", func(t *testing.T) {
		w := newWorld(t, "fffp")
		w.at(90*time.Second, func() { w.SignalWorkflow(workflows.SignalPassed, passedAt(59*time.Second)) })
		incident := w.heal(outage(check))
		require.Len(t, texts(incident, health.EntryVerification), len(w.probed))
		require.Greater(t, incident.ResolvedAt, noon.Add(2*time.Minute))
	})
	t.Run("not if it failed", func(t *testing.T) {
		w := newWorld(t, "fp")
		failed, _ := probeResult('f', noon.Add(89*time.Second))
		w.at(90*time.Second, func() { w.SignalWorkflow(workflows.SignalPassed, failed) })
		incident := w.heal(outage(check))
		require.Equal(t, noon.Add(2*time.Minute), incident.ResolvedAt.UTC())
	})
}

// TestReconfigure: new limits apply at once, also to an incident that had
// given up; those of another service do not.
func TestReconfigure(t *testing.T) {
	more, other := web(), web()
	more.Remediation.Limits.PerIncident = 4
	other.Service, other.Remediation.Limits.PerIncident = "mail", 9
	w := newWorld(t, "ffffffffp")
	w.at(80*time.Second, func() { w.SignalWorkflow(workflows.SignalReconfigure, other) })
	w.at(240*time.Second, func() { w.SignalWorkflow(workflows.SignalReconfigure, more) })
	in := outage(web())
	in.Check.Remediation.Limits.PerIncident = 3
	w.ExecuteWorkflow(workflows.Remediation, in)
	require.NoError(t, w.GetWorkflowError())
	var incident health.Incident
	require.NoError(t, w.GetWorkflowResult(&incident))
	require.Equal(t, []time.Duration{0, 20 * time.Second, 60 * time.Second, 240 * time.Second}, w.treatedAt())
	require.Equal(t, 4, incident.Restarts)
	require.Equal(t, []string{"new configuration in force"}, texts(incident, health.EntryNote))
}

// TestReconfiguredToAlertOnly: whoever takes the remediation away while it
// backs off, has no more of it.
func TestReconfiguredToAlertOnly(t *testing.T) {
	only := web()
	only.Remediation = workflows.Plan{}
	w := newWorld(t, "fffp")
	w.at(15*time.Second, func() { w.SignalWorkflow(workflows.SignalReconfigure, only) })
	w.ExecuteWorkflow(workflows.Remediation, outage(web()))
	require.NoError(t, w.GetWorkflowError())
	require.Len(t, w.treated, 1)
}

// queued is the answer to an incident whose turn has not come.
var queued = health.Decision{Rule: health.RuleConcurrent, Count: 1, Limit: 1, Names: []string{"mail"}}

func TestPermits(t *testing.T) {
	t.Run("a restart waits for its turn", func(t *testing.T) {
		w := newWorld(t, "ffffp")
		w.gate = func(n int, in activities.AskInput) (health.Decision, error) {
			if w.since() < 15*time.Second {
				return queued, nil
			}
			return health.Decide(&in.Situation, nil), nil
		}
		w.at(15*time.Second, func() { w.SignalWorkflow(workflows.SignalWake, struct{}{}) })
		incident := w.heal(outage(web()))
		require.Equal(t, 15*time.Second, w.treatedAt()[0], "as soon as it is woken")
		require.Equal(t, []string{
			"held: 1 of 1 restarts at the same time: mail", "act: restart 1 of 3 in this incident",
		}, texts(incident, health.EntryDecision)[:2])
	})
	t.Run("each attempt has one, and gives it back", func(t *testing.T) {
		w := newWorld(t, "fffp")
		incident := w.heal(outage(web()))
		require.Equal(t, 2, incident.Restarts)
		require.Len(t, w.asked, 2)
		require.Len(t, w.released, 2)
		for i, asked := range w.asked {
			require.Equal(t, workflows.Release{Service: "web", Run: asked.Run, Asked: asked.Situation.Now, Acted: true}, w.released[i])
			require.Greater(t, asked.Lease.Std(), 90*time.Second+10*time.Second, "longer than an attempt can take")
		}
		require.Len(t, w.closed, 1)
	})
	t.Run("what could not be attempted is not spent", func(t *testing.T) {
		w := newWorld(t, "fp")
		w.treat = func(int, activities.RemediateInput) (health.Treatment, error) {
			return health.Treatment{}, temporal.NewNonRetryableApplicationError("no such unit", activities.TypeRefused, nil)
		}
		incident := w.heal(outage(web()))
		require.Zero(t, incident.Restarts)
		require.False(t, w.released[0].Acted)
	})
	t.Run("no gatekeeper, no restart", func(t *testing.T) {
		w := newWorld(t, "p")
		w.gate = func(int, activities.AskInput) (health.Decision, error) {
			return health.Decision{}, temporal.NewNonRetryableApplicationError("no such namespace", "", errors.New("gone"))
		}
		incident := w.heal(outage(web()))
		require.Empty(t, w.treated)
		require.Equal(t, health.Recovered, incident.Outcome)
		require.Equal(t, []string{"held: the gatekeeper of restarts cannot be reached: no such namespace"},
			texts(incident, health.EntryDecision))
		require.NotEmpty(t, w.released, "it may have been granted all the same")
	})
}
