package workflows_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// outage is the input that opens an incident at noon: the third failure, two
// minutes after the first.
func outage(check workflows.Check) workflows.RemediationInput {
	return workflows.RemediationInput{
		Check:       check,
		Streak:      health.Streak{Failures: 3, FirstFailureAt: noon.Add(-2 * time.Minute), FirstFailure: "connection refused"},
		LastFailure: health.Result{Status: health.Unhealthy, At: noon.Add(-10 * time.Millisecond), Message: "status 503 != 200"},
	}
}

// heal runs an incident to its end and returns its record.
func (w *world) heal(in workflows.RemediationInput) health.Incident {
	w.t.Helper()
	w.ExecuteWorkflow(workflows.Remediation, in)
	require.True(w.t, w.IsWorkflowCompleted())
	require.NoError(w.t, w.GetWorkflowError())
	var incident health.Incident
	require.NoError(w.t, w.GetWorkflowResult(&incident))
	requireSound(w.t, in, incident)
	return incident
}

// requireSound asserts what must hold of the record of every closed incident.
func requireSound(t *testing.T, in workflows.RemediationInput, incident health.Incident) {
	t.Helper()
	require.Equal(t, health.Resolved, incident.State)
	require.GreaterOrEqual(t, incident.Downtime(incident.ResolvedAt), time.Duration(0))
	require.LessOrEqual(t, incident.Restarts, in.Check.Remediation.Limits.PerIncident)
	require.LessOrEqual(t, incident.Restarts, incident.Attempts)
	byUs := incident.Outcome != health.Abandoned && incident.Outcome != health.ByHand && incident.Restarts > 0
	require.Equal(t, byUs, incident.Outcome == health.Healed)
	kinds := map[health.EntryKind]int{}
	for _, entry := range incident.Timeline.Entries {
		kinds[entry.Kind]++
		require.NotEmpty(t, entry.Text)
	}
	require.Equal(t, 1, kinds[health.EntryOpened], "one opening entry")
	require.Equal(t, 1, kinds[health.EntryResolved], "one closing entry")
}

// story is a timeline to read: the time since noon, the kind and the text.
func story(incident health.Incident) []string {
	var lines []string
	for _, entry := range incident.Timeline.Entries {
		lines = append(lines, fmt.Sprintf("%s %s: %s", health.Span(entry.At.Sub(noon)), entry.Kind, entry.Text))
	}
	return lines
}

// texts are the texts of one kind of entry.
func texts(incident health.Incident, kind health.EntryKind) []string {
	var lines []string
	for _, entry := range incident.Timeline.Entries {
		if entry.Kind == kind {
			lines = append(lines, entry.Text)
		}
	}
	return lines
}

// treatedAt are the times of the attempts since noon.
func (w *world) treatedAt() []time.Duration {
	var times []time.Duration
	for _, attempt := range w.treated {
		times = append(times, attempt.at)
	}
	return times
}

// statuses are the alerts that arrived, as receiver/status.
func (w *world) statuses() []string {
	var statuses []string
	for _, told := range w.told {
		statuses = append(statuses, told.receiver+"/"+string(told.alert.Status))
	}
	return statuses
}

