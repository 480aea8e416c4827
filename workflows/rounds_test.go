package workflows_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// TestEveryTargetInEveryInterval: batches lie evenly in the interval, a target
// belongs to one of them, and none is probed twice.
func TestEveryTargetInEveryInterval(t *testing.T) {
	s := newShops(t, 950)
	state := s.watch(fleet())
	first, later := s.surveyed[:10], s.surveyed[10:]
	for _, one := range first {
		require.Equal(t, time.Duration(0), one.at, "what was never looked at is looked at now")
	}
	for n, one := range later {
		due := time.Duration(n+1) * 6 * time.Second
		require.Equal(t, due, one.at)
		require.Equal(t, (n+1)%10, one.in.Batch)
		require.Equal(t, noon.Add(due), one.in.Due.UTC())
		require.Equal(t, due+time.Minute, one.in.Until.Sub(noon))
	}
	for name, times := range s.looks() {
		require.InDelta(t, 11, len(times), 1, "%s: in each interval, and once at the start", name)
		for i := 2; i < len(times); i++ {
			require.Equal(t, time.Minute, times[i]-times[i-1], name)
		}
	}
	require.Equal(t, health.StateHealthy, state.State)
	require.Equal(t, "all 950 targets pass", state.Message)
	require.Empty(t, state.Fleet.Failing)
	require.Equal(t, map[string]workflows.ClassState{"": {Size: 950, Batches: 10}}, state.Fleet.Classes)
}

// TestFirstLookMakesNoLateOne: wherever in the interval a watch begins, and
// however long the first look takes, no target waits longer for the second one
// than for any other.
func TestFirstLookMakesNoLateOne(t *testing.T) {
	for _, start := range []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond, 4 * time.Second, 5500 * time.Millisecond, 31 * time.Second} {
		s := newShops(t, 950)
		s.SetStartTime(noon.Add(start))
		s.lost = func(in activities.BatchInput) bool { return in.Due.Before(noon.Add(start + time.Second/2)) }
		s.watch(fleet())
		last := map[int]time.Duration{}
		for tick := range s.surveys() {
			if before, known := last[tick.batch]; known {
				require.LessOrEqual(t, tick.due-before, time.Minute, "batch %d at %s, begun at %s", tick.batch, tick.due, start)
			} else {
				require.LessOrEqual(t, tick.due, start+5*time.Second, "batch %d, begun at %s", tick.batch, start)
			}
			last[tick.batch] = tick.due
		}
		require.Len(t, last, 10)
	}
}

// TestTargetsHandover: over watches, every target is probed once an interval,
// also when their number changes.
func TestTargetsHandover(t *testing.T) {
	var state workflows.MonitorState
	times := map[string][]time.Duration{}
	for n := range 3 {
		nominal := noon.Add(time.Duration(n) * 10 * time.Minute)
		s := newShops(t, 300+n*200)
		s.SetStartTime(nominal)
		s.scheduledAt(nominal)
		if n > 0 {
			s.SetLastCompletionResult(state)
		}
		state = s.watch(fleet())
		for name, looks := range s.looks() {
			if _, known := times[name]; known || n == 0 {
				times[name] = append(times[name], looks...)
			}
		}
	}
	require.Len(t, times, 300)
	for name, looks := range times {
		require.GreaterOrEqual(t, len(looks), 29, name)
		for i := 1; i < len(looks); i++ {
			gap := looks[i] - looks[i-1]
			require.LessOrEqual(t, gap, 80*time.Second, name)
			if i > 1 {
				require.Greater(t, gap, 30*time.Second, name)
			}
		}
	}
	require.Equal(t, 7, state.Fleet.Classes[""].Batches)
}

