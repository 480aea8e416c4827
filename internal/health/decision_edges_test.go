package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// edge is a change and the rule that must answer to it.
type edge struct {
	change change
	rule   health.Rule
}

func checkEdges(t *testing.T, edges map[string]edge) {
	t.Helper()
	for name, edge := range edges {
		t.Run(name, func(t *testing.T) {
			situation, fleet := down(), calm()
			edge.change(&situation, &fleet)
			decision := health.Decide(&situation, &fleet)
			require.Equal(t, edge.rule, decision.Rule, decision.Reason())
			require.Equal(t, edge.rule == health.RuleClear, decision.Act)
		})
	}
}

func spent(s ...health.Spending) change {
	return func(_ *health.Situation, f *health.Fleet) { f.Spent = s }
}

func TestDecideBudgets(t *testing.T) {
	both := func(changes ...change) change {
		return func(s *health.Situation, f *health.Fleet) {
			for _, change := range changes {
				change(s, f)
			}
		}
	}
	observe := func(s *health.Situation, _ *health.Fleet) { s.Mode = health.ModeObserve }
	observed := health.Spending{At: noon.Add(-time.Minute), Incident: "other", Observed: true}
	free := func(s *health.Situation, _ *health.Fleet) { s.Limits.IncidentsPerHour, s.Limits.RestartsPerDay = 0, 0 }
	twoIncidents := func(s *health.Situation, _ *health.Fleet) { s.Limits.IncidentsPerHour = 2 }
	many := make([]health.Spending, 50)
	for i := range many {
		many[i] = ago(time.Minute, string(rune('A'+i)))
	}
	checkEdges(t, map[string]edge{
		"an hour less an instant ago counts": {spent(ago(time.Hour-1, "x")), health.RuleIncidentsPerHour},
		"an hour ago no longer counts":       {spent(ago(time.Hour, "x")), health.RuleClear},
		"what is yet to come counts":         {spent(ago(-time.Minute, "x")), health.RuleIncidentsPerHour},
		"its own incident is no other one": {
			spent(ago(2*time.Minute, "this"), ago(time.Minute, "this")), health.RuleClear},
		"its own restarts count in the day": {
			spent(ago(3*time.Hour, "this"), ago(2*time.Hour, "this"), ago(time.Hour, "this")), health.RuleRestartsPerDay},
		"several restarts of one other incident are one incident": {
			both(twoIncidents, spent(ago(9*time.Minute, "x"), ago(time.Minute, "x"))), health.RuleClear},
		"an incident counts by its last restart": {
			spent(ago(61*time.Minute, "x"), ago(59*time.Minute, "x")), health.RuleIncidentsPerHour},
		"a day less an instant ago counts": {
			spent(ago(24*time.Hour-1, "x"), ago(9*time.Hour, "y"), ago(8*time.Hour, "z")), health.RuleRestartsPerDay},
		"a day ago no longer counts": {
			spent(ago(24*time.Hour, "x"), ago(9*time.Hour, "y"), ago(8*time.Hour, "z")), health.RuleClear},
		"zero is no limit":                      {both(free, spent(many...)), health.RuleClear},
		"what was observed is not spent":        {spent(observed), health.RuleClear},
		"what was observed counts in observe":   {both(observe, spent(observed)), health.RuleIncidentsPerHour},
		"an observed restart hides no real one": {spent(ago(2*time.Minute, "other"), observed), health.RuleIncidentsPerHour},
		"carried restarts count in the incident": {
			func(s *health.Situation, f *health.Fleet) { s.Restarts, f.Carried = 1, 2 }, health.RulePerIncident},
		"one restart is left beside the carried ones": {
			func(s *health.Situation, f *health.Fleet) { s.Restarts, f.Carried = 1, 1 }, health.RuleClear},
		"no restarts at all are allowed": {
			func(s *health.Situation, _ *health.Fleet) { s.Limits.PerIncident = 0 }, health.RulePerIncident},
		"more restarts than a lowered limit": {
			func(s *health.Situation, _ *health.Fleet) { s.Restarts, s.Limits.PerIncident = 3, 1 }, health.RulePerIncident},
	})
}

