package survey

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestAllTargetsAreProbedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(5 * time.Second)
		w.add("web", 1000, always(10*time.Millisecond, true))
		report, d := w.run(t, w.survey(50, 0, 2))
		require.Equal(t, Report{Probed: 1000}, report)
		require.Len(t, d.told, 1000)
		require.Equal(t, 1, d.calls)
		require.Len(t, w.order, 1000)
		require.Equal(t, 50, w.mostYoung)
		require.Equal(t, 200*time.Millisecond, time.Since(w.begun), "no place is ever empty")
		require.Equal(t, 190*time.Millisecond, slices.Max(d.late))
		require.Equal(t, time.Duration(0), slices.Min(d.late))
	})
}

func TestEmptyBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		report, d := w.run(t, w.survey(50, 3, 2), "gone")
		require.Equal(t, Report{}, report)
		require.Zero(t, d.calls)
	})
}

func TestWhatHangsGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(20 * time.Second)
		w.add("a", 40, always(time.Hour, true))
		report, _ := w.run(t, w.survey(10, 0, 0))
		require.Len(t, report.Failed, 40)
		require.Equal(t, 10, w.mostYoung)
		require.Equal(t, 40, w.mostBusy, "they all run at the same time then")
		require.InDelta(t, 23, time.Since(w.begun).Seconds(), 1e-6, "ten more each second")
	})
}

func TestOthersOvertakeThoseOfABusyHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(5 * time.Second)
		w.add("busy", 60, always(100*time.Millisecond, true))
		w.add("idle", 10, always(100*time.Millisecond, true))
		report, _ := w.run(t, w.survey(8, 2, 0))
		require.Equal(t, 70, report.Probed)
		require.Equal(t, 2, w.mostBusy)
		require.Equal(t, 3*time.Second, time.Since(w.begun), "two by two, without a break")
		for name, tries := range w.tries {
			if hostOf(health.Target{Name: name}) == "idle" {
				require.Less(t, tries[0].from, 500*time.Millisecond, name)
			}
		}
	})
}

func TestFailuresAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(5 * time.Second)
		w.add("down", 1, always(10*time.Millisecond, false))
		w.add("shaky", 1, fails(2))
		w.add("up", 8, always(10*time.Millisecond, true))
		report, d := w.run(t, w.survey(4, 0, 3))
		require.Equal(t, 10, report.Probed)
		require.Equal(t, []string{"down-000"}, names(report.Failed))
		require.Empty(t, report.Passed, "it did not fail the last time")

		tries := w.tries["down-000"]
		require.Len(t, tries, 4)
		for k, pause := range []float64{1, 2, 4} {
			took := (tries[k+1].from - tries[k].to).Seconds()
			require.InDelta(t, pause, took, pause/4+1e-6, "pause %d", k+1)
		}
		failed := d.of(t, "down-000")
		require.Equal(t, "try 4", failed.Message)
		require.Equal(t, w.begun.Add(tries[0].from), failed.At, "downtime begins with the first failure")
		back := d.of(t, "shaky-000")
		require.Equal(t, "try 3", back.Message)
		require.Equal(t, w.begun.Add(w.tries["shaky-000"][2].from), back.At)
	})
}

func TestPausesDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("down", 100, always(0, false))
		w.run(t, w.survey(100, 0, 1))
		var pauses []time.Duration
		for _, tries := range w.tries {
			pauses = append(pauses, tries[1].from-tries[0].to)
		}
		require.Less(t, slices.Min(pauses), 850*time.Millisecond)
		require.Greater(t, slices.Max(pauses), 1150*time.Millisecond)
	})
}

func TestNoTryThatCannotEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(4 * time.Second)
		w.add("down", 1, always(10*time.Millisecond, false))
		s, d := w.survey(1, 0, 5), &desk{}
		batch := w.batch()
		batch.Until = w.begun.Add(8 * time.Second)
		report, err := s.Run(t.Context(), batch, d)
		require.NoError(t, err)
		require.Len(t, report.Failed, 1)
		tries := w.tries["down-000"]
		require.Len(t, tries, 3, "the next one would begin after about 7 s")
		require.LessOrEqual(t, tries[2].from, 4*time.Second)
	})
}

func TestThoseThatFailedBeforeComeLastAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(10 * time.Second)
		w.add("down", 30, always(time.Hour, true))
		w.add("recovered", 1, always(10*time.Millisecond, true))
		w.add("up", 100, always(10*time.Millisecond, true))
		var failing []string
		for _, target := range w.targets() {
			if hostOf(target) != "up" {
				failing = append(failing, target.Name)
			}
		}
		report, d := w.run(t, w.survey(5, 0, 3), failing...)
		require.Equal(t, 131, report.Probed)
		require.Len(t, report.Failed, 30)
		require.Equal(t, []string{"recovered-000"}, names(report.Passed))
		require.Len(t, w.order, 131, "none is tried again")
		for _, name := range w.order[:100] {
			require.Equal(t, "up", hostOf(health.Target{Name: name}))
		}
		for k, found := range d.told {
			if hostOf(health.Target{Name: found.Target}) == "up" {
				require.Less(t, d.late[k], 200*time.Millisecond)
			}
		}
	})
}

func TestReportsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("down", 20, always(0, false))
		s := w.survey(10, 0, 0)
		s.Limits.Named = 5
		probe := s.Probe
		s.Probe = func(ctx context.Context, target health.Target) health.Result {
			result := probe(ctx, target)
			result.Message = string(slices.Repeat([]byte("long "), 60))
			result.Observations = map[string]float64{"rows": 1}
			result.Facts = map[string]string{"tier": "primary"}
			return result
		}
		report, d := w.run(t, s)
		require.Equal(t, []string{"down-000", "down-001", "down-002", "down-003", "down-004"}, names(report.Failed))
		require.Equal(t, 15, report.Omitted)
		require.Equal(t, 20, report.Probed)
		require.LessOrEqual(t, len(report.Failed[0].Message), 120)
		require.Nil(t, report.Failed[0].Observations)
		require.Nil(t, report.Failed[0].Facts)
		require.Len(t, d.told, 20)
		require.Len(t, d.told[0].Message, 300, "observers hear all of it")
		require.NotNil(t, d.told[0].Observations)
	})
}

func TestWhatIsNotReachedInTimeIsNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(10 * time.Second)
		w.add("dead", 100, always(time.Hour, true))
		w.add("up", 100, always(10*time.Millisecond, true))
		report, d := w.run(t, w.survey(20, 4, 2))
		require.Equal(t, 128, report.Probed, "four of the dead host each ten seconds, the last four at the end of the minute")
		require.Equal(t, 72, report.Missed)
		require.Len(t, report.Failed, 28)
		require.Len(t, d.told, 128)
		for k, found := range d.told {
			if hostOf(health.Target{Name: found.Target}) == "up" {
				require.Less(t, d.late[k], time.Second)
			}
		}
		require.LessOrEqual(t, time.Since(w.begun), 70*time.Second)
	})
}

func TestThoseThatWereMissedComeFirstTheNextTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("up", 100, always(500*time.Millisecond, true))
		s, group := w.survey(2, 0, 0), w.group()
		for tick := range 5 {
			batch := Batch{Group: group, Due: time.Now(), Until: time.Now().Add(9 * time.Second)}
			report, err := s.Run(t.Context(), batch, &desk{})
			require.NoError(t, err)
			require.Equal(t, 100-report.Probed, report.Missed, tick)
			require.InDelta(t, 38, report.Probed, 2)
		}
		for _, target := range w.targets() {
			require.GreaterOrEqual(t, len(w.tries[target.Name]), 1, target.Name)
			require.LessOrEqual(t, len(w.tries[target.Name]), 2, target.Name)
		}
	})
}

func TestStoppedInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(10 * time.Second)
		w.add("up", 50, always(100*time.Millisecond, true))
		w.add("slow", 20, always(5*time.Second, true))
		w.add("down", 20, always(100*time.Millisecond, false))
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		s, d := w.survey(10, 5, 2), &desk{}
		_, err := s.Run(ctx, w.batch(), d)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 1500*time.Millisecond, time.Since(w.begun), "at once")
		require.Empty(t, d.told)
		require.Equal(t, Counts{}, s.Load.Counts())
	})
}

func TestStoreThatIsDownStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(10 * time.Second)
		w.add("up", 20, always(time.Second, true))
		d := &desk{stuck: true}
		report, err := w.survey(1, 0, 0).Run(t.Context(), w.batch(), d)
		require.NoError(t, err)
		require.Equal(t, 20, report.Probed)
		require.Len(t, d.told, 20)
		require.Equal(t, 22*time.Second, time.Since(w.begun))
		require.NotEmpty(t, d.states)
		for _, state := range d.states {
			require.Empty(t, state.Done, "nothing is known to be stored")
		}
	})
}