// TestTargetHasItsOwnIncident: with the third failure, and it hears of the
// first passing probe.
func TestTargetHasItsOwnIncident(t *testing.T) {
	s := newShops(t, 200)
	ill := s.names[17]
	s.fails = func(target, _ string) bool { return target == ill && s.minutes(1, 5) }
	s.at(4*time.Minute+50*time.Second, func() {
		state := s.state()
		require.Equal(t, health.StateDegraded, state.State)
		require.Equal(t, "1 of 200 targets are down, among them "+ill+" (refused)", state.Message)
		require.Len(t, state.Fleet.Failing, 1)
		require.True(t, state.Fleet.Failing[0].Open)
	})
	state := s.watch(fleet())
	require.Len(t, s.opened, 1)
	in := s.opened[0]
	require.Equal(t, ill, in.Target)
	require.Nil(t, in.Check.Fleet)
	require.Equal(t, 3, in.Streak.Failures)
	require.Equal(t, "refused", in.LastFailure.Message)
	require.Equal(t, []string{ill + " passed"}, s.heard)
	require.Equal(t, health.StateHealthy, state.State)
	require.Empty(t, state.Fleet.Failing)

	var stood []health.State
	for _, standing := range s.standings {
		if standing.Target == ill {
			stood = append(stood, standing.State)
		}
	}
	require.Equal(t, []health.State{health.StateFailing, health.StateFailing, health.StateDown, health.StateHealthy}, stood)
	last := s.standings[len(s.standings)-1]
	require.Equal(t, health.Counts{Total: 200}, last.Targets)
}

// TestStreaksOfTargetsAreHandedOver: the third failure counts as such also when
// the watch has changed in between.
func TestStreaksOfTargetsAreHandedOver(t *testing.T) {
	first := newShops(t, 200)
	ill := first.names[3]
	first.fails = func(target, _ string) bool { return target == ill && first.minutes(8, 20) }
	state := first.watch(fleet())
	require.Equal(t, 2, state.Fleet.Failing[0].Streak.Failures)
	require.Empty(t, first.opened)

	second := newShops(t, 200)
	second.SetStartTime(noon.Add(10 * time.Minute))
	second.SetLastCompletionResult(state)
	second.fails = func(target, _ string) bool { return target == ill && second.minutes(10, 12) }
	second.watch(fleet())
	require.Equal(t, []string{ill}, second.targets())
	require.Equal(t, 3, second.opened[0].Streak.Failures)
}

// TestStorm: past the limit there is one incident for the whole, with a count
// and a sample, and single ones again once it has calmed down.
func TestStorm(t *testing.T) {
	s := newShops(t, 200)
	s.fails = func(target, _ string) bool {
		n := slices.Index(s.names, target)
		return n < 60 && s.minutes(1, 5) || n < 4
	}
	s.at(4*time.Minute, func() {
		state := s.state()
		require.Equal(t, health.StateDown, state.State)
		require.Equal(t, workflows.Storm, state.Fleet.Whole.Reason)
	})
	state := s.watch(fleet())
	require.Equal(t, health.StateDegraded, state.State)
	require.Nil(t, state.Fleet.Whole)

	whole := slices.IndexFunc(s.opened, func(in workflows.RemediationInput) bool { return in.Target == "" })
	require.GreaterOrEqual(t, whole, 0)
	in := s.opened[whole]
	require.Equal(t, workflows.Storm, in.Whole)
	require.Empty(t, in.Check.Remediation.Steps, "nothing is restarted for the whole")
	require.Regexp(t, `^[0-9]+ of 200 targets are down, among them shop-0000:80 \(refused\), shop-[0-9]{4}:80 `, in.LastFailure.Message)
	require.Positive(t, in.Down)
	require.Contains(t, s.heard, " worse")
	require.Contains(t, s.heard, " passed")
	for _, name := range s.names[:4] {
		require.Contains(t, s.targets(), name, "those that are still down have their own incident")
	}
	open := 0
	for _, is := range s.open {
		if is {
			open++
		}
	}
	require.Equal(t, 4, open)
	require.Less(t, len(s.opened), 12)
}

// TestCutOff: nothing is held against the targets, and one incident says why.
func TestCutOff(t *testing.T) {
	s := newShops(t, 200)
	s.fails = func(string, string) bool { return true }
	s.cutOff = func(string) string {
		if s.minutes(1, 5) {
			return "control probe: no route to host"
		}
		return ""
	}
	s.at(4*time.Minute, func() {
		require.Equal(t, health.StateUnknown, s.state().State)
		s.fails = func(string, string) bool { return false }
	})
	// All fail once before it is known why.
	state := s.watch(fleet())
	require.Equal(t, []string{""}, s.targets())
	require.Equal(t, workflows.CutOff, s.opened[0].Whole)
	require.Contains(t, s.opened[0].LastFailure.Message, "no route to host")
	require.Equal(t, []string{" passed"}, s.heard)
	require.Equal(t, health.StateHealthy, state.State)
}

