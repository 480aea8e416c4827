package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// one allows one restart at a time, in a small fleet.
func one() activities.FleetLimits { return activities.FleetLimits{ConcurrentRestarts: 1, Services: 3} }

// TestGatekeeperQueue: places go by the order of the first question, each is
// told once, and who is held by another rule blocks nobody.
func TestGatekeeperQueue(t *testing.T) {
	g := newGate(t, one())
	g.at(0, func() { g.rule(health.RuleClear, g.question("a")) })
	g.at(1*time.Second, func() { g.rule(health.RuleConcurrent, g.question("b")) })
	g.at(2*time.Second, func() { g.rule(health.RuleConcurrent, g.question("c")) })
	g.at(3*time.Second, func() { g.rule(health.RuleConcurrent, g.question("d")) })
	g.at(4*time.Second, func() {
		g.ask(func(d []health.Decision) {
			require.Equal(t, "1 of 1 restarts at the same time: a", d[0].Reason())
		}, g.question("b"))
	})
	g.at(5*time.Second, func() { require.Equal(t, []string{"b", "c", "d"}, g.ledger().Queue) })
	g.at(10*time.Second, func() { g.release("a", true) })
	g.at(11*time.Second, func() { g.rule(health.RuleConcurrent, g.question("c")) }) // it is b's turn
	g.at(12*time.Second, func() {
		held := g.question("b")
		held.Situation.Maintenance = g.Now().Add(time.Hour)
		g.rule(health.RuleMaintenance, held) // c is told at once
	})
	g.at(13*time.Second, func() { require.Equal(t, []string{"c", "d"}, g.ledger().Queue) })
	g.at(14*time.Second, func() { g.rule(health.RuleClear, g.question("c")) })
	g.at(15*time.Second, func() { g.close("c", 1) })
	g.at(16*time.Second, func() { g.close("d", 1) }) // recovered by itself
	g.at(17*time.Second, func() { require.Empty(t, g.ledger().Queue) })
	g.at(18*time.Second, func() { g.rule(health.RuleClear, g.question("b")) })
	g.run(20 * time.Second)
	require.Equal(t, []woken{{10 * time.Second, "b"}, {12 * time.Second, "c"}, {15 * time.Second, "d"}}, g.woken)
}

// TestGatekeeperNoAnswer: who does not ask after being told loses its turn to
// the next, and who cannot be told loses it at once.
func TestGatekeeperNoAnswer(t *testing.T) {
	g := newGate(t, one())
	g.unreachable = map[string]bool{"remediation/c": true}
	for i, service := range []string{"a", "b", "c", "d"} {
		g.at(time.Duration(i)*time.Second, func() { g.ask(func([]health.Decision) {}, g.question(service)) })
	}
	g.at(10*time.Second, func() { g.release("a", true) })
	g.at(30*time.Second, func() { require.Equal(t, []string{"d"}, g.ledger().Queue) })
	g.at(35*time.Second, func() { g.rule(health.RuleConcurrent, g.question("b")) }) // at the end now
	g.at(36*time.Second, func() { g.rule(health.RuleClear, g.question("d")) })
	g.run(40 * time.Second)
	require.Equal(t, []woken{{10 * time.Second, "b"}, {25 * time.Second, "d"}}, g.woken)
}

// TestGatekeeperLease: the permit of a holder that died comes back, to the
// second, and counts as spent.
func TestGatekeeperLease(t *testing.T) {
	g := newGate(t, one())
	lease := 5*time.Minute + 20*time.Second // no other timer ends with it
	g.at(0, func() {
		in := g.question("a")
		in.Lease = health.Duration(lease)
		g.rule(health.RuleClear, in)
	})
	g.at(time.Second, func() { g.rule(health.RuleConcurrent, g.question("b")) })
	g.at(lease+time.Second, func() { g.rule(health.RuleClear, g.question("b")) })
	g.at(lease+2*time.Second, func() {
		a := g.ledger().Accounts["a"]
		require.Zero(t, a.Permit)
		require.Len(t, a.Spent, 1)
	})
	g.run(6 * time.Minute)
	require.Equal(t, []woken{{lease, "b"}}, g.woken)
}

