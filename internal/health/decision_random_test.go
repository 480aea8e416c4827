package health_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// situations is how many random situations a property is tried on.
const situations = 20_000

// everySituation tries a property on random situations, of which about half
// are known to the incident alone: their fleet is nil.
func everySituation(t *testing.T, property func(*rand.Rand, *health.Situation, *health.Fleet)) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	rules := map[health.Rule]int{}
	for range situations {
		situation, fleet := randomSituation(random), randomFleet(random)
		if random.IntN(2) == 0 {
			fleet = nil
		}
		rules[health.Decide(&situation, fleet).Rule]++
		property(random, &situation, fleet)
	}
	for _, step := range order {
		require.Greater(t, rules[step.rule], situations/1000, "rule %q must be tried, too", step.rule)
	}
}

// rarely is true once in n times.
func rarely(random *rand.Rand, n int) bool { return random.IntN(n) == 0 }

func randomSituation(random *rand.Rand) health.Situation {
	s := health.Situation{
		Now:      noon,
		Mode:     []health.Mode{"", health.ModeAct, health.ModeObserve, health.ModeApprove}[random.IntN(4)],
		Retry:    seconds(30),
		Attempts: random.IntN(4), Restarts: random.IntN(3),
		Rested:  noon.Add(-time.Duration(random.IntN(60)) * time.Second),
		Backoff: []health.Duration{seconds(10), seconds(30)}[:random.IntN(3)],
		Hurry:   rarely(random, 4),
		Limits: health.Limits{
			PerIncident: random.IntN(6), IncidentsPerHour: random.IntN(4), RestartsPerDay: random.IntN(6),
		},
		Flapping: rarely(random, 20), Unverified: rarely(random, 20),
	}
	for range random.IntN(5) {
		s.Steps = append(s.Steps, random.IntN(4))
	}
	if rarely(random, 20) {
		s.Passes = 1
	}
	if rarely(random, 20) {
		s.Down = []string{"db"}
	}
	if rarely(random, 10) {
		s.Maintenance = noon.Add(time.Duration(random.IntN(7200)-3600) * time.Second)
	}
	if rarely(random, 2) {
		s.Approval.Deadline = noon.Add(time.Duration(random.IntN(600)-300) * time.Second)
	}
	if rarely(random, 2) {
		s.Approval.By = "ann"
	}
	return s
}

func randomFleet(random *rand.Rand) *health.Fleet {
	f := &health.Fleet{
		Incident: "a", Carried: random.IntN(2), Services: random.IntN(30), MinHealthy: 51,
		ConcurrentRestarts: 1 + random.IntN(3), Restarting: []string{"mail"},
	}
	f.Down, f.Running, f.Ahead = random.IntN(f.Services+1), random.IntN(3), random.IntN(2)
	f.Spent = randomSpendings(random)
	return f
}

// randomSpendings lie around the last hour, around the last day, or at the same
// instant as another one.
func randomSpendings(random *rand.Rand) []health.Spending {
	var spent []health.Spending
	for range random.IntN(6) {
		before := time.Duration(random.IntN(7200)) * time.Second
		if rarely(random, 3) {
			before += 23 * time.Hour
		}
		spent = append(spent, health.Spending{
			At: noon.Add(-before), Incident: string(rune('a' + random.IntN(4))), Observed: rarely(random, 4),
		})
		if rarely(random, 5) {
			spent = append(spent, health.Spending{At: noon.Add(-before), Incident: "b"})
		}
	}
	slices.SortStableFunc(spent, func(a, b health.Spending) int { return a.At.Compare(b.At) })
	return spent
}

