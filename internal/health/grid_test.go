package health_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestGrid(t *testing.T) {
	epoch := time.Unix(0, 0).UTC()
	tests := []struct {
		name           string
		grid           health.Grid
		at             time.Time
		atOrBefore, to time.Duration // the answers, since the epoch
	}{
		{"on a point", health.Grid{Interval: time.Minute}, epoch.Add(time.Hour), time.Hour, time.Hour + time.Minute},
		{"just before a point", health.Grid{Interval: time.Minute}, epoch.Add(time.Hour - 1), 59 * time.Minute, time.Hour},
		{"just after a point", health.Grid{Interval: time.Minute}, epoch.Add(time.Hour + 1), time.Hour, time.Hour + time.Minute},
		{"the epoch", health.Grid{Interval: time.Minute}, epoch, 0, time.Minute},
		{"before the epoch", health.Grid{Interval: time.Minute}, epoch.Add(-time.Second), -time.Minute, 0},
		{"with an offset", health.Grid{Interval: time.Minute, Offset: 7 * time.Second}, epoch.Add(time.Hour), 59*time.Minute + 7*time.Second, time.Hour + 7*time.Second},
		{"an offset beyond the interval", health.Grid{Interval: 10 * time.Second, Offset: 63 * time.Second}, epoch.Add(time.Minute), 53 * time.Second, 63 * time.Second},
		{"before the offset", health.Grid{Interval: time.Minute, Offset: 7 * time.Second}, epoch, 7*time.Second - time.Minute, 7 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, epoch.Add(test.atOrBefore), test.grid.AtOrBefore(test.at))
			require.Equal(t, epoch.Add(test.to), test.grid.After(test.at))
		})
	}
}

// TestGridProperties: AtOrBefore <= t < After, one interval apart, both on the
// lattice, wherever t lies.
func TestGridProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		grid := health.Grid{
			Interval: time.Duration(1 + random.Int64N(int64(48*time.Hour))),
			Offset:   time.Duration(random.Int64N(int64(72*time.Hour))) - 24*time.Hour,
		}
		at := time.Unix(random.Int64N(8e9)-4e9, random.Int64N(1e9)) // 1843 to 2096
		about := fmt.Sprintf("%v at %v", grid, at)
		before, after := grid.AtOrBefore(at), grid.After(at)
		require.False(t, before.After(at), about)
		require.True(t, after.After(at), about)
		require.Equal(t, grid.Interval, after.Sub(before), about)
		require.Zero(t, (before.UnixNano()-int64(grid.Offset))%int64(grid.Interval), about)
		require.Equal(t, before, grid.AtOrBefore(before), about)
		require.Equal(t, after, grid.AtOrBefore(after), about)
	}
}

func TestSpread(t *testing.T) {
	const period = 10 * time.Minute
	require.Zero(t, health.Spread("a", time.Second))
	require.Zero(t, health.Spread("a", 0))
	require.Equal(t, health.Spread("clickhouse", period), health.Spread("clickhouse", period))

	const services, buckets = 3000, 10
	var count [buckets]int
	for i := range services {
		place := health.Spread(fmt.Sprintf("service-%d", i), period)
		require.GreaterOrEqual(t, place, time.Duration(0))
		require.Less(t, place, period)
		require.Zero(t, place%time.Second, "schedules fire on whole seconds")
		count[place*buckets/period]++
	}
	for _, inBucket := range count {
		require.InDelta(t, services/buckets, inBucket, services/buckets/3, "a fleet is spread evenly: %v", count)
	}
}

// TestSpreadIsFixed: where a service lies must never change between versions,
// for every schedule would move.
func TestSpreadIsFixed(t *testing.T) {
	require.Equal(t, 529*time.Second, health.Spread("clickhouse", 10*time.Minute))
	require.Equal(t, 487*time.Second, health.Spread("supabase", 10*time.Minute))
}
