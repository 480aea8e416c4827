package chain

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// lookEvery is the pause between two looks from outside, and lookLimit how
	// long one may take: both far below what the worker's own probes take.
	lookEvery = 40 * time.Millisecond
	lookLimit = 400 * time.Millisecond
)

// witness looks at a service from outside, fast and without a break, and knows
// nothing of paramedic.
type witness struct {
	mu      sync.Mutex
	changes []change
}

// change is a look whose outcome differs from that of the last one.
type change struct {
	at time.Time
	up bool
}

// newWitness looks until the test ends.
func newWitness(t *testing.T, look func(context.Context) error) *witness {
	t.Helper()
	w := &witness{}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.watch(ctx, look) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return w
}

func (w *witness) watch(ctx context.Context, look func(context.Context) error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		begun := time.Now()
		looking, cancel := context.WithTimeout(ctx, lookLimit)
		err := look(looking)
		cancel()
		w.saw(begun, err == nil)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *witness) saw(at time.Time, up bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.changes) == 0 || w.changes[len(w.changes)-1].up != up {
		w.changes = append(w.changes, change{at, up})
	}
}

// outage is how long the service was away after it was hurt: until the first
// look that passed after one that had failed.
func (w *witness) outage(hurt time.Time) (time.Duration, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	down := false
	for _, c := range w.changes {
		switch {
		case c.at.Before(hurt.Add(-lookLimit)):
		case !c.up:
			down = true
		case down:
			return c.at.Sub(hurt), nil
		}
	}
	return 0, fmt.Errorf("no outage seen from outside, only %v", w.changes)
}

// requireTruth compares the downtime in the record of a service with what the
// witness saw.
func (w *witness) requireTruth(t *testing.T, service string, hurt time.Time, i incident) {
	t.Helper()
	truth, err := w.outage(hurt)
	require.NoError(t, err, service)
	t.Logf("%s: downtime %.2fs in the record, %.2fs seen from outside", service, i.DowntimeSeconds, truth.Seconds())
	require.InDelta(t, truth.Seconds(), i.DowntimeSeconds, (interval + time.Second).Seconds(),
		"downtime of %s in the record against the truth", service)
}