func TestHealedByTheFirstAttempt(t *testing.T) {
	w := newWorld(t, "p")
	incident := w.heal(outage(web()))

	timeline := incident.Timeline
	require.Equal(t, []string{
		"0s failure: failure 1/3: connection refused",
		"0s failure: failure 3/3: status 503 != 200",
		"0s opened: incident web@20260301T115825.000Z opened, severity critical",
		"0s decision: act: restart 1 of 3 in this incident",
		"0s attempt: attempt 1: restart web.service",
		"0s attempt: applied: restarted web.service",
		"10s verification: verification passed: status 200",
		"10s resolved: healed by attempt 1, downtime 2m 10s",
		"10s alert: told ops: recovered",
	}, story(incident))
	require.Equal(t, noon.Add(-2*time.Minute), timeline.Entries[0].At.UTC(), "the story begins with the first failure")
	incident.Timeline = health.Timeline{}
	require.Equal(t, health.Incident{
		ID: "web@20260301T115825.000Z", Service: "web", Severity: "critical", Runbook: "https://wiki.example/web",
		State: health.Resolved, FirstFailureAt: noon.Add(-2 * time.Minute), OpenedAt: noon, ResolvedAt: noon.Add(10 * time.Second),
		ActedAt: noon, Workflow: "default-test-workflow-id", Run: "default-test-run-id",
		Reason: "status 503 != 200", Attempts: 1, Restarts: 1, Verifications: 1, Action: "restart web.service: applied: restarted web.service",
		Outcome: health.Healed,
	}, incident)
	require.Equal(t, []treated{{in: activities.RemediateInput{
		Service: "web", LastFailure: noon.Add(-10 * time.Millisecond),
	}}}, w.treated)
	require.Equal(t, []told{{at: 10 * time.Second, receiver: "ops", alert: health.Alert{
		Stage: health.AlertResolution, Status: health.AlertRecovered,
		Incident: "web@20260301T115825.000Z", Service: "web", Severity: "critical",
		Reason: "status 503 != 200 after 3 failed probes", Attempts: 1, Downtime: health.Duration(130 * time.Second),
		Action: "restart web.service: applied: restarted web.service", Outcome: health.Healed,
		Since: noon.Add(-2 * time.Minute), At: noon.Add(10 * time.Second), Runbook: "https://wiki.example/web",
		Workflow: "default-test-workflow-id", Run: "default-test-run-id", DedupKey: "web@20260301T115825.000Z/recovered",
	}}}, w.told)
}

func TestAlertOnly(t *testing.T) {
	check := web()
	check.Remediation = workflows.Plan{}
	w := newWorld(t, "ffp")
	incident := w.heal(outage(check))
	require.Equal(t, []string{
		"0s failure: failure 1/3: connection refused",
		"0s failure: failure 3/3: status 503 != 200",
		"0s opened: incident web@20260301T115825.000Z opened, severity critical",
		"0s decision: held: no remediation is configured: alert only",
		"0s alert: told ops: down",
		"1m 0s verification: verification failed: status 503 != 200",
		"2m 0s verification: verification failed: status 503 != 200",
		"3m 0s verification: verification passed: status 200",
		"3m 0s resolved: recovered by itself or by a human, downtime 5m 0s",
		"3m 0s alert: told ops: recovered",
	}, story(incident))
	require.Equal(t, health.Recovered, incident.Outcome)
	require.Empty(t, w.treated)
	require.Len(t, w.asked, 1, "the gatekeeper knows that it is down")
	require.Zero(t, w.permits())
}

// TestBackoffAndExhaustion: restarts come at the times that the configuration
// says, no more of them than it allows, and then the incident only looks on.
func TestBackoffAndExhaustion(t *testing.T) {
	w := newWorld(t, "fffffffffp")
	incident := w.heal(outage(web()))
	second := time.Second
	// 0 restart, 10 settled, 20 backed off: restart, 30 settled, 60 backed
	// off: restart, 70 settled and used up.
	require.Equal(t, []time.Duration{0, 20 * second, 60 * second}, w.treatedAt())
	require.Equal(t, []time.Duration{
		10 * second, 20 * second, 30 * second, 60 * second, 70 * second,
		130 * second, 190 * second, 250 * second, 310 * second, 370 * second,
	}, w.probed)
	require.Equal(t, []string{
		"act: restart 1 of 3 in this incident",
		"held: backing off for 10s after attempt 1",
		"act: restart 2 of 3 in this incident",
		"held: backing off for 30s after attempt 2",
		"act: restart 3 of 3 in this incident",
		"held: 3 of 3 restarts in this incident are used up",
	}, texts(incident, health.EntryDecision))
	require.Equal(t, []string{"ops/down", "ops/down", "ops/recovered"}, w.statuses())
	require.Equal(t, "healing has stopped: 3 of 3 restarts in this incident are used up", w.told[1].alert.News)
	require.Equal(t, 10*second, w.told[0].at, "after the first attempt that did not help")
	require.Equal(t, 3, incident.Restarts)
	require.Equal(t, 370*second+2*time.Minute, incident.Downtime(incident.ResolvedAt))
}

