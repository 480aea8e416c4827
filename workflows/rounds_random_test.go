package workflows_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// trouble is a time in which some of the targets fail, or a point sees nothing.
type trouble struct {
	from, until time.Duration
	// targets are those from first to before last.
	first, last int
	// cut is set if nobody sees anything; broken if the prober breaks.
	cut, broken bool
}

func (o trouble) at(now time.Duration) bool { return now >= o.from && now < o.until }

// randomTroubles are up to six, some of which take most of the targets with them.
func randomTroubles(random *rand.Rand, count int) []trouble {
	var all []trouble
	for range 1 + random.IntN(6) {
		from := time.Duration(random.IntN(40)) * time.Minute / 4
		o := trouble{from: from, until: from + time.Duration(1+random.IntN(32))*time.Minute/4, first: random.IntN(count)}
		switch random.IntN(6) {
		case 0:
			o.last = count
		case 1:
			o.cut = true
		case 2:
			o.broken = true
		default:
			o.last = min(count, o.first+1+random.IntN(8))
		}
		all = append(all, o)
	}
	return all
}

// TestRandomOutages: whatever fails and whoever is cut off, no target has two
// incidents (see shops.remember), none has one without three failures seen, each
// that is down for long has its own or there is one for the whole, and when all
// is well for long nothing is open.
func TestRandomOutages(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 5))
			s := newShops(t, 60)
			troubles := randomTroubles(random, len(s.names))
			index := map[string]int{}
			for i, name := range s.names {
				index[name] = i
			}
			down := func(target string, now time.Duration) bool {
				for _, o := range troubles {
					if o.at(now) && index[target] >= o.first && index[target] < o.last {
						return true
					}
				}
				return false
			}
			blind := func(now time.Duration, broken bool) bool {
				for _, o := range troubles {
					if o.at(now) && (o.cut && !broken || o.broken && broken) {
						return true
					}
				}
				return false
			}
			s.fails = func(target, _ string) bool { return down(target, s.since()) }
			s.cutOff = func(string) string { return map[bool]string{true: "no route"}[blind(s.since(), false)] }
			s.breaks = func(string) string { return map[bool]string{true: "no sockets"}[blind(s.since(), true)] }

			check := fleet()
			check.Fleet.Batch, check.Fleet.MaxOpenIncidents = 20, 8
			check.Watch = health.Duration(30 * time.Minute)
			s.at(20*time.Minute, func() { troubles = nil })
			for minute := 1; minute < 20; minute++ {
				s.at(time.Duration(minute)*time.Minute+30*time.Second, func() { s.compare(down, troubles) })
			}
			state := s.watch(check)
			require.Empty(t, state.Fleet.Failing, "all pass")
			require.Nil(t, state.Fleet.Whole)
			require.Equal(t, health.StateHealthy, state.State)
			for target, open := range s.open {
				require.False(t, open, "incident of %q", target)
			}
			for _, in := range s.opened {
				require.True(t, in.Whole != "" || in.Streak.Failures >= 3, in.Target)
			}
		})
	}
}

// compare looks whether a target that was seen to fail for five minutes has an
// incident, if somebody could look all the time.
func (s *shops) compare(down func(string, time.Duration) bool, troubles []trouble) {
	now := s.since()
	for _, o := range troubles {
		if (o.cut || o.broken) && o.from < now && o.until > now-7*time.Minute {
			return
		}
	}
	for _, name := range s.names {
		steady := true
		for back := time.Duration(0); back <= 5*time.Minute; back += 15 * time.Second {
			steady = steady && now-back >= 0 && down(name, now-back)
		}
		if steady {
			require.True(s.t, s.open[name] || s.open[""], "%s is down for five minutes at %s", name, now)
		}
	}
}

// TestPauseOfTargets: what was counted is forgotten, what is open stays, and
// nothing is probed until somebody resumes.
func TestPauseOfTargets(t *testing.T) {
	s := newShops(t, 100)
	s.fails = func(target, _ string) bool {
		return target == s.names[1] || target == s.names[2] && s.since() >= 3*time.Minute+30*time.Second
	}
	s.at(4*time.Minute+50*time.Second, func() { s.SignalWorkflow(workflows.SignalPause, workflows.Pause{By: "ana"}) })
	s.at(7*time.Minute, func() {
		state := s.state()
		require.Equal(t, health.StatePaused, state.State)
		require.Len(t, state.Fleet.Failing, 1)
		s.SignalWorkflow(workflows.SignalResume, workflows.Resume{By: "ana"})
	})
	s.watch(fleet())
	for _, one := range s.surveyed {
		require.False(t, one.at > 4*time.Minute+50*time.Second && one.at < 7*time.Minute, one.at)
	}
	require.Equal(t, []string{s.names[1], s.names[2]}, s.targets())
	require.GreaterOrEqual(t, s.opened[1].LastFailure.At.Sub(noon), 9*time.Minute-time.Second)
}
