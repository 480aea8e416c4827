package survey

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// killed surveys a batch and is cut short after a while; it returns what was
// saved last, as it comes back from Temporal.
func killed(t *testing.T, w *world, s *Survey, after time.Duration, failing ...string) (*desk, State) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	d := &desk{}
	_, err := s.Run(ctx, w.batch(failing...), d)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotEmpty(t, d.states)
	saved, err := json.Marshal(d.states[len(d.states)-1])
	require.NoError(t, err)
	var state State
	require.NoError(t, json.Unmarshal(saved, &state))
	return d, state
}

// crowd is 100 targets that take ten seconds in all when two are probed at a
// time; some fail, some had failed before.
func crowd() (w *world, failing []string) {
	w = newWorld(time.Second)
	w.add("up", 80, always(200*time.Millisecond, true))
	w.add("down", 10, always(200*time.Millisecond, false))
	w.add("recovered", 10, always(200*time.Millisecond, true))
	for i := range 10 {
		failing = append(failing, fmt.Sprintf("recovered-%03d", i))
	}
	return w, failing
}

func TestGoesOnWhereAnEarlierTryHasStopped(t *testing.T) {
	for after, retries := range map[time.Duration]int{
		3500 * time.Millisecond: 1, 7 * time.Second: 0, 9500 * time.Millisecond: 0, 10500 * time.Millisecond: 1,
	} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, failing := crowd()
				s := w.survey(2, 0, retries)
				earlier, state := killed(t, w, s, after, failing...)
				made := len(w.order)
				later := &desk{before: &state}
				report, err := s.Run(t.Context(), w.batch(failing...), later)
				require.NoError(t, err)
				require.Equal(t, 100, report.Probed)
				require.Len(t, report.Failed, 10)
				require.ElementsMatch(t, failing, names(report.Passed))
				require.Less(t, len(w.order)-made, 110-made+2*30, "what was done up to three seconds before is not done again")

				seen := map[string]int{}
				for _, name := range append(names(earlier.told), names(later.told)...) {
					seen[name]++
				}
				require.Len(t, seen, 100, "every target was told of")
				for name, times := range seen {
					require.Equal(t, 1, times, "%s was told of once", name)
				}
				for name := range seen {
					last := w.tries[name][len(w.tries[name])-1]
					require.NotEqual(t, time.Duration(-1), last.to, name)
				}
			})
		})
	}
}

func TestFailuresKeepTheirBeginningWhenTheWorkerChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		for i := range 50 { // every fifth fails
			w.answers[fmt.Sprintf("some-%03d", i)] = always(200*time.Millisecond, i%5 > 0)
		}
		s := w.survey(2, 0, 0)
		s.Control = w.control(true)
		earlier, state := killed(t, w, s, 3500*time.Millisecond)
		require.NotEmpty(t, state.Failed)
		for _, found := range earlier.told {
			require.True(t, found.Status.Up(), "it is not certain yet whose failure %s is", found.Target)
		}
		later := &desk{before: &state}
		report, err := s.Run(t.Context(), w.batch(), later)
		require.NoError(t, err)
		require.Len(t, report.Failed, 10)
		require.Equal(t, 50, len(earlier.told)+len(later.told))
		for _, found := range state.Failed {
			require.Len(t, w.tries[found.Target], 1, "what was done is not done again")
			require.Equal(t, w.begun.Add(w.tries[found.Target][0].from), later.of(t, found.Target).At)
		}
	})
}

func TestVerdictIsStillToComeWhenTheWorkerChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Minute)
		w.add("down", 5, always(10*time.Millisecond, false))
		s := w.survey(5, 0, 0)
		s.Control = func(ctx context.Context) health.Result {
			pause(ctx, 5*time.Second)
			return health.Result{Status: health.Unhealthy}
		}
		_, state := killed(t, w, s, 4*time.Second)
		require.Len(t, state.Failed, 5)
		d := &desk{before: &state}
		report, err := s.Run(t.Context(), w.batch(), d)
		require.NoError(t, err)
		require.NotEmpty(t, report.CutOff)
		require.Empty(t, d.told)
		require.Len(t, w.order, 5)
	})
}

func TestCutOffIsSeenAcrossWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("up", 20, always(100*time.Millisecond, true))
		w.add("down", 60, always(100*time.Millisecond, false))
		s := w.survey(2, 0, 0)
		s.Control = w.control(false)
		_, state := killed(t, w, s, 3500*time.Millisecond)
		require.Empty(t, state.Told)
		d := &desk{before: &state}
		report, err := s.Run(t.Context(), w.batch(), d)
		require.NoError(t, err)
		require.NotEmpty(t, report.CutOff)
		require.Empty(t, report.Failed)
		for _, found := range d.told {
			require.True(t, found.Status.Up(), found.Target)
		}
	})
}

func TestStatesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(time.Second)
		w.add("down", 70, always(100*time.Millisecond, false))
		s := w.survey(2, 0, 0)
		s.Limits.Named = 10
		_, state := killed(t, w, s, 3300*time.Millisecond)
		require.Len(t, state.Failed, 10)
		require.Equal(t, 10, state.Failures)
		report, err := s.Run(t.Context(), w.batch(), &desk{before: &state})
		require.NoError(t, err)
		require.Equal(t, 70, report.Probed)
		require.Len(t, report.Failed, 10)
		require.Equal(t, 60, report.Omitted)
	})
}

func TestOtherListStartsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, failing := crowd()
		s := w.survey(2, 0, 0)
		_, state := killed(t, w, s, 7*time.Second, failing...)
		w.add("new", 1, always(0, true))
		made := len(w.order)
		report, err := s.Run(t.Context(), w.batch(failing...), &desk{before: &state})
		require.NoError(t, err)
		require.Equal(t, 101, report.Probed)
		require.Len(t, w.order, made+101)
	})
}

func TestStateOfSomebodyElseIsOfNoUse(t *testing.T) {
	for name, state := range map[string]State{
		"empty":              {},
		"too few bits":       {List: 1},
		"more told than are": {List: 1, Done: make([]byte, 13), Told: 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := crowd()
				if state.List != 0 {
					state.List = w.group().list
				}
				report, err := w.survey(50, 0, 0).Run(t.Context(), w.batch(), &desk{before: &state})
				require.NoError(t, err)
				require.Equal(t, 100, report.Probed)
				require.Len(t, w.order, 100)
			})
		})
	}
}