// limitsReached counts, in the plainest way, what stands against acting.
func limitsReached(s *health.Situation, f *health.Fleet) (reached []health.Rule) {
	holds := func(rule health.Rule, is bool) {
		if is {
			reached = append(reached, rule)
		}
	}
	restarts, runbook := s.Restarts, 0
	for _, tries := range s.Steps {
		if runbook += tries; tries == 0 {
			runbook = s.Attempts + 1
			break
		}
	}
	if f != nil {
		restarts += f.Carried
	}
	var wait time.Duration
	for i := 0; i < s.Attempts && i < len(s.Backoff); i++ {
		wait = s.Backoff[i].Std()
	}
	holds(health.RulePassing, s.Passes > 0)
	holds(health.RuleAlertOnly, len(s.Steps) == 0)
	holds(health.RuleMaintenance, s.Maintenance.After(s.Now))
	holds(health.RuleFlapping, s.Flapping)
	holds(health.RuleUnverified, s.Unverified)
	holds(health.RuleDependency, len(s.Down) > 0)
	holds(health.RulePerIncident, restarts+1 > s.Limits.PerIncident)
	holds(health.RuleRunbook, s.Attempts+1 > runbook)
	holds(health.RuleBackoff, !s.Hurry && s.Now.Sub(s.Rested) < wait)
	if f != nil {
		hourly, daily := spentBy(s, f)
		holds(health.RuleIncidentsPerHour, s.Limits.IncidentsPerHour > 0 && hourly+1 > s.Limits.IncidentsPerHour)
		holds(health.RuleRestartsPerDay, s.Limits.RestartsPerDay > 0 && daily+1 > s.Limits.RestartsPerDay)
	}
	asked := s.Mode == health.ModeApprove && s.Approval.By == ""
	lapsed := !s.Approval.Deadline.IsZero() && !s.Approval.Deadline.After(s.Now)
	holds(health.RuleLapsed, asked && lapsed)
	holds(health.RuleApproval, asked && !lapsed)
	if f != nil {
		share := 100 * float64(f.Services-f.Down) / float64(max(1, f.Services))
		holds(health.RuleMinHealthy, f.Services >= 10 && share < float64(f.MinHealthy))
		holds(health.RuleConcurrent, s.Mode != health.ModeObserve && f.Running+f.Ahead+1 > f.ConcurrentRestarts)
	}
	holds(health.RuleObserve, s.Mode == health.ModeObserve)
	return append(reached, health.RuleClear)
}

func spentBy(s *health.Situation, f *health.Fleet) (incidents, restarts int) {
	others := map[string]bool{}
	for _, spending := range f.Spent {
		age := s.Now.Sub(spending.At)
		if spending.Observed && s.Mode != health.ModeObserve {
			continue
		}
		if age < time.Hour && spending.Incident != f.Incident {
			others[spending.Incident] = true
		}
		if age < 24*time.Hour {
			restarts++
		}
	}
	return len(others), restarts
}

// TestDecideNeverActsAtALimit: the first limit that is reached decides, as far
// as counting them all one by one can tell, and nothing else acts.
func TestDecideNeverActsAtALimit(t *testing.T) {
	everySituation(t, func(_ *rand.Rand, s *health.Situation, f *health.Fleet) {
		reached := limitsReached(s, f)
		decision := health.Decide(s, f)
		require.Equal(t, reached[0], decision.Rule, "%+v %+v", s, f)
		require.Equal(t, len(reached) == 1, decision.Act, "%+v %+v", s, f)
		require.NotEmpty(t, decision.Reason())
	})
}

// TestDecideSaysWhenToAskAgain: at that time the rule no longer holds, and not
// an instant before.
func TestDecideSaysWhenToAskAgain(t *testing.T) {
	timed := map[health.Rule]bool{
		health.RuleMaintenance: true, health.RuleBackoff: true,
		health.RuleIncidentsPerHour: true, health.RuleRestartsPerDay: true,
	}
	everySituation(t, func(_ *rand.Rand, s *health.Situation, f *health.Fleet) {
		held := health.Decide(s, f)
		if held.Rule == health.RulePassing {
			require.Equal(t, s.Now.Add(s.Retry.Std()), held.At)
			return
		}
		if !timed[held.Rule] && (held.Rule != health.RuleApproval || s.Approval.Deadline.IsZero()) {
			require.Zero(t, held.At, "%q does not end with time", held.Rule)
			return
		}
		require.True(t, held.At.After(s.Now), "%q at %s", held.Rule, held.At)
		later := *s
		later.Now = held.At.Add(-1)
		require.Equal(t, held.Rule, health.Decide(&later, f).Rule, "an instant before; %+v %+v", s, f)
		later.Now = held.At
		require.NotEqual(t, held.Rule, health.Decide(&later, f).Rule, "%+v %+v", s, f)
	})
}