// slots hold up to a number of probes.
type slots chan struct{}

func (s slots) Take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slots) Give() { <-s }

func TestBatchesShareTheSlotsOfTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(4 * time.Second)
		w.add("hangs", 30, always(time.Hour, true))
		s := w.survey(10, 0, 0)
		s.Slots = make(slots, 3)
		report, d := w.run(t, s)
		require.Equal(t, 3, w.mostBusy, "also those that have aged")
		require.Len(t, report.Failed, 30)
		require.Equal(t, 36*time.Second, slices.Max(d.late))
		for name, tries := range w.tries {
			require.Equal(t, 4*time.Second, tries[0].to-tries[0].from, "%s has its time from its beginning", name)
		}
		require.Empty(t, s.Slots)
	})
}

func TestSlotsThatAreNeverFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(4 * time.Second)
		w.add("up", 30, always(0, true))
		s := w.survey(10, 0, 0)
		full := make(slots, 1)
		full <- struct{}{}
		s.Slots = full
		report, d := w.run(t, s)
		require.Equal(t, Report{Missed: 30}, report)
		require.Empty(t, d.told)
		require.Equal(t, time.Minute, time.Since(w.begun))
	})
}

func TestPanicIsNoFailureOfTheTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("up", 5, always(0, true))
		s := w.survey(2, 1, 0)
		probe := s.Probe
		s.Probe = func(ctx context.Context, target health.Target) health.Result {
			result := probe(ctx, target)
			if target.Name == "up-003" {
				panic(errors.New("index out of range"))
			}
			return result
		}
		report, _ := w.run(t, s)
		require.EqualError(t, report.Broken, "the probe of up-003 panicked: index out of range")
		require.Equal(t, 4, report.Probed)
		require.Equal(t, 1, report.Overloaded)
		require.Empty(t, report.Failed)
	})
}

// TestWhatCannotBeProbed: a prober that cannot look says nothing of its target,
// and why is told.
func TestWhatCannotBeProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("up", 5, always(0, true))
		s := w.survey(2, 1, 0)
		probe := s.Probe
		s.Probe = func(ctx context.Context, target health.Target) health.Result {
			if target.Name == "up-003" {
				return health.Result{Status: health.NotProbed, Message: "this worker may not send ICMP"}
			}
			return probe(ctx, target)
		}
		report, _ := w.run(t, s)
		require.EqualError(t, report.Broken, "up-003: this worker may not send ICMP")
		require.Equal(t, 4, report.Probed)
		require.Empty(t, report.Failed)
	})
}

// TestThoseThatFailedBeforeAreNamedFirst: somebody counts on what becomes of them.
func TestThoseThatFailedBeforeAreNamedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("down", 20, always(0, false))
		batch := w.batch("down-007", "down-019")
		batch.Named = 4
		report, err := w.survey(10, 0, 0).Run(t.Context(), batch, &desk{})
		require.NoError(t, err)
		require.Equal(t, []string{"down-000", "down-001", "down-007", "down-019"}, names(report.Failed))
		require.Equal(t, 16, report.Omitted)
	})
}

// A batch comes a moment early, and is probed when it is due. A clock that is
// behind does not keep it waiting.
func TestBatchWaitsUntilItIsDue(t *testing.T) {
	for early, want := range map[time.Duration]time.Duration{
		-time.Minute: 0, 0: 0, 700 * time.Millisecond: 700 * time.Millisecond, time.Hour: time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(time.Second)
			w.add("up", 3, always(10*time.Millisecond, true))
			batch := w.batch()
			batch.Due = w.begun.Add(early)
			report, err := w.survey(3, 0, 0).Run(t.Context(), batch, &desk{})
			require.NoError(t, err)
			require.Equal(t, 3, report.Probed)
			require.Equal(t, want, w.tries["up-000"][0].from)
		})
	}
}

func TestBatchThatIsStoppedBeforeItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("up", 3, always(10*time.Millisecond, true))
		batch := w.batch()
		batch.Due = w.begun.Add(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := w.survey(3, 0, 0).Run(ctx, batch, &desk{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Empty(t, w.tries)
	})
}
