package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// acting is a situation that every rule has to look at before it acts, as full
// as the default limits let it be.
func acting() (health.Situation, health.Fleet) {
	situation, fleet := down(), calm()
	situation.Mode = health.ModeApprove
	situation.Approval = health.Approval{Deadline: noon.Add(time.Minute), By: "ann"}
	situation.Steps = []int{1, 0}
	situation.Attempts, situation.Restarts, situation.Rested = 2, 2, noon.Add(-time.Minute)
	fleet.Spent = []health.Spending{ago(70*time.Minute, "other"), ago(2*time.Minute, "this")}
	fleet.Restarting = []string{"mail"}
	return situation, fleet
}

// TestDecideDoesNotAllocate: a thousand incidents at once are decided on, again
// and again.
func TestDecideDoesNotAllocate(t *testing.T) {
	situation, fleet := acting()
	for name, fleet := range map[string]*health.Fleet{"asking itself": nil, "knowing the fleet": &fleet} {
		var decision health.Decision
		allocations := testing.AllocsPerRun(1000, func() { decision = health.Decide(&situation, fleet) })
		require.True(t, decision.Act, "%s: %s", name, decision.Reason())
		require.Zero(t, allocations, name)
	}
}

// TestDecideDoesNotAllocateWhenHeld: that is what it mostly does.
func TestDecideDoesNotAllocateWhenHeld(t *testing.T) {
	situation, fleet := against()
	for _, step := range order {
		if step.rule == health.RuleObserve {
			situation.Mode = health.ModeObserve
		}
		var decision health.Decision
		allocations := testing.AllocsPerRun(100, func() { decision = health.Decide(&situation, &fleet) })
		require.Equal(t, step.rule, decision.Rule)
		require.Zero(t, allocations, "rule %q", step.rule)
		step.lift(&situation, &fleet)
	}
}

func BenchmarkDecide(b *testing.B) {
	situation, fleet := acting()
	for name, fleet := range map[string]*health.Fleet{"itself": nil, "fleet": &fleet} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !health.Decide(&situation, fleet).Act {
					b.Fatal("it must act")
				}
			}
		})
	}
}