// TestDecideNextOfALoweredLimit: where more has been spent than is allowed by
// now, as much must fall out as is too much.
func TestDecideNextOfALoweredLimit(t *testing.T) {
	situation, fleet := down(), calm()
	fleet.Spent = []health.Spending{
		ago(50*time.Minute, "x"), ago(40*time.Minute, "y"), ago(30*time.Minute, "this"), ago(20*time.Minute, "x"), ago(10*time.Minute, "z"),
	}
	decision := health.Decide(&situation, &fleet)
	require.Equal(t, health.Decision{
		Rule: health.RuleIncidentsPerHour, Count: 3, Limit: 1, At: noon.Add(50 * time.Minute),
	}, decision, "z was last")
	require.Equal(t, "3 other incidents in the last hour used up the limit of 1, next at 12:50 UTC", decision.Reason())

	situation.Limits.IncidentsPerHour = 2
	require.Equal(t, noon.Add(40*time.Minute), health.Decide(&situation, &fleet).At, "y, then x, by their last restarts")

	situation.Limits.IncidentsPerHour = 0
	require.Equal(t, health.Decision{
		Rule: health.RuleRestartsPerDay, Count: 5, Limit: 3, At: noon.Add(24*time.Hour - 30*time.Minute),
	}, health.Decide(&situation, &fleet), "until two are left")
}

func TestDecideCapacity(t *testing.T) {
	services := func(all, down int) change {
		return func(_ *health.Situation, f *health.Fleet) { f.Services, f.Down = all, down }
	}
	queue := func(running, ahead, places int) change {
		return func(_ *health.Situation, f *health.Fleet) {
			f.Running, f.Ahead, f.ConcurrentRestarts = running, ahead, places
		}
	}
	checkEdges(t, map[string]edge{
		"nine services have no minimum":       {services(9, 9), health.RuleClear},
		"ten services have one":               {services(10, 9), health.RuleMinHealthy},
		"6 of 10 are 51 %":                    {services(10, 4), health.RuleClear},
		"5 of 10 are not":                     {services(10, 5), health.RuleMinHealthy},
		"51 of 100 are 51 %":                  {services(100, 49), health.RuleClear},
		"50 of 100 are not":                   {services(100, 50), health.RuleMinHealthy},
		"more down than there are":            {services(10, 11), health.RuleMinHealthy},
		"a place is free":                     {queue(1, 0, 2), health.RuleClear},
		"no place is free":                    {queue(2, 0, 2), health.RuleConcurrent},
		"the free place is for one ahead":     {queue(1, 1, 2), health.RuleConcurrent},
		"all free places are for those ahead": {queue(0, 5, 2), health.RuleConcurrent},
		"one ahead and a place beside it":     {queue(0, 1, 2), health.RuleClear},
		"no restart at all is allowed":        {queue(0, 0, 0), health.RuleConcurrent},
		"no minimum is set": {func(_ *health.Situation, f *health.Fleet) {
			f.MinHealthy, f.Down = 0, 100
		}, health.RuleClear},
	})
}

func TestDecideModes(t *testing.T) {
	approve := func(deadline time.Duration, by string) change {
		return func(s *health.Situation, _ *health.Fleet) {
			s.Mode = health.ModeApprove
			s.Approval = health.Approval{Deadline: noon.Add(deadline), By: by}
		}
	}
	checkEdges(t, map[string]edge{
		"no mode is to act": {func(s *health.Situation, _ *health.Fleet) { s.Mode = "" }, health.RuleClear},
		"act":               {func(s *health.Situation, _ *health.Fleet) { s.Mode = health.ModeAct }, health.RuleClear},
		"act asks nobody": {func(s *health.Situation, _ *health.Fleet) {
			s.Approval.Deadline = noon.Add(-time.Hour)
		}, health.RuleClear},
		"observe": {func(s *health.Situation, _ *health.Fleet) { s.Mode = health.ModeObserve }, health.RuleObserve},
		"observe takes no place in the queue": {func(s *health.Situation, f *health.Fleet) {
			s.Mode, f.Running, f.Ahead = health.ModeObserve, 1, 7
		}, health.RuleObserve},
		"observe would not have acted": {func(s *health.Situation, f *health.Fleet) {
			s.Mode, f.Down = health.ModeObserve, 90
		}, health.RuleMinHealthy},
		"not asked yet":              {func(s *health.Situation, _ *health.Fleet) { s.Mode = health.ModeApprove }, health.RuleApproval},
		"asked":                      {approve(1, ""), health.RuleApproval},
		"lapsed":                     {approve(0, ""), health.RuleLapsed},
		"approved":                   {approve(time.Minute, "ann"), health.RuleClear},
		"an approval does not lapse": {approve(-time.Hour, "ann"), health.RuleClear},
		"an approval gives no place": {func(s *health.Situation, f *health.Fleet) {
			approve(time.Minute, "ann")(s, f)
			f.Running = 1
		}, health.RuleConcurrent},
		"nobody is asked in vain": {func(s *health.Situation, f *health.Fleet) {
			s.Mode, f.Spent = health.ModeApprove, []health.Spending{ago(time.Minute, "x")}
		}, health.RuleIncidentsPerHour},
	})

	situation := down()
	approve(time.Minute, "ann")(&situation, nil)
	decision := health.Decide(&situation, nil)
	require.Equal(t, "ann", decision.By)
	require.Equal(t, "restart 1 of 3 in this incident, approved by ann", decision.Reason())
	situation.Mode = health.ModeAct
	require.Empty(t, health.Decide(&situation, nil).By, "nobody was asked")
}

