package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// say gives an instruction to the incident at a time since noon, by update.
func (w *world) say(after time.Duration, what, by string) *answer {
	var got answer
	w.at(after, func() { w.UpdateWorkflow(what, what+after.String(), &got, workflows.Instruction{By: by}) })
	return &got
}

// newsOf are the news of all alerts that were told.
func (w *world) newsOf() []string {
	var news []string
	for _, told := range w.told {
		news = append(news, told.alert.News)
	}
	return news
}

// TestObserve: it writes down what it would have done, within the limits that
// would have held, and does nothing.
func TestObserve(t *testing.T) {
	check := web()
	check.Remediation.Mode = health.ModeObserve
	w := newWorld(t, "fffffp")
	incident := w.heal(outage(check))
	require.Empty(t, w.treated)
	require.Zero(t, w.permits())
	require.Zero(t, incident.Attempts)
	require.Equal(t, 3, incident.Observed)
	require.Equal(t, []string{
		"would now restart web.service (mode observe: this would be restart 1 of 3 in this incident)",
		"would now restart web.service (mode observe: this would be restart 2 of 3 in this incident)",
		"would now restart web.service (mode observe: this would be restart 3 of 3 in this incident)",
	}, texts(incident, health.EntryObserved))
	require.Contains(t, texts(incident, health.EntryDecision), "held: 3 of 3 restarts in this incident are used up")
	require.Equal(t, health.Recovered, incident.Outcome)
	require.Equal(t, "ops/down", w.statuses()[0])
}

// TestModeAtRunTime: the mode changes with an order, and what was only
// observed does not count against what is done then.
func TestModeAtRunTime(t *testing.T) {
	check := web()
	check.Remediation.Mode = health.ModeObserve
	w := newWorld(t, "ffffp")
	act := health.Orders{Mode: &health.ModeOrder{Mode: health.ModeAct, By: "ann"}}
	w.at(100*time.Second, func() { w.SignalWorkflow(workflows.SignalOrders, act) })
	incident := w.heal(outage(check))
	require.Equal(t, 100*time.Second, w.treatedAt()[0])
	require.Contains(t, texts(incident, health.EntryNote), "mode act in place of observe")
	require.Contains(t, texts(incident, health.EntryDecision), "act: restart 1 of 3 in this incident")
}

func TestApprove(t *testing.T) {
	check := web()
	check.Remediation.Mode = health.ModeApprove
	check.Remediation.ApproveWithin = health.Duration(10 * time.Minute)
	t.Run("in time", func(t *testing.T) {
		w := newWorld(t, "fffp")
		early, late := w.say(90*time.Second, workflows.Approve, "ann"), w.say(91*time.Second, workflows.Approve, "bob")
		incident := w.heal(outage(check))
		require.NoError(t, early.refused)
		require.ErrorContains(t, late.refused, "nothing waits for approval")
		require.Equal(t, []time.Duration{90 * time.Second}, w.treatedAt()[:1])
		require.Equal(t, []string{
			"approval needed: restart web.service, until 2026-03-01 12:10:25 UTC",
			"held: waiting for a human to approve, until 12:10 UTC",
			"approved by ann",
		}, texts(incident, health.EntryDecision)[:3])
		require.Equal(t, "approval needed by 2026-03-01 12:10:25 UTC: restart web.service; say yes with `starter approve web`", w.told[0].alert.News)
	})
	t.Run("too late, and asked again", func(t *testing.T) {
		w := newWorld(t, "fffffffffffffffp")
		late := w.say(11*time.Minute, workflows.Approve, "ann")
		again, approved := w.say(12*time.Minute, workflows.Retry, "ann"), w.say(13*time.Minute, workflows.Approve, "ann")
		incident := w.heal(outage(check))
		require.ErrorContains(t, late.refused, "the question lapsed at 2026-03-01 12:10:25 UTC; ask again with `starter retry web`")
		require.NoError(t, again.refused)
		require.NoError(t, approved.refused)
		require.Equal(t, []time.Duration{13 * time.Minute}, w.treatedAt()[:1])
		require.Contains(t, texts(incident, health.EntryDecision),
			"held: nobody approved by 12:10 UTC; ask again with `starter retry`")
	})
	t.Run("never", func(t *testing.T) {
		w := newWorld(t, "fffffffffffffffffp")
		w.heal(outage(check))
		require.Empty(t, w.treated)
	})
}