// TestGatekeeperSameQuestion: a question whose answer was lost gets the same
// permit and books nothing twice; one that was overtaken gets none.
func TestGatekeeperSameQuestion(t *testing.T) {
	g := newGate(t, one())
	var first activities.AskInput
	g.at(0, func() {
		first = g.question("a")
		first.Situation.Limits.RestartsPerDay = 2
		g.rule(health.RuleClear, first)
	})
	g.at(time.Second, func() {
		g.ask(func(d []health.Decision) {
			require.True(t, d[0].Act && d[1].Act)
			require.Equal(t, 1, d[1].Count)
			require.Equal(t, health.RuleConcurrent, d[2].Rule)
		}, first, first, g.question("b"))
	})
	g.at(2*time.Second, func() {
		a := g.ledger().Accounts["a"]
		require.Len(t, a.Spent, 1)
		require.Equal(t, noon.Add(5*time.Minute), a.Permit.UTC(), "the lease is that of the first answer")
	})
	g.at(3*time.Second, func() { g.release("a", true) })
	g.at(4*time.Second, func() { g.rule(health.RuleGatekeeper, first) }) // its permit has come back
	g.at(5*time.Second, func() { g.rule(health.RuleClear, g.question("b")) })
	g.at(6*time.Second, func() { g.close("a", 1) })
	g.at(7*time.Second, func() { g.rule(health.RuleGatekeeper, first) }) // the incident is over
	g.at(8*time.Second, func() {
		require.False(t, g.ledger().Accounts["a"].Down)
		require.Len(t, g.ledger().Accounts["a"].Spent, 1)
	})
	g.run(10 * time.Second)
}

// TestGatekeeperRelease: a permit goes back once, and what did not happen is
// not spent. The return of an earlier permit, or by an earlier incident, leaves
// a later permit alone.
func TestGatekeeperRelease(t *testing.T) {
	g := newGate(t, one())
	spent := func(want int) {
		t.Helper()
		require.Len(t, g.ledger().Accounts["a"].Spent, want, "at %s", g.since())
	}
	out := func(want bool) {
		t.Helper()
		require.Equal(t, want, !g.ledger().Accounts["a"].Permit.IsZero(), "at %s", g.since())
	}
	back := func(asked time.Duration, acted bool) {
		g.SignalWorkflow(workflows.SignalRelease, workflows.Release{
			Service: "a", Run: "a-1", Acted: acted, Asked: noon.Add(asked),
		})
	}
	second := time.Second
	g.at(0, func() { g.rule(health.RuleClear, g.question("a")) })
	g.at(1*second, func() { spent(1); out(true); g.release("a", false) })
	g.at(2*second, func() { spent(0); out(false); g.rule(health.RuleClear, g.question("a")) })
	g.at(3*second, func() { g.release("a", true) })
	g.at(4*second, func() { spent(1); out(false); g.release("a", false) }) // it came back already
	g.at(5*second, func() { spent(1); g.rule(health.RuleClear, g.question("a")) })
	g.at(6*second, func() { // it asks anew, before it was heard that the former came back
		g.rule(health.RuleClear, g.question("a"))
	})
	g.at(7*second, func() { spent(3); out(true); back(5*second, false) })
	g.at(8*second, func() { spent(2); out(true); back(6*second, true) })
	g.at(9*second, func() { spent(2); out(false); g.close("a", 1) })
	g.at(10*second, func() { g.rule(health.RuleClear, nth(g.question("a"), 2)) })
	g.at(11*second, func() { g.release("a", false); g.close("a", 1) }) // of the first incident
	g.at(12*second, func() { spent(3); out(true); require.True(t, g.ledger().Accounts["a"].Down) })
	g.run(15 * second)
}