// TestVantageQuorum: a target is down when a quorum says so.
func TestVantageQuorum(t *testing.T) {
	check := fleet()
	check.Fleet.Vantage, check.Fleet.Quorum = []string{"eu", "us", "as"}, 2
	s := newShops(t, 50)
	s.fails = func(target, vantage string) bool {
		return target == s.names[1] && vantage == "eu" || target == s.names[2] && vantage != "eu"
	}
	s.watch(check)
	require.Equal(t, []string{s.names[2]}, s.targets())
	require.Equal(t, "us: refused; as: refused", s.opened[0].LastFailure.Message)
	queues := map[string]bool{}
	for _, one := range s.surveyed {
		queues[one.in.Vantage] = true
	}
	require.Len(t, queues, 3)
}

// TestVantagePointWithAnOldList: what a point does not know it has no vote on,
// and a target is gone once too few know of it. That they differ is said.
func TestVantagePointWithAnOldList(t *testing.T) {
	check := fleet()
	check.Fleet.Vantage, check.Fleet.Quorum = []string{"eu", "us", "as"}, 2
	s := newShops(t, 50)
	s.fails = func(target, _ string) bool { return target == s.names[2] }
	knowing := 2
	s.knows = func(target, vantage string) bool {
		return target != s.names[2] || slices.Index(check.Fleet.Vantage, vantage) < knowing
	}
	s.RegisterDelayedCallback(func() { knowing = 1 }, 7*time.Minute)
	state := s.watch(check)
	require.Equal(t, []string{s.names[2]}, s.targets())
	require.Equal(t, "eu: refused; us: refused", s.opened[0].LastFailure.Message)
	require.Empty(t, state.Fleet.Failing, "it is gone")
	require.Equal(t, "not all targets could be probed: vantage point eu has 50 targets, and us has 49: give both the same list", state.Message)
}

// TestTooFewVantagePoints: those that are left do not decide alone.
func TestTooFewVantagePoints(t *testing.T) {
	check := fleet()
	check.Fleet.Vantage, check.Fleet.Quorum = []string{"eu", "us"}, 2
	s := newShops(t, 50)
	s.fails = func(string, string) bool { return true }
	s.cutOff = func(vantage string) string {
		if vantage == "eu" {
			return "control probe: timed out"
		}
		return ""
	}
	s.watch(check)
	require.Equal(t, []string{""}, s.targets())
	require.Contains(t, s.opened[0].LastFailure.Message, "eu: control probe: timed out")
}

// TestClassesHaveTheirOwnInterval.
func TestClassesHaveTheirOwnInterval(t *testing.T) {
	check := fleet()
	check.Fleet.Classes = []workflows.Class{{Name: "gold", Interval: health.Duration(15 * time.Second)}}
	s := newShops(t, 200)
	s.class = func(target string) string {
		if strings.HasSuffix(target, "7:80") {
			return "gold"
		}
		return ""
	}
	ill := s.names[7]
	s.fails = func(target, _ string) bool { return target == ill }
	s.watch(check)
	for name, times := range s.looks() {
		want := 10
		if s.class(name) == "gold" {
			want = 40
		}
		require.InDelta(t, want, len(times), 1, name)
	}
	require.Equal(t, []string{ill}, s.targets())
	require.Equal(t, health.Duration(15*time.Second), s.opened[0].Check.Interval)
	require.Less(t, s.opened[0].LastFailure.At.Sub(noon), time.Minute)
}

// TestTargetThatGoesEndsItsIncident.
func TestTargetThatGoesEndsItsIncident(t *testing.T) {
	s := newShops(t, 200)
	ill := s.names[5]
	s.fails = func(target, _ string) bool { return target == ill }
	s.at(5*time.Minute, func() { s.names = slices.Delete(s.names, 5, 6) })
	state := s.watch(fleet())
	require.Equal(t, []string{ill}, s.targets())
	require.False(t, s.open[ill], "it was cancelled")
	require.Empty(t, state.Fleet.Failing)
	require.Equal(t, 199, state.Fleet.Classes[""].Size)
}