// TestMaintenance: probing goes on, nothing is done, nobody is woken, and what
// is down at its end is treated then.
func TestMaintenance(t *testing.T) {
	open := health.Window{From: noon.Add(-time.Hour), Until: noon.Add(5 * time.Minute), By: "ann", Reason: "new disks"}
	t.Run("by hand", func(t *testing.T) {
		w := newWorld(t, "ffffffp")
		in := outage(web())
		in.Orders.Maintenance = &open
		incident := w.heal(in)
		require.Equal(t, []time.Duration{5 * time.Minute}, w.treatedAt()[:1])
		require.GreaterOrEqual(t, w.told[0].at, 5*time.Minute)
		require.Contains(t, texts(incident, health.EntryDecision), "held: maintenance until 12:05 UTC")
		require.Contains(t, texts(incident, health.EntryAlert), "nobody is told: maintenance until 2026-03-01 12:05:25 UTC (by ann: new disks)")
	})
	t.Run("by cron", func(t *testing.T) {
		check := web()
		check.Maintenance = []workflows.Maintenance{{Cron: "0 12 * * SUN", For: health.Duration(5 * time.Minute)}}
		w := newWorld(t, "ffffffp")
		w.heal(outage(check))
		require.Equal(t, []time.Duration{4*time.Minute + 35*time.Second}, w.treatedAt()[:1])
	})
	t.Run("what ends within it wakes nobody", func(t *testing.T) {
		w := newWorld(t, "ffp")
		in := outage(web())
		in.Orders.Maintenance = &open
		incident := w.heal(in)
		require.Empty(t, w.told)
		require.Equal(t, health.Recovered, incident.Outcome)
	})
	t.Run("what was told before is resolved before all", func(t *testing.T) {
		w := newWorld(t, "fffp")
		w.at(15*time.Second, func() { w.SignalWorkflow(workflows.SignalOrders, health.Orders{Maintenance: &open}) })
		w.heal(outage(web()))
		require.Equal(t, []string{"ops/down", "ops/recovered"}, w.statuses())
	})
}

// TestSilence: nobody hears anything but that it is over.
func TestSilence(t *testing.T) {
	silence := &health.Window{From: noon, Until: noon.Add(time.Hour), By: "ann", Reason: "known"}
	t.Run("it is healed all the same", func(t *testing.T) {
		w := newWorld(t, "ffffp")
		in := outage(web())
		in.Orders.Silence = silence
		incident := w.heal(in)
		require.NotEmpty(t, w.treated)
		require.Equal(t, []string{"ops/recovered"}, w.statuses())
		require.Contains(t, texts(incident, health.EntryAlert), "nobody is told: silence until 2026-03-01 13:00:25 UTC (by ann: known)")
	})
	t.Run("what is down at its end is told then", func(t *testing.T) {
		check := web()
		check.Remediation = workflows.Plan{}
		silence := *silence
		silence.Until = noon.Add(150 * time.Second)
		w := newWorld(t, "fffffp")
		in := outage(check)
		in.Orders.Silence = &silence
		w.heal(in)
		require.Equal(t, []string{"ops/down", "ops/recovered"}, w.statuses())
		require.Equal(t, 3*time.Minute, w.told[0].at)
	})
}

// TestDependency: while it is down there is no restart, and one alert for both.
func TestDependency(t *testing.T) {
	check := web()
	check.DependsOn = []string{"clickhouse"}
	t.Run("folded", func(t *testing.T) {
		w := newWorld(t, "fffffp")
		w.down = map[string]bool{"clickhouse": true}
		w.folds = func(string) bool { return true }
		w.at(150*time.Second, func() { w.down["clickhouse"] = false })
		incident := w.heal(outage(check))
		require.Equal(t, []string{"clickhouse"}, w.folded, "once")
		require.Equal(t, []time.Duration{3 * time.Minute}, w.treatedAt()[:1])
		require.Contains(t, texts(incident, health.EntryDecision), "held: clickhouse, which this depends on, is down")
		require.Contains(t, texts(incident, health.EntryAlert), "told with the alert of clickhouse, which this depends on")
		require.GreaterOrEqual(t, w.told[0].at, 3*time.Minute)
		require.Equal(t, "ops/recovered", w.statuses()[len(w.statuses())-1], "resolved goes on")
	})
	t.Run("it speaks for itself again", func(t *testing.T) {
		check := check
		check.Remediation.Backoff, check.Remediation.Limits.PerIncident = nil, 9
		w := newWorld(t, "ffffffp")
		w.down = map[string]bool{"clickhouse": true}
		w.folds = func(string) bool { return true }
		w.at(90*time.Second, func() { w.down["clickhouse"] = false })
		w.heal(outage(check))
		require.Equal(t, []time.Duration{2 * time.Minute}, w.treatedAt()[:1])
		require.Equal(t, "ops/down", w.statuses()[0])
		require.Equal(t, 130*time.Second, w.told[0].at, "after the first attempt that did not help")
	})
	t.Run("its incident does not come", func(t *testing.T) {
		w := newWorld(t, "fffffffp")
		w.down = map[string]bool{"clickhouse": true}
		w.heal(outage(check))
		require.Empty(t, w.treated)
		require.Equal(t, []string{"ops/down", "ops/recovered"}, w.statuses())
		require.Equal(t, 5*time.Minute, w.told[0].at, "an alert is not lost for want of somebody to fold it into")
	})
	t.Run("the other side", func(t *testing.T) {
		w := newWorld(t, "ffp")
		for _, name := range []string{"api", "web-shop", "api"} {
			w.at(5*time.Second, func() { w.SignalWorkflow(workflows.SignalAffected, workflows.Affected{Service: name}) })
		}
		incident := w.heal(outage(web()))
		require.Equal(t, []string{"api", "web-shop"}, incident.Affected)
		require.Equal(t, []string{"api", "web-shop"}, w.told[0].alert.Affected)
		require.Equal(t, []string{"", ""}, w.newsOf())
	})
	t.Run("after it was told", func(t *testing.T) {
		w := newWorld(t, "ffffp")
		for i, name := range []string{"api", "web-shop", "api"} {
			w.at(time.Duration(15+i)*time.Second, func() { w.SignalWorkflow(workflows.SignalAffected, workflows.Affected{Service: name}) })
		}
		check := web()
		check.Remediation = workflows.Plan{}
		w.heal(outage(check))
		require.Equal(t, []string{"", "also down because of this: api, web-shop", ""}, w.newsOf(), "once, for all")
		require.Equal(t, 45*time.Second, w.told[1].at)
	})
}

