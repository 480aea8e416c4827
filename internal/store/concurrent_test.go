package store_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

const (
	writers = 4
	rounds  = 40
	// fleetSize is how many services each writer writes of; all write of the
	// same ones, each its own probes.
	fleetSize = 20
)

// TestManyWritersAndReaders: two processes with two writers each. Nothing is
// lost or counted twice, and who follows the stamps sees every write, although
// transactions end in an order of their own.
func TestManyWritersAndReaders(t *testing.T) {
	eachLocation(t, func(t *testing.T, location string) {
		stores := []*store.Store{open(t, location), open(t, location)}
		group, ctx := errgroup.WithContext(t.Context())
		var done atomic.Int32
		for n := range writers {
			group.Go(func() error {
				defer done.Add(1)
				return writeRounds(ctx, stores[n%2], n)
			})
		}
		follower := &follower{store: open(t, location), seen: map[store.Key]store.Latest{}}
		group.Go(func() error { return follower.follow(ctx, func() bool { return done.Load() == writers }) })
		group.Go(func() error { return readAll(ctx, stores[0], func() bool { return done.Load() == writers }) })
		require.NoError(t, group.Wait())

		all := latest(t, stores[1])
		require.Len(t, all, fleetSize)
		require.Equal(t, all, follower.seen, "whoever follows has missed nothing")
		for key := range all {
			require.Equal(t, writers*rounds, day(t, stores[0], key).Probes)
		}
	})
}

func writeRounds(ctx context.Context, s *store.Store, writer int) error {
	for round := range rounds {
		batch := store.Batch{}
		for service := range fleetSize {
			at := noon.Add(time.Duration(round)*time.Second + time.Duration(writer)*time.Millisecond)
			batch.Results = append(batch.Results, result(fmt.Sprint("service ", service), at, health.Healthy, 1))
		}
		for range 2 { // the second time changes nothing
			if err := s.Write(ctx, batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// follower knows what it has been told of by Changed.
type follower struct {
	store *store.Store
	after time.Time
	seen  map[store.Key]store.Latest
}

func (f *follower) follow(ctx context.Context, ended func() bool) error {
	for last := false; ; {
		changed, err := f.store.Changed(ctx, f.after)
		if err != nil {
			return err
		}
		for _, l := range changed {
			if l.UpdatedAt.After(f.after) {
				f.after = l.UpdatedAt
			}
			f.seen[l.Key] = l
		}
		if last {
			return nil
		}
		last = ended()
	}
}

// readAll reads while others write; a sum is never ahead of its results.
func readAll(ctx context.Context, s *store.Store, ended func() bool) error {
	for !ended() {
		if _, err := s.Uptimes(ctx, noon); err != nil {
			return err
		}
		if _, err := s.Recent(ctx, 10); err != nil {
			return err
		}
		if _, err := s.Prune(ctx, noon, store.DefaultRetention); err != nil {
			return err
		}
	}
	return nil
}

// TestWriteIsInterrupted: a caller that gives up leaves nothing half done.
func TestWriteIsInterrupted(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		fleet := newFleet(200, noon, time.Second)
		write(t, s, fleet.batch(200))
		batch := fleet.batch(20_000)
		short, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, s.Write(short, batch), context.DeadlineExceeded)
		require.Equal(t, 1, day(t, s, store.Key{Service: name(7)}).Probes)
		write(t, s, batch)
		require.Equal(t, 101, day(t, s, store.Key{Service: name(7)}).Probes)
	})
}
