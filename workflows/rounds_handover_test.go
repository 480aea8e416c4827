package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// hanging is a world of ten batches, the last of which hangs until long after
// the watch has ended.
func hanging(t *testing.T) (s *shops, left time.Duration) {
	s = newShops(t, 950)
	left = 9*time.Minute + 54*time.Second
	s.lost = func(in activities.BatchInput) bool { return in.Due.Equal(noon.Add(left)) }
	return s, left
}

// TestHangingBatchHoldsNoOtherUp as a watch ends: it goes on until the next one
// can begin, and leaves to it what still hangs.
func TestHangingBatchHoldsNoOtherUp(t *testing.T) {
	s, left := hanging(t)
	state := s.watch(fleet())
	ended := s.since()
	require.Greater(t, ended, 10*time.Minute)
	require.Less(t, ended, 10*time.Minute+11*time.Second)
	last := s.surveyed[len(s.surveyed)-1]
	require.Equal(t, last.in.Due.UTC(), noon.Add(last.at), "what was due meanwhile was on time")
	require.Greater(t, last.at, 10*time.Minute)
	require.Equal(t, []workflows.Unfinished{{Batch: 9, Of: 10, Due: noon.Add(left)}}, utc(state.Fleet.Unfinished))

	next := newShops(t, 950)
	ill := next.names[slices.IndexFunc(next.names, func(name string) bool { return health.InBatch(name, 9, 10) })]
	next.fails = func(target, _ string) bool { return target == ill && next.since() < time.Minute+50*time.Second }
	nominal := noon.Add(10 * time.Minute)
	next.SetStartTime(nominal.Add(10 * time.Second))
	next.scheduledAt(nominal)
	next.SetLastCompletionResult(state)
	state = next.watch(fleet())
	first := next.surveyed[0].in
	require.Equal(t, 9, first.Batch)
	require.Equal(t, nominal.Add(10*time.Second), first.Due.UTC(), "it is not late by what it has hung before")
	require.Equal(t, noon.Add(left+time.Minute), first.Until.UTC())
	require.Equal(t, last.in.Due.Add(6*time.Second).UTC(), next.surveyed[1].in.Due.UTC(), "no batch is left out, and none begun twice")
	require.Empty(t, state.Fleet.Unfinished)
}

func utc(all []workflows.Unfinished) []workflows.Unfinished {
	for i := range all {
		all[i].Due = all[i].Due.UTC()
	}
	return all
}

// TestWatchIsHeardInOvertime: what people say after its end is not lost.
func TestWatchIsHeardInOvertime(t *testing.T) {
	s, _ := hanging(t)
	s.RegisterDelayedCallback(func() { s.SignalWorkflow(workflows.SignalPause, workflows.Pause{By: "ana"}) }, 10*time.Minute+3*time.Second)
	state := s.watch(fleet())
	require.NotNil(t, state.Paused)
	require.Equal(t, "ana", state.Paused.By)
}

// TestWatchEndsWithItsLastBatch where none hangs.
func TestWatchEndsWithItsLastBatch(t *testing.T) {
	s := newShops(t, 950)
	state := s.watch(fleet())
	require.Less(t, s.since(), 10*time.Minute+time.Second)
	require.Empty(t, state.Fleet.Unfinished)
}

// TestOvertimeEndsWithTheLastBatch, however much of it is left.
func TestOvertimeEndsWithTheLastBatch(t *testing.T) {
	s := newShops(t, 950)
	s.lost = func(in activities.BatchInput) bool { return in.Due.Equal(noon.Add(9 * time.Minute)) }
	state := s.watch(fleet())
	// With it, but for another one that was begun as it ended.
	require.Equal(t, 9*time.Minute+lostFor+lead, s.since())
	require.Empty(t, state.Fleet.Unfinished)
}

// TestOldBatchIsNotBegunAnew: it is due again by then.
func TestOldBatchIsNotBegunAnew(t *testing.T) {
	s := newShops(t, 50)
	s.SetLastCompletionResult(workflows.MonitorState{Fleet: &workflows.FleetState{
		Classes: map[string]workflows.ClassState{"": {Size: 50, Batches: 1}}, Through: noon.Add(-time.Second),
		Unfinished: []workflows.Unfinished{
			{Batch: 0, Of: 1, Due: noon.Add(-2 * time.Minute)}, {Class: "gone", Of: 1, Due: noon.Add(-time.Second)},
		},
	}})
	s.watch(fleet())
	require.Len(t, s.surveyed, 10)
}