// TestFlapping: one notice, no restart, and the incident is open until the
// service holds still.
func TestFlapping(t *testing.T) {
	w := newWorld(t, "pfpfpp")
	in := outage(web())
	in.Flapping = true
	w.at(200*time.Second, func() { w.SignalWorkflow(workflows.SignalFlapping, workflows.Flap{Flapping: false, Changes: 20}) })
	incident := w.heal(in)
	require.Empty(t, w.treated)
	require.Equal(t, []string{"ops/down", "ops/recovered"}, w.statuses())
	require.Contains(t, w.told[0].alert.Reason, "flapping")
	require.Contains(t, texts(incident, health.EntryDecision), "held: flapping: it changes its state too often, and a restart would only add to that")
	require.GreaterOrEqual(t, incident.ResolvedAt, noon.Add(200*time.Second).Add(-time.Minute))
}

// TestEscalation: the levels hear of it in turn, everybody is reminded, and
// whoever acknowledges ends both.
func TestEscalation(t *testing.T) {
	check := web()
	check.Remediation = workflows.Plan{}
	check.Reminder = health.Duration(time.Hour)
	check.Escalation = []workflows.Level{
		{Alerts: []string{"oncall"}},
		{After: health.Duration(15 * time.Minute), Alerts: []string{"lead"}},
		{After: health.Duration(time.Hour), Alerts: []string{"boss"}},
	}
	long := make([]byte, 200)
	for i := range long {
		long[i] = 'f'
	}
	script := string(long) + "p"
	t.Run("nobody acknowledges", func(t *testing.T) {
		w := newWorld(t, script)
		incident := w.heal(outage(check))
		var at []time.Duration
		for _, told := range w.told {
			at = append(at, told.at.Round(time.Minute))
		}
		require.Equal(t, []string{
			"ops/down", "oncall/down", "lead/down", "boss/down",
			"ops/down", "oncall/down", "lead/down", "boss/down",
			"ops/down", "oncall/down", "lead/down", "boss/down",
			"ops/recovered", "oncall/recovered", "lead/recovered", "boss/recovered",
		}, w.statuses())
		minute := time.Minute
		require.Equal(t, []time.Duration{
			0, 0, 15 * minute, 60 * minute, 120 * minute, 120 * minute, 120 * minute, 120 * minute,
			180 * minute, 180 * minute, 180 * minute, 180 * minute,
		}, at[:12])
		require.Equal(t, []health.AlertStage{health.AlertInitial, health.AlertInitial, health.AlertInitial, health.AlertInitial, health.AlertUpdate},
			[]health.AlertStage{w.told[0].alert.Stage, w.told[1].alert.Stage, w.told[2].alert.Stage, w.told[3].alert.Stage, w.told[4].alert.Stage})
		require.Equal(t, "escalated to level 2: down for 17m 0s, and nobody has acknowledged it", w.told[2].alert.News)
		require.Len(t, texts(incident, health.EntryEscalated), 2)
	})
	t.Run("acknowledged, and taken back", func(t *testing.T) {
		w := newWorld(t, script)
		w.say(10*time.Minute, workflows.Acknowledge, "ann")
		none := w.say(9*time.Minute, workflows.Unacknowledge, "ann")
		w.say(40*time.Minute, workflows.Unacknowledge, "ann")
		w.heal(outage(check))
		require.ErrorContains(t, none.refused, "nobody has acknowledged incident web@")
		require.Equal(t, "lead", w.told[2].receiver)
		require.Equal(t, 40*time.Minute, w.told[2].at.Round(time.Minute), "it is overdue by then")
	})
	t.Run("exhausted", func(t *testing.T) {
		check := check
		check.Remediation = web().Remediation
		check.Remediation.Limits.PerIncident = 1
		w := newWorld(t, "fffp")
		w.heal(outage(check))
		require.Equal(t, []string{"ops/down", "oncall/down", "ops/down", "oncall/down", "lead/down"}, w.statuses()[:5])
		require.Equal(t, "healing has stopped: 1 of 1 restarts in this incident are used up", w.told[4].alert.News)
		require.Less(t, w.told[4].at, time.Minute, "nobody waits for the delay of the level")
	})
}