// TestStepsInTurn: each attempt takes the next step of the runbook, and the
// last one repeats.
func TestStepsInTurn(t *testing.T) {
	check := web()
	check.Remediation.Steps = []workflows.Step{
		{Title: "reload", Limit: health.Duration(time.Minute), Tries: 1}, {Title: "restart", Limit: health.Duration(time.Minute)},
	}
	w := newWorld(t, "fffffp")
	w.heal(outage(check))
	var steps []int
	for _, attempt := range w.treated {
		steps = append(steps, attempt.in.Step)
	}
	require.Equal(t, []int{0, 1, 1}, steps)
}

// TestLeftAlone: a unit that somebody else has just restarted is left alone,
// once.
func TestLeftAlone(t *testing.T) {
	w := newWorld(t, "ffp")
	w.treat = func(n int, _ activities.RemediateInput) (health.Treatment, error) {
		if n == 1 {
			return health.Treatment{Effect: health.LeftAlone, Detail: "web.service was restarted 3s ago"}, nil
		}
		return health.Treatment{Effect: health.Applied, Detail: "restarted web.service"}, nil
	}
	incident := w.heal(outage(web()))
	require.Equal(t, []time.Duration{0, 20 * time.Second}, w.treatedAt())
	require.False(t, w.treated[0].in.LastFailure.IsZero())
	require.True(t, w.treated[1].in.LastFailure.IsZero(), "once is courtesy")
	require.Equal(t, 2, incident.Attempts)
	require.Equal(t, 1, incident.Restarts)
	require.Contains(t, texts(incident, health.EntryAttempt), "left alone: web.service was restarted 3s ago")
}

// TestAttemptsThatWereNone: what could not be attempted uses up no restart, and
// what may have taken effect does.
func TestAttemptsThatWereNone(t *testing.T) {
	notConfigured := temporal.NewNonRetryableApplicationError(
		"step 1 of web: remediation step 1 of web: not in this worker's configuration", activities.TypeNotConfigured, nil)
	tests := map[string]struct {
		err      error
		tries    int
		restarts int
		text     string
	}{
		"not configured here": {notConfigured, 1, 0,
			"could not be attempted: step 1 of web: remediation step 1 of web: not in this worker's configuration"},
		"an error that stays": {errors.New("no bus"), 5, 0, "could not be attempted: no bus"},
		"no worker on the host": {temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil), 1, 0,
			"could not be attempted: no worker serves host \"db1\" within 1m0s; start one there with --host db1"},
		"the host died after its checkpoint": {
			temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil, "checkpoint"), 1, 1, "uncertain: it may have taken effect"},
		"the worker died": {temporal.NewTimeoutError(enums.TIMEOUT_TYPE_HEARTBEAT, nil), 5, 1,
			"uncertain: it may have taken effect"},
		"it failed after its checkpoint": {temporal.NewApplicationError("bus lost", activities.TypeUncertain), 5, 1,
			"uncertain: it may have taken effect: bus lost"},
		"the step hung": {temporal.NewTimeoutError(enums.TIMEOUT_TYPE_START_TO_CLOSE, nil), 5, 1,
			"uncertain: it may have taken effect"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			check := web()
			check.Remediation.Host = "db1"
			w := newWorld(t, "fp")
			w.treat = func(int, activities.RemediateInput) (health.Treatment, error) { return health.Treatment{}, test.err }
			incident := w.heal(outage(check))
			require.Len(t, w.treated, test.tries)
			require.Equal(t, 1, incident.Attempts)
			require.Equal(t, test.restarts, incident.Restarts)
			require.Contains(t, texts(incident, health.EntryAttempt)[1], test.text)
			require.Len(t, w.released, 1, "the permit goes back all the same")
		})
	}
}