// TestGatekeeperTwoHundred: two hundred incidents ask at the same moment with a
// limit of two. Never are three permits out, and all get one, also when holders
// die and when some do not answer.
func TestGatekeeperTwoHundred(t *testing.T) {
	g := newGate(t, activities.FleetLimits{ConcurrentRestarts: 2, Services: 200})
	holders, most := map[string]bool{}, 0
	served := map[string]int{}
	var try func(service string)
	end := func(service string, then func()) func() {
		return func() { delete(holders, service); then() }
	}
	granted := func(service string, n int) {
		holders[service] = true
		served[service]++
		most = max(most, len(holders))
		switch {
		case n%20 == 7: // dies with its permit: nothing is heard of it again
			g.at(5*time.Minute, end(service, func() {}))
		case n%20 == 8: // finds out that it need not act
			g.at(2*time.Second, end(service, func() { g.release(service, false); g.close(service, 1) }))
		default:
			g.at(20*time.Second, end(service, func() { g.release(service, true); g.close(service, 1) }))
		}
	}
	try = func(service string) {
		var n int
		_, _ = fmt.Sscanf(service, "s%d", &n)
		g.ask(func(d []health.Decision) {
			if d[0].Act {
				granted(service, n)
			}
		}, g.question(service))
	}
	deaf := map[string]bool{}
	g.onWake = func(service string) {
		var n int
		if _, _ = fmt.Sscanf(service, "s%d", &n); n%20 == 9 && !deaf[service] {
			deaf[service] = true
			g.at(40*time.Second, func() { try(service) }) // too late for this turn
			return
		}
		g.at(100*time.Millisecond, func() { try(service) })
	}
	g.at(0, func() {
		for n := range 200 {
			try(fmt.Sprintf("s%03d", n))
		}
	})
	g.run(3 * time.Hour)
	require.Equal(t, 2, most)
	require.Len(t, served, 200)
	for service, times := range served {
		require.Equal(t, 1, times, service)
	}
}

// TestGatekeeperBatch: limits are exact within a batch, and the answers are in
// the order of the questions.
func TestGatekeeperBatch(t *testing.T) {
	g := newGate(t, activities.FleetLimits{ConcurrentRestarts: 2, Services: 200})
	g.at(0, func() {
		var asks []activities.AskInput
		for n := range 200 {
			asks = append(asks, g.question(fmt.Sprintf("s%03d", 199-n)))
		}
		g.ask(func(d []health.Decision) {
			require.Len(t, d, 200)
			for n, decision := range d {
				require.Equal(t, n < 2, decision.Act, n)
			}
			require.Equal(t, []string{"s198", "s199"}, d[2].Names)
		}, asks...)
	})
	g.at(time.Second, func() { require.Len(t, g.ledger().Queue, 198) })
	g.run(2 * time.Second)
}

// TestGatekeeperRefusesNonsense: a question that nobody could be answered by is
// refused with a sentence.
func TestGatekeeperRefusesNonsense(t *testing.T) {
	g := newGate(t, one())
	refused := func(want string, asks ...activities.AskInput) {
		g.UpdateWorkflow(activities.UpdateAsk, want, &testsuite.TestUpdateCallback{
			OnReject:   func(err error) { require.ErrorContains(t, err, want) },
			OnAccept:   func() { t.Errorf("accepted: %s", want) },
			OnComplete: func(any, error) {},
		}, activities.AskBatch{Asks: asks, Limits: g.limits})
	}
	g.at(0, func() {
		nameless := g.question("a")
		nameless.Service = ""
		refused("without questions")
		refused("question 2 must have a service", g.question("a"), nameless)
		g.close("unknown", 1)
		g.release("unknown", false)
		g.SignalWorkflow(workflows.SignalRearm, workflows.Rearmed{Service: "unknown"})
	})
	g.at(time.Second, func() { require.Empty(t, g.ledger().Accounts) })
	g.run(2 * time.Second)
}