func TestInstructions(t *testing.T) {
	t.Run("resolve", func(t *testing.T) {
		check := web()
		check.Remediation = workflows.Plan{}
		w := newWorld(t, "fffffffffp")
		w.say(90*time.Second, workflows.Resolve, "ann")
		incident := w.heal(outage(check))
		require.Equal(t, health.ByHand, incident.Outcome)
		require.Equal(t, noon.Add(90*time.Second), incident.ResolvedAt.UTC())
		require.Equal(t, []string{"ops/down", "ops/recovered"}, w.statuses())
		require.Len(t, w.closed, 1)
	})
	t.Run("retry ends a back-off", func(t *testing.T) {
		check := web()
		check.Remediation.Backoff = []health.Duration{health.Duration(10 * time.Minute)}
		w := newWorld(t, "fffp")
		w.say(70*time.Second, workflows.Retry, "ann")
		w.heal(outage(check))
		require.Equal(t, []time.Duration{0, 70 * time.Second}, w.treatedAt()[:2])
	})
	t.Run("retry gives no budget back", func(t *testing.T) {
		check := web()
		check.Remediation.Limits.PerIncident = 1
		w := newWorld(t, "ffffp")
		w.say(70*time.Second, workflows.Retry, "ann")
		w.heal(outage(check))
		require.Len(t, w.treated, 1)
	})
	t.Run("rearm does", func(t *testing.T) {
		check := web()
		check.Remediation.Limits.PerIncident = 1
		w := newWorld(t, "ffffp")
		w.say(70*time.Second, workflows.Rearm, "ann")
		w.ExecuteWorkflow(workflows.Remediation, outage(check))
		require.NoError(t, w.GetWorkflowError())
		require.Equal(t, []time.Duration{0, 70 * time.Second}, w.treatedAt())
		require.Equal(t, []workflows.Rearmed{{Service: "web", By: "ann"}}, w.rearmed)
	})
	t.Run("during an attempt", func(t *testing.T) {
		w := newWorld(t, "fp")
		w.treatTakes = 30 * time.Second
		got := w.say(10*time.Second, workflows.Retry, "ann")
		w.heal(outage(web()))
		require.ErrorContains(t, got.refused, "attempt 1 is under way")
	})
	t.Run("when nothing waits for approval", func(t *testing.T) {
		w := newWorld(t, "fp")
		got := w.say(5*time.Second, workflows.Approve, "ann")
		w.heal(outage(web()))
		require.ErrorContains(t, got.refused, "nothing waits for approval")
	})
}

// TestPreCheckFails: what was skipped is an attempt and no restart.
func TestPreCheckFails(t *testing.T) {
	w := newWorld(t, "ffp")
	w.treat = func(n int, _ activities.RemediateInput) (health.Treatment, error) {
		if n == 1 {
			return health.Treatment{Effect: health.Skipped, Detail: "pre-check failed: disk is full"}, nil
		}
		return health.Treatment{Effect: health.Applied, Detail: "restarted", Notes: []string{"the start limit was reached; reset-failed"},
			Evidence: "ActiveState=failed"}, nil
	}
	incident := w.heal(outage(web()))
	require.Equal(t, 2, incident.Attempts)
	require.Equal(t, 1, incident.Restarts)
	require.Equal(t, "ActiveState=failed", incident.Evidence)
	require.Contains(t, texts(incident, health.EntryAttempt), "the start limit was reached; reset-failed")
	require.False(t, w.released[0].Acted)
	require.True(t, w.released[1].Acted)
}

// TestRetryInObserve: it ends the back-off once, as it does when it acts.
func TestRetryInObserve(t *testing.T) {
	check := web()
	check.Remediation.Mode = health.ModeObserve
	check.Remediation.Limits.PerIncident = 9
	check.Remediation.Backoff = []health.Duration{health.Duration(10 * time.Minute)}
	w := newWorld(t, "fffffffp")
	w.say(70*time.Second, workflows.Retry, "ann")
	incident := w.heal(outage(check))
	require.Equal(t, 2, incident.Observed)
}