// TestUnverifiedIsNotRepeated: as long as nobody can tell whether a restart
// helped, there is no second one.
func TestUnverifiedIsNotRepeated(t *testing.T) {
	w := newWorld(t, "eeeeeeeeefp") // three tries a verification
	incident := w.heal(outage(web()))
	require.Len(t, w.treated, 2)
	require.Equal(t, []string{
		"act: restart 1 of 3 in this incident",
		"held: attempt 1 could not be verified yet",
		"act: restart 2 of 3 in this incident",
	}, texts(incident, health.EntryDecision))
	require.Contains(t, texts(incident, health.EntryNote), "the verification could not run: out of sockets")
}

// TestUnverifiedAfterAPassMeanwhile: also if the Monitor saw it pass before it
// had settled.
func TestUnverifiedAfterAPassMeanwhile(t *testing.T) {
	w := newWorld(t, "eeep")
	w.at(5*time.Second, func() { w.SignalWorkflow(workflows.SignalPassed, passedAt(4*time.Second)) })
	incident := w.heal(outage(web()))
	require.Len(t, w.treated, 1)
	require.Equal(t, noon.Add(4*time.Second), incident.ResolvedAt.UTC())
}

// TestSuccessThreshold: a service that came back by itself has to pass as
// often as configured; after a restart once is evidence enough. The downtime
// ends with the first pass either way.
func TestSuccessThreshold(t *testing.T) {
	check := web()
	check.SuccessThreshold, check.RetryInterval = 2, health.Duration(15*time.Second)
	t.Run("after a restart", func(t *testing.T) {
		w := newWorld(t, "p")
		incident := w.heal(outage(check))
		require.Equal(t, 1, incident.Verifications)
	})
	t.Run("by itself", func(t *testing.T) {
		only := check
		only.Remediation = workflows.Plan{}
		w := newWorld(t, "pfpp")
		incident := w.heal(outage(only))
		require.Equal(t, []time.Duration{60 * time.Second, 75 * time.Second, 135 * time.Second, 150 * time.Second}, w.probed)
		require.Equal(t, noon.Add(135*time.Second), incident.ResolvedAt.UTC())
	})
}

// TestCancelledIsAbandoned: by hand, or because the service is no longer
// configured; its record is kept.
func TestCancelledIsAbandoned(t *testing.T) {
	for name, at := range map[string]time.Duration{
		"during the restart": time.Second, "in the settle timer": 5 * time.Second,
		"backing off": 18 * time.Second, "at rest": 100 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "f")
			w.treatTakes = 4 * time.Second
			w.at(at, w.CancelWorkflow)
			incident := w.heal(outage(web()))
			require.Equal(t, health.Abandoned, incident.Outcome)
			require.Equal(t, noon.Add(at), incident.ResolvedAt.UTC())
			require.Equal(t, []string{"abandoned: cancelled by hand, or its service is no longer configured"},
				texts(incident, health.EntryResolved))
			require.NotContains(t, w.statuses(), "ops/recovered", "it has not recovered")
			require.Len(t, w.released, incident.Attempts, "every permit goes back")
		})
	}
}

// TestMonitorAndIncidentTogether: both at work on one outage. The Monitor's
// probe, which comes first, ends the downtime; nobody opens a second incident.
func TestMonitorAndIncidentTogether(t *testing.T) {
	check := web()
	check.Remediation.Settle = health.Duration(90 * time.Second)
	w := newWorld(t, "pfffp")
	var incidents []health.Incident
	w.incident = func(ctx workflow.Context, in workflows.RemediationInput) (health.Incident, error) {
		incident, err := workflows.Remediation(ctx, in)
		incidents = append(incidents, incident)
		return incident, err
	}
	state := w.watch(check)
	require.Len(t, incidents, 1)
	incident := incidents[0]
	require.Equal(t, noon.Add(time.Minute), incident.FirstFailureAt.UTC())
	require.Equal(t, noon.Add(3*time.Minute), incident.OpenedAt.UTC())
	require.Equal(t, noon.Add(4*time.Minute), incident.ResolvedAt.UTC(), "the Monitor's probe, before it had settled")
	require.Equal(t, []time.Duration{3 * time.Minute}, w.treatedAt())
	require.Equal(t, health.StateHealthy, state.State)
	require.Equal(t, []string{"ops/recovered"}, w.statuses())
}
