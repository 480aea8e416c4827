package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// attempt asks for one restart of the n-th incident of "a", which must be
// granted, and gives the permit back as used.
func (g *gate) attempt(at time.Duration, in func() activities.AskInput) {
	g.at(at, func() { g.rule(health.RuleClear, in()) })
	g.at(at+time.Second, func() {
		g.SignalWorkflow(workflows.SignalRelease, workflows.Release{Service: "a", Run: in().Run, Acted: true})
	})
}

// limited makes the questions of the n-th incident of "a", with limits.
func (g *gate) limited(n int, limits health.Limits) func() activities.AskInput {
	return func() activities.AskInput {
		in := nth(g.question("a"), n)
		in.Situation.Limits = limits
		return in
	}
}

// TestGatekeeperRestartsPerDay: the limit of a day holds over all incidents,
// and the budget comes back with time.
func TestGatekeeperRestartsPerDay(t *testing.T) {
	g := newGate(t, one())
	limits := health.Limits{PerIncident: 9, RestartsPerDay: 2}
	hour := time.Hour
	g.attempt(0, g.limited(1, limits))
	g.at(2*hour, func() { g.close("a", 1) })
	g.attempt(3*hour, g.limited(2, limits))
	g.at(4*hour, func() { g.close("a", 2) })
	g.at(5*hour, func() {
		g.ask(func(d []health.Decision) {
			require.Equal(t, "2 restarts in 24 h are used up, next at 12:00 UTC", d[0].Reason())
			require.Equal(t, noon.Add(24*hour), d[0].At.UTC())
		}, g.limited(3, limits)())
	})
	g.at(24*hour-time.Second, func() { g.rule(health.RuleRestartsPerDay, g.limited(3, limits)()) })
	g.attempt(24*hour+time.Second, g.limited(3, limits))
	g.at(25*hour, func() { g.rule(health.RuleRestartsPerDay, g.limited(3, limits)()) })
	g.run(26 * hour)
}

// TestGatekeeperIncidentsPerHour: an incident is remediated only if not too
// many others were in the last hour; its own restarts do not count.
func TestGatekeeperIncidentsPerHour(t *testing.T) {
	g := newGate(t, one())
	limits := health.Limits{PerIncident: 9, IncidentsPerHour: 1}
	minute := time.Minute
	g.attempt(0, g.limited(1, limits))
	g.attempt(5*minute, g.limited(1, limits))
	g.at(10*minute, func() { g.close("a", 1) })
	g.at(30*minute, func() {
		g.ask(func(d []health.Decision) {
			require.Equal(t, health.RuleIncidentsPerHour, d[0].Rule)
			require.Equal(t, noon.Add(65*minute), d[0].At.UTC())
		}, g.limited(2, limits)())
	})
	g.attempt(66*minute, g.limited(2, limits))
	g.attempt(70*minute, g.limited(2, limits))
	g.run(80 * minute)
}

// TestGatekeeperCarried: the restarts of an incident count in the next one that
// opens before the service was up for stable_for, and in the one after that.
func TestGatekeeperCarried(t *testing.T) {
	g := newGate(t, one())
	limits := health.Limits{PerIncident: 3}
	minute := time.Minute
	g.attempt(0, g.limited(1, limits))
	g.at(10*minute, func() { g.close("a", 1) })
	g.attempt(20*minute-time.Second, g.limited(2, limits))
	g.at(21*minute, func() { require.Equal(t, 1, g.ledger().Accounts["a"].Carried) })
	g.at(30*minute, func() { g.close("a", 2) })
	g.attempt(35*minute, g.limited(3, limits))
	g.at(36*minute, func() {
		in := g.limited(3, limits)()
		in.Situation.Restarts = 1 // its own
		g.ask(func(d []health.Decision) {
			require.Equal(t, "3 of 3 restarts in this incident are used up", d[0].Reason())
		}, in)
	})
	g.at(40*minute, func() { g.close("a", 3) })
	g.at(50*minute, func() { // up for stable_for
		g.ask(func(d []health.Decision) { require.Equal(t, "restart 1 of 3 in this incident", d[0].Reason()) },
			g.limited(4, limits)())
	})
	g.at(51*minute, func() { require.Zero(t, g.ledger().Accounts["a"].Carried) })
	g.run(time.Hour)
}

// TestGatekeeperCarriedLong: the restarts of an incident that was open for more
// than a day count in the next one all the same.
func TestGatekeeperCarriedLong(t *testing.T) {
	g := newGate(t, one())
	limits := health.Limits{PerIncident: 2, RestartsPerDay: 1}
	g.attempt(0, g.limited(1, limits))
	g.at(26*time.Hour, func() { g.close("a", 1) })
	g.attempt(26*time.Hour+time.Minute, g.limited(2, limits))
	g.at(26*time.Hour+2*time.Minute, func() { require.Equal(t, 1, g.ledger().Accounts["a"].Carried) })
	g.run(27 * time.Hour)
}