// TestOrdersReachAllIncidents: of targets, and the one for the whole.
func TestOrdersReachAllIncidents(t *testing.T) {
	s := newShops(t, 200)
	s.fails = func(target, _ string) bool { return target == s.names[1] || target == s.names[2] }
	s.at(5*time.Minute, func() {
		s.SignalWorkflow(workflows.SignalMode, workflows.SetMode{Mode: health.ModeObserve, By: "ana"})
	})
	s.at(6*time.Minute, func() {
		check := fleet()
		check.FailureThreshold = 2
		s.SignalWorkflow(workflows.SignalReconfigure, check)
	})
	s.watch(fleet())
	require.ElementsMatch(t, []string{
		s.names[1] + " orders", s.names[2] + " orders", s.names[1] + " reconfigure", s.names[2] + " reconfigure",
	}, s.heard)
}

// TestUncountedTargets: while nobody knows which they are, nothing is probed and
// nothing concluded.
func TestUncountedTargets(t *testing.T) {
	s := newShops(t, 100)
	s.uncounted = errors.New("its targets are not known yet: shops.yml: no such file")
	s.at(time.Minute, func() {
		require.Contains(t, s.state().Message, "shops.yml: no such file")
		s.uncounted = nil
	})
	s.watch(fleet())
	require.GreaterOrEqual(t, s.surveyed[0].at, time.Minute)
	require.Less(t, s.surveyed[0].at, 70*time.Second)
}

// TestProberErrorHoldsNothingAgainstTargets.
func TestProberErrorHoldsNothingAgainstTargets(t *testing.T) {
	s := newShops(t, 100)
	ill := s.names[9]
	s.fails = func(target, _ string) bool { return target == ill }
	s.breaks = func(string) string {
		if s.minutes(2, 4) {
			return "too many open files"
		}
		return ""
	}
	s.watch(fleet())
	require.Equal(t, []string{ill}, s.targets())
	require.Equal(t, 3, s.opened[0].Streak.Failures)
	require.GreaterOrEqual(t, s.opened[0].LastFailure.At.Sub(noon), 4*time.Minute)
}

// TestLostBatchHoldsNothingUp: a worker that has died has taken one tick of its
// batch with it, and not the next one, which is newer than what is made up for.
func TestLostBatchHoldsNothingUp(t *testing.T) {
	check := fleet()
	check.FailureThreshold = 1
	s := newShops(t, 50)
	third := noon.Add(3 * time.Minute)
	s.lost = func(in activities.BatchInput) bool { return in.Due.Equal(third) }
	s.fails = func(target, _ string) bool {
		return target == s.names[0] && s.lost(s.surveyed[len(s.surveyed)-1].in)
	}
	s.watch(check)
	var ended []time.Duration
	for _, one := range s.surveyed {
		ended = append(ended, one.at)
	}
	want := grid(0, time.Minute, 10)
	want[3], want[4] = want[4], want[3]+lostFor
	require.Equal(t, want, ended)
	require.Empty(t, s.opened, "what was found by the third is older than what is known")
}

// TestBatchesAreBegunBeforeTheyAreDue, as timers of less than a second may be
// late by one; never by more than a quarter of the interval.
func TestBatchesAreBegunBeforeTheyAreDue(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{8 * time.Second: lead, time.Second: time.Second / 4} {
		check := fleet()
		check.Interval, check.Timeout = health.Duration(interval), health.Duration(time.Second/2)
		s := newShops(t, 800)
		s.watch(check)
		require.Greater(t, len(s.begun), 500)
		for tick, at := range s.begun {
			require.LessOrEqual(t, tick.due-at, want, tick)
		}
		for _, one := range s.surveyed {
			due := one.in.Due.Sub(noon)
			_, begun := s.begun[tickOf{one.in.Batch, due}]
			require.True(t, begun || due == 0, "%s was begun at %s", due, one.at)
		}
	}
}