// TestDecideChangesNothing: it only looks at what it is given, and gives the
// same answer to the same question.
func TestDecideChangesNothing(t *testing.T) {
	everySituation(t, func(_ *rand.Rand, s *health.Situation, f *health.Fleet) {
		situation := *s
		situation.Steps, situation.Backoff = slices.Clone(s.Steps), slices.Clone(s.Backoff)
		situation.Down = slices.Clone(s.Down)
		var fleet *health.Fleet
		if f != nil {
			copied := *f
			copied.Spent, copied.Restarting = slices.Clone(f.Spent), slices.Clone(f.Restarting)
			fleet = &copied
		}
		first := health.Decide(s, f)
		require.Equal(t, &situation, s)
		require.Equal(t, fleet, f)
		require.Equal(t, first, health.Decide(s, f))
	})
}

// restraints each add one reason to hold, or bring one nearer.
var restraints = []change{
	func(s *health.Situation, _ *health.Fleet) { s.Passes++ },
	func(s *health.Situation, _ *health.Fleet) { s.Steps = nil },
	func(s *health.Situation, _ *health.Fleet) { s.Maintenance = s.Maintenance.Add(365 * 24 * time.Hour) },
	func(s *health.Situation, _ *health.Fleet) { s.Maintenance = s.Now.Add(1) },
	func(s *health.Situation, _ *health.Fleet) { s.Flapping = true },
	func(s *health.Situation, _ *health.Fleet) { s.Unverified = true },
	func(s *health.Situation, _ *health.Fleet) { s.Down = append(s.Down, "cache") },
	func(s *health.Situation, _ *health.Fleet) { s.Restarts++ },
	func(s *health.Situation, _ *health.Fleet) { s.Limits.PerIncident-- },
	func(s *health.Situation, _ *health.Fleet) { s.Rested = s.Rested.Add(20 * time.Second) },
	func(s *health.Situation, _ *health.Fleet) { s.Hurry = false },
	func(s *health.Situation, _ *health.Fleet) { s.Limits.IncidentsPerHour = 1 },
	func(s *health.Situation, _ *health.Fleet) { s.Limits.RestartsPerDay = 1 },
	func(s *health.Situation, _ *health.Fleet) { s.Mode, s.Approval.By = health.ModeApprove, "" },
	func(s *health.Situation, _ *health.Fleet) { s.Approval.By = "" },
	func(s *health.Situation, _ *health.Fleet) { s.Mode = health.ModeObserve },
	func(_ *health.Situation, f *health.Fleet) { f.Carried++ },
	func(s *health.Situation, f *health.Fleet) {
		f.Spent = append(f.Spent, health.Spending{At: s.Now, Incident: "z"})
	},
	func(_ *health.Situation, f *health.Fleet) { f.Incident = "none of them" },
	func(_ *health.Situation, f *health.Fleet) { f.Down++ },
	func(_ *health.Situation, f *health.Fleet) { f.MinHealthy += 10 },
	func(_ *health.Situation, f *health.Fleet) { f.Running++ },
	func(_ *health.Situation, f *health.Fleet) { f.Ahead++ },
	func(_ *health.Situation, f *health.Fleet) { f.ConcurrentRestarts-- },
}

// TestDecideIsMonotonous: one restraint more never makes it act, and neither
// does knowing the fleet.
func TestDecideIsMonotonous(t *testing.T) {
	turned := make([]int, len(restraints))
	everySituation(t, func(random *rand.Rand, s *health.Situation, f *health.Fleet) {
		before := health.Decide(s, f)
		if f == nil {
			f = randomFleet(random)
			require.False(t, !before.Act && health.Decide(s, f).Act, "knowing the fleet; %+v %+v", s, f)
			before = health.Decide(s, f)
		}
		for i, restrain := range restraints {
			situation, fleet := *s, *f
			situation.Down, fleet.Spent = slices.Clone(s.Down), slices.Clone(f.Spent)
			restrain(&situation, &fleet)
			after := health.Decide(&situation, &fleet)
			require.False(t, !before.Act && after.Act, "restraint %d; %+v %+v", i, s, f)
			if before.Act && !after.Act {
				turned[i]++
			}
		}
	})
	for i, count := range turned {
		require.NotZero(t, count, "restraint %d never held anything back", i)
	}
}