func TestDecideBackoff(t *testing.T) {
	rested := func(attempts int, before time.Duration) change {
		return func(s *health.Situation, _ *health.Fleet) { s.Attempts, s.Rested = attempts, noon.Add(-before) }
	}
	checkEdges(t, map[string]edge{
		"the first attempt is made at once":   {rested(0, 0), health.RuleClear},
		"after the first one it waits":        {rested(1, 10*time.Second-1), health.RuleBackoff},
		"it ends to the instant":              {rested(1, 10*time.Second), health.RuleClear},
		"the second wait is longer":           {rested(2, 10*time.Second), health.RuleBackoff},
		"the last wait repeats":               {rested(7, 30*time.Second-1), health.RuleBackoff},
		"and ends, too":                       {rested(7, 30*time.Second), health.RuleClear},
		"no time is known":                    {func(s *health.Situation, _ *health.Fleet) { s.Attempts = 1 }, health.RuleClear},
		"clocks disagree, and no wait is set": {func(s *health.Situation, _ *health.Fleet) { s.Attempts, s.Rested, s.Backoff = 1, noon.Add(1), nil }, health.RuleClear},
	})
}

// TestDecideInAHurry: a human in a hurry skips the back-off and nothing else.
func TestDecideInAHurry(t *testing.T) {
	situation, fleet := against()
	for _, step := range order {
		if step.rule == health.RuleObserve {
			situation.Mode = health.ModeObserve
		}
		situation.Hurry = false
		calmly := health.Decide(&situation, &fleet)
		require.Equal(t, step.rule, calmly.Rule)
		situation.Hurry = true
		hurried := health.Decide(&situation, &fleet)
		if step.rule == health.RuleBackoff {
			require.Equal(t, health.RuleIncidentsPerHour, hurried.Rule)
			situation.Attempts = 0 // lifts it without the hurry
			continue
		}
		require.Equal(t, calmly, hurried)
		step.lift(&situation, &fleet)
	}
}

func TestDecideRunbook(t *testing.T) {
	const end = -1
	tests := map[string]struct {
		tries []int
		want  []int // the step after 0, 1, 2 ... attempts
	}{
		"two, one, and the rest":   {[]int{2, 1, 0}, []int{0, 0, 1, 2, 2, 2, 2}},
		"one each":                 {[]int{1, 1}, []int{0, 1, end, end}},
		"as often as limits allow": {[]int{0}, []int{0, 0, 0, 0}},
		"nothing comes after that": {[]int{1, 0, 1}, []int{0, 1, 1, 1}},
		"three of one":             {[]int{3}, []int{0, 0, 0, end}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for attempts, want := range test.want {
				situation := down()
				situation.Steps, situation.Attempts, situation.Hurry = test.tries, attempts, true
				decision := health.Decide(&situation, nil)
				if want == end {
					require.Equal(t, health.Decision{Rule: health.RuleRunbook, Count: attempts}, decision)
					continue
				}
				require.True(t, decision.Act, decision.Reason())
				require.Equal(t, want, decision.Step, "after %d attempts", attempts)
				for _, mode := range []health.Mode{health.ModeObserve, health.ModeApprove} {
					situation.Mode = mode
					require.Equal(t, want, health.Decide(&situation, nil).Step, "in mode %s", mode)
				}
			}
		})
	}
}

func TestDecideMaintenance(t *testing.T) {
	until := func(end time.Duration) change {
		return func(s *health.Situation, _ *health.Fleet) { s.Maintenance = noon.Add(end) }
	}
	checkEdges(t, map[string]edge{
		"it lasts to the instant":       {until(1), health.RuleMaintenance},
		"its end does not belong to it": {until(0), health.RuleClear},
		"it is over":                    {until(-time.Hour), health.RuleClear},
	})
	situation := down()
	until(24*time.Hour-1)(&situation, nil)
	require.Equal(t, "maintenance until 11:59 UTC", health.Decide(&situation, nil).Reason())
	until(24*time.Hour)(&situation, nil)
	require.Equal(t, "maintenance until 2026-03-02 12:00 UTC", health.Decide(&situation, nil).Reason())
}