// TestBatchAsksAboutWhatItsLastTickHasFound, also where that is known only just
// before it is due.
func TestBatchAsksAboutWhatItsLastTickHasFound(t *testing.T) {
	check := fleet()
	check.Interval = health.Duration(lostFor + lead/2)
	s := newShops(t, 50)
	var slow time.Time
	s.lost = func(in activities.BatchInput) bool {
		if slow.IsZero() && in.Due.After(noon.Add(3*time.Minute)) {
			slow = in.Due
		}
		return in.Due.Equal(slow)
	}
	s.fails = func(target, _ string) bool {
		return target == s.names[0] && s.lost(s.surveyed[len(s.surveyed)-1].in)
	}
	state := s.watch(check)
	n := slices.IndexFunc(s.surveyed, func(one surveyed) bool { return s.lost(one.in) })
	require.Equal(t, slow.Add(lostFor).UTC(), noon.Add(s.surveyed[n].at))
	require.Equal(t, []string{s.names[0]}, s.surveyed[n+1].in.Failing)
	require.Equal(t, slow.Add(check.Interval.Std()).UTC(), s.surveyed[n+1].in.Due.UTC())
	require.Empty(t, state.Fleet.Failing)
}

// TestHangingTargetsDelayNoBatch: with as many batches as there may be, each of
// which hangs for more than half of the interval.
func TestHangingTargetsDelayNoBatch(t *testing.T) {
	check := fleet()
	check.Interval = health.Duration(2 * time.Minute)
	s := newShops(t, 3200)
	// At the start all are due at once.
	s.lost = func(in activities.BatchInput) bool { return in.Due.After(noon) }
	s.watch(check)
	seen := map[int]bool{}
	for _, one := range s.surveyed[32:] {
		seen[one.in.Batch] = true
		require.Equal(t, one.in.Due.Add(lostFor).UTC(), noon.Add(one.at))
	}
	require.Len(t, seen, 32)
}

// TestBatchesDoNotPileUp: of those that take longer than two intervals, two are
// under way.
func TestBatchesDoNotPileUp(t *testing.T) {
	check := fleet()
	check.Interval, check.Timeout = health.Duration(30*time.Second), health.Duration(time.Minute)
	s := newShops(t, 50)
	s.lost = func(activities.BatchInput) bool { return true }
	s.watch(check)
	var due []time.Duration
	for _, one := range s.surveyed {
		due = append(due, one.in.Due.Sub(noon))
	}
	require.Equal(t, []time.Duration{0, 30 * time.Second, 90 * time.Second, 2 * time.Minute}, due[:4])
	for i := range due[2:] {
		require.Greater(t, due[i+2]-due[i], lostFor)
	}
}

// TestFailuresAreInARow: also where each batch is judged while the next one is
// under way already.
func TestFailuresAreInARow(t *testing.T) {
	check := fleet()
	check.FailureThreshold = 2
	s := newShops(t, 50)
	s.lost = func(activities.BatchInput) bool { return true }
	s.fails = func(target, _ string) bool {
		minute := int(s.surveyed[len(s.surveyed)-1].in.Due.Sub(noon).Minutes())
		return target == s.names[0] && minute%2 == 1 || target == s.names[1] && (minute == 5 || minute == 6)
	}
	s.watch(check)
	require.Equal(t, []string{s.names[1]}, s.targets())
}

// TestMoreFailThanAreKept: all of them are counted, and the state stays small.
func TestMoreFailThanAreKept(t *testing.T) {
	s := newShops(t, 3000)
	s.fails = func(string, string) bool { return s.minutes(0, 6) }
	check := fleet()
	check.Fleet.Batch = 500
	s.at(5*time.Minute+55*time.Second, func() {
		state := s.state()
		require.Equal(t, health.StateDown, state.State)
		require.Contains(t, state.Message, "3000 of 3000 targets are down")
		require.Len(t, state.Fleet.Failing, 1000)
		last := s.standings[len(s.standings)-1]
		require.Equal(t, health.Counts{Total: 3000, Failing: 3000, Down: 3000}, last.Targets)
	})
	state := s.watch(check)
	require.Equal(t, health.StateHealthy, state.State)
	require.Empty(t, state.Fleet.Failing)
	require.Equal(t, []string{""}, s.targets())
}