// TestGatekeeperSucceeded: an incident that was terminated is ended by the next
// one of its service, with its permit and its place, and its restarts count.
func TestGatekeeperSucceeded(t *testing.T) {
	g := newGate(t, one())
	g.at(0, func() { g.rule(health.RuleClear, g.question("a")) })
	g.at(1*time.Second, func() { g.rule(health.RuleConcurrent, g.question("b")) })
	g.at(2*time.Second, func() { g.rule(health.RuleConcurrent, g.question("c")) })
	g.at(3*time.Second, func() { g.rule(health.RuleConcurrent, nth(g.question("b"), 2)) }) // behind c
	g.at(4*time.Second, func() {
		ledger := g.ledger()
		require.Equal(t, []string{"c", "b"}, ledger.Queue)
		require.Equal(t, "b@2", ledger.Accounts["b"].Incident)
	})
	g.at(5*time.Second, func() { g.rule(health.RuleConcurrent, nth(g.question("a"), 2)) }) // its permit is c's now
	g.at(6*time.Second, func() { g.rule(health.RuleClear, g.question("c")) })
	g.at(7*time.Second, func() {
		a := g.ledger().Accounts["a"]
		require.Equal(t, 1, a.Carried)
		require.True(t, a.Down)
	})
	g.run(10 * time.Second)
}

// TestGatekeeperRearm: a human gives all budgets back.
func TestGatekeeperRearm(t *testing.T) {
	g := newGate(t, one())
	limits := health.Limits{PerIncident: 2, RestartsPerDay: 2, IncidentsPerHour: 1}
	minute := time.Minute
	g.attempt(0, g.limited(1, limits))
	g.attempt(1*minute, g.limited(1, limits))
	g.at(2*minute, func() { g.close("a", 1) })
	g.at(3*minute, func() { g.rule(health.RulePerIncident, g.limited(2, limits)()) })
	g.at(4*minute, func() { g.SignalWorkflow(workflows.SignalRearm, workflows.Rearmed{Service: "a", By: "ann"}) })
	g.attempt(5*minute, g.limited(2, limits))
	g.at(6*minute, func() { g.close("a", 2) })
	g.at(7*minute, func() { g.rule(health.RuleIncidentsPerHour, g.limited(3, limits)()) })
	g.run(10 * minute)
}

// TestGatekeeperMinHealthy: nothing is restarted while too much is down; when
// enough is back, those who were held are told, no more at a time than there
// are places, in the order in which they asked.
func TestGatekeeperMinHealthy(t *testing.T) {
	g := newGate(t, activities.FleetLimits{ConcurrentRestarts: 2, MinHealthy: 51, Services: 10})
	names := []string{"e", "d", "c", "b", "a"}
	for i, service := range names[:4] {
		g.at(time.Duration(i)*time.Second, func() {
			in := g.question(service)
			in.Situation.Maintenance = g.Now().Add(8 * time.Second) // down, and nothing done
			g.rule(health.RuleMaintenance, in)
		})
	}
	g.at(4*time.Second, func() {
		g.ask(func(d []health.Decision) {
			require.Equal(t, "only 5 of 10 services are healthy, and below 51 % nothing is restarted: look for a common cause",
				d[0].Reason())
		}, g.question("a"))
	})
	for i, service := range names[:4] {
		g.at(time.Duration(20+i)*time.Second, func() { g.rule(health.RuleMinHealthy, g.question(service)) })
	}
	observed := func() activities.AskInput {
		in := g.question("d")
		in.Situation.Mode = health.ModeObserve
		return in
	}
	g.at(25*time.Second, func() { g.rule(health.RuleMinHealthy, observed()) }) // waits for nothing
	g.at(30*time.Second, func() { require.Empty(t, g.woken); g.close("c", 1) })
	g.at(31*time.Second, func() { g.rule(health.RuleClear, g.question("e")) })
	g.at(32*time.Second, func() { g.rule(health.RuleConcurrent, g.question("b")) }) // it is a's and e's turn
	g.at(33*time.Second, func() { g.rule(health.RuleClear, g.question("a")) })
	g.at(34*time.Second, func() { require.Equal(t, []string{"b"}, g.ledger().Queue) })
	g.run(40 * time.Second)
	// Told at the same moment, in whatever order they hear of it.
	require.ElementsMatch(t, []woken{{30 * time.Second, "a"}, {30 * time.Second, "e"}}, g.woken)
}

// TestGatekeeperObserve: what would have been done is booked apart, takes no
// place and holds no service that acts.
func TestGatekeeperObserve(t *testing.T) {
	g := newGate(t, one())
	observe := func() activities.AskInput {
		in := g.question("a")
		in.Situation.Mode = health.ModeObserve
		in.Situation.Limits.RestartsPerDay = 2
		return in
	}
	var again activities.AskInput
	g.at(0, func() { g.rule(health.RuleClear, g.question("b")) })
	g.at(1*time.Second, func() { again = observe(); g.rule(health.RuleObserve, again) })
	g.at(2*time.Second, func() { g.rule(health.RuleObserve, again) }) // books nothing twice
	g.at(3*time.Second, func() { g.rule(health.RuleObserve, observe()) })
	g.at(4*time.Second, func() { g.rule(health.RuleRestartsPerDay, observe()) })
	g.at(5*time.Second, func() {
		a := g.ledger().Accounts["a"]
		require.Len(t, a.Spent, 2)
		require.True(t, a.Spent[0].Observed && a.Spent[1].Observed)
		require.Zero(t, a.Permit)
		g.release("b", true)
	})
	g.at(6*time.Second, func() { // in mode act now: none of these were restarts
		in := g.question("a")
		in.Situation.Limits.RestartsPerDay = 1
		g.rule(health.RuleClear, in)
	})
	g.run(10 * time.Second)
	require.Empty(t, g.woken)
}
