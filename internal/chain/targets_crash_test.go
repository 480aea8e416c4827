package chain

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The worker dies in the middle of a batch of targets that are slow to answer:
// the next one probes them all in time, goes on counting failures, and opens
// no incident twice.
func TestNoTargetIsLostWithTheWorker(t *testing.T) {
	t.Parallel()
	const interval, slow = 3 * time.Second, time.Second
	// takeover is how long Temporal keeps a workflow's next step for a worker
	// that is gone.
	const takeover = 5 * time.Second
	s, r := newStreet(t, 18), newRegister(t)
	r.write(tier("gold", s.houses...))
	slowly := r.fleet("{file_sd: "+r.file+"}", "parallel: 9", "mode: observe")
	slowly.more = append(slowly.more[1:], "interval: "+interval.String(), "timeout: 2s", "retry_interval: 2s")
	early, later, well := s.houses[0], s.houses[1], s.houses[2:]
	d := deploy(t, "", slowly)
	s.lock(early)
	s.awaitRounds(1, well...)
	s.answer(func(http.ResponseWriter, visit) bool {
		time.Sleep(slow)
		return true
	})
	s.lock(later)
	begun := time.Now()
	open := d.opened(of(early))
	d.await("the next one has failed twice", func() bool {
		return strings.Contains(d.worker.Log(), fmt.Sprintf("%s: failure 2/3", of(later)))
	})
	s.awaitRounds(1, slices.Min(well)) // which is one of the first, by name
	killed := time.Now()
	d.worker.Kill()
	d.worker.Start()
	away := time.Since(killed)

	d.opened(of(later))
	s.awaitRounds(2, well...)
	for _, house := range well {
		require.Less(t, s.longest(house, begun, time.Now()), 2*interval+away+takeover, "%s was not probed for so long", house)
	}
	s.answer(nil)
	s.unlock(early, later)
	require.Equal(t, open.ID, d.resolved(of(early)).ID)
	d.resolved(of(later))
	for _, house := range []string{early, later} {
		require.Equal(t, 1, d.runs(of(house)), "runs of the workflow of %s", house)
	}
	require.Equal(t, 2, d.count(shops))
	require.Empty(t, r.done(), "mode observe")
	t.Logf("the longest time without a probe: %s", s.longest(slices.Max(well), begun, time.Now()))
}
