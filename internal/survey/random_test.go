package survey

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRandomBatches holds what must be true of every batch against batches of
// all kinds.
func TestRandomBatches(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomBatch(t, rand.New(rand.NewPCG(seed, 5))) })
		})
	}
}

func randomBatch(t *testing.T, random *rand.Rand) {
	w := newWorld(time.Duration(1+random.IntN(8)) * time.Second)
	for host := range 1 + random.IntN(6) {
		for k := range random.IntN(40) {
			w.answers[fmt.Sprintf("h%d-%03d", host, k)] = randomBehaviour(random)
		}
	}
	parallel, perHost, retries := 1+random.IntN(20), random.IntN(6), random.IntN(4)
	s := w.survey(parallel, perHost, retries)
	if random.IntN(2) == 0 {
		s.Slots = make(slots, 1+random.IntN(40))
	}
	if random.IntN(2) == 0 {
		s.Control = w.control(random.IntN(2) == 0)
	}
	failing := map[string]bool{}
	batch := w.batch()
	for name := range w.answers {
		if random.IntN(5) == 0 {
			failing[name] = true
			batch.Failing = append(batch.Failing, name)
		}
	}
	batch.Until = w.begun.Add(time.Duration(5+random.IntN(56)) * time.Second)
	d := &desk{}
	report, err := s.Run(t.Context(), batch, d)
	require.NoError(t, err)

	require.Equal(t, len(w.answers), report.Probed+report.Missed)
	require.Equal(t, Counts{Missed: int64(report.Missed)}, s.Load.Counts())
	require.LessOrEqual(t, w.mostYoung, parallel)
	if perHost > 0 {
		require.LessOrEqual(t, w.mostBusy, perHost)
	}
	require.LessOrEqual(t, len(w.controls), 1)
	checkTries(t, w, batch, retries, failing)
	checkTold(t, w, report, d)
	if s.Slots != nil {
		require.Empty(t, s.Slots)
	}
}

func randomBehaviour(random *rand.Rand) behaviour {
	takes := time.Duration(random.IntN(300)) * time.Millisecond
	switch random.IntN(6) {
	case 0:
		return always(takes, false)
	case 1:
		return always(time.Hour, true)
	case 2:
		return fails(1 + random.IntN(3))
	case 3:
		return always(10*takes, true)
	}
	return always(takes, true)
}

func checkTries(t *testing.T, w *world, batch Batch, retries int, failing map[string]bool) {
	t.Helper()
	until := batch.Until.Sub(w.begun)
	for name, tries := range w.tries {
		require.LessOrEqual(t, len(tries), 1+retries, name)
		require.LessOrEqual(t, tries[0].from, until, name)
		if failing[name] {
			require.Len(t, tries, 1, name)
		}
		for k, again := range tries[1:] {
			require.LessOrEqual(t, again.from, until-w.limit, name)
			least := time.Duration(0.75 * float64(time.Second<<k))
			require.GreaterOrEqual(t, again.from-tries[k].to, least, name)
		}
	}
}

// checkTold: every target that was probed is told of once, with what its last
// try found; failures are not if the prober was cut off.
func checkTold(t *testing.T, w *world, report Report, d *desk) {
	t.Helper()
	told := map[string]bool{}
	for _, found := range d.told {
		require.False(t, told[found.Target], found.Target)
		told[found.Target] = true
		tries := w.tries[found.Target]
		require.Equal(t, fmt.Sprintf("try %d", len(tries)), found.Message, found.Target)
		if !found.Status.Up() {
			require.Empty(t, report.CutOff)
			require.Contains(t, names(report.Failed), found.Target)
			require.Equal(t, w.begun.Add(tries[0].from), found.At)
		}
	}
	if report.CutOff == "" {
		require.Len(t, told, report.Probed)
	} else {
		require.Empty(t, report.Failed)
	}
	require.Len(t, d.late, len(d.told))
}
