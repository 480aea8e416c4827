package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

// TestChanged: who asks for what came after the highest stamp sees each change once.
func TestChanged(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		var after time.Time
		seen := func() (names []string) {
			changed, err := s.Changed(t.Context(), after)
			require.NoError(t, err)
			for _, l := range changed {
				names = append(names, l.Service)
				require.True(t, l.UpdatedAt.After(after) || after.IsZero())
			}
			for _, l := range changed {
				if l.UpdatedAt.After(after) {
					after = l.UpdatedAt
				}
			}
			return names
		}
		put := func(service string, minute int) {
			write(t, s, store.Batch{Results: []store.Result{
				result(service, noon.Add(time.Duration(minute)*time.Minute), health.Healthy, 1)}})
		}
		require.Empty(t, seen())
		put("cache", 0)
		put("web", 0)
		require.ElementsMatch(t, []string{"cache", "web"}, seen())
		require.Empty(t, seen())
		put("web", 1)
		require.Equal(t, []string{"web"}, seen())
		put("web", 0)
		require.Empty(t, seen(), "an old result changes nothing")
	})
}

// TestClockGoesBack: stamps go on where a clock that was ahead has left them.
func TestClockGoesBack(t *testing.T) {
	eachLocation(t, func(t *testing.T, location string) {
		s := open(t, location)
		ahead := time.Now().Add(time.Hour).Truncate(time.Microsecond)
		execute(t, s, location, fmt.Sprintf(`UPDATE clock SET stamp = %d`, ahead.UnixMicro()))
		for n := range 3 {
			write(t, s, store.Batch{Results: []store.Result{result("cache", noon.Add(time.Duration(n)*time.Second), health.Healthy, 1)}})
			changed, err := s.Changed(t.Context(), ahead)
			require.NoError(t, err)
			require.Len(t, changed, 1)
			require.True(t, changed[0].UpdatedAt.After(ahead))
			ahead = changed[0].UpdatedAt
		}
	})
}

// TestPoints: the same probes as single results, sums of hours, sums of days.
func TestPoints(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		batch := store.Batch{}
		for minute := range 2 * 24 * 60 {
			status, latency := health.Healthy, float64(1+minute%10)
			if minute%30 == 0 {
				status, latency = health.Unhealthy, 5000
			}
			batch.Results = append(batch.Results, result("cache", start.Add(time.Duration(minute)*time.Minute), status, latency))
		}
		write(t, s, batch)
		read := func(from, until time.Time, span time.Duration) []store.Point {
			points, err := s.Points(t.Context(), cache, from, until, span)
			require.NoError(t, err)
			return points
		}
		tests := []struct {
			span   time.Duration
			count  int
			probes int
			failed int
			// sum is that of the latencies of those that passed: each half hour
			// has three times 1 to 10 ms, but for the 1 ms of the one that failed.
			sum float64
		}{
			{10 * time.Minute, 144, 10, 1, 54}, {time.Hour, 24, 60, 2, 328},
			{6 * time.Hour, 4, 360, 12, 6 * 328}, {24 * time.Hour, 1, 1440, 48, 24 * 328},
		}
		for _, test := range tests {
			points := read(start, start.Add(24*time.Hour), test.span)
			require.Len(t, points, test.count, "%v", test.span)
			require.Equal(t, test.probes, points[0].Probes)
			require.Equal(t, test.failed, points[0].Failed)
			require.InDelta(t, test.sum/float64(test.probes-test.failed), points[0].MeanMS, 1e-9, "%v", test.span)
			require.Equal(t, 10.0, points[0].MaxMS, "failures have no response time")
			for n, point := range points {
				require.Equal(t, start.Add(time.Duration(n)*test.span), point.At)
			}
		}
		odd := read(start.Add(17*time.Minute), start.Add(29*time.Minute), 10*time.Minute)
		require.Equal(t, []time.Time{start.Add(10 * time.Minute), start.Add(20 * time.Minute)}, []time.Time{odd[0].At, odd[1].At},
			"the same spans, whenever one looks")
		require.Equal(t, []int{10, 9}, []int{odd[0].Probes, odd[1].Probes})
		require.Empty(t, read(start.Add(time.Hour), start, time.Minute))
		require.Len(t, read(start, start.Add(24*time.Hour), 24*time.Hour), 1)
		failed := read(start, start.Add(time.Minute), time.Minute)
		require.Equal(t, []store.Point{{At: start, Probes: 1, Failed: 1}}, failed)
	})
}

// TestPointsOutliveResults: a chart of long ago is made of sums.
func TestPointsOutliveResults(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		write(t, s, store.Batch{Results: []store.Result{result("cache", noon, health.Healthy, 3)}})
		points := func(span time.Duration) int {
			points, err := s.Points(t.Context(), cache, noon.Add(-time.Hour), noon.Add(time.Hour), span)
			require.NoError(t, err)
			return len(points)
		}
		for _, test := range []struct {
			age  time.Duration
			want [3]int
		}{{time.Hour, [3]int{1, 1, 1}}, {72 * time.Hour, [3]int{0, 1, 1}}, {15 * 24 * time.Hour, [3]int{0, 0, 1}}, {402 * 24 * time.Hour, [3]int{}}} {
			_, err := s.Prune(t.Context(), noon.Add(test.age), store.DefaultRetention)
			require.NoError(t, err)
			require.Equal(t, test.want, [3]int{points(time.Minute), points(time.Hour), points(24 * time.Hour)}, "after %v", test.age)
		}
	})
}

// TestUptimes: of 24 hours, of seven and of 30 days, up to the present hour and day.
func TestUptimes(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		now := noon.Add(30 * time.Minute)
		ago := func(service string, age time.Duration, passed, failed int) (results []store.Result) {
			for n := range passed + failed {
				status := health.Healthy
				if n >= passed {
					status = health.Unhealthy
				}
				results = append(results, result(service, now.Add(-age).Add(time.Duration(n)*time.Second), status, 1))
			}
			return results
		}
		batch := store.Batch{}
		for _, results := range [][]store.Result{
			ago("cache", time.Minute, 3, 1), ago("cache", 3*24*time.Hour, 4, 0), ago("cache", 20*24*time.Hour, 0, 8),
			ago("cache", 31*24*time.Hour, 0, 100), ago("old", 8*24*time.Hour, 1, 0), ago("older", 40*24*time.Hour, 1, 0),
			ago("cache", 30*24*time.Hour, 0, 100), ago("eve", 23*time.Hour, 1, 0), ago("day before", 25*time.Hour, 1, 0), {result("shaky", now, health.Degraded, 1)},
		} {
			batch.Results = append(batch.Results, results...)
		}
		write(t, s, batch)
		uptimes, err := s.Uptimes(t.Context(), now)
		require.NoError(t, err)
		key := func(name string) store.Key { return store.Key{Service: name} }
		require.Equal(t, map[store.Key]store.Uptime{
			cache: {0.75, 0.875, 7.0 / 16}, key("old"): {-1, -1, 1}, key("eve"): {1, 1, 1}, key("day before"): {-1, 1, 1},
			key("shaky"): {1, 1, 1},
		}, uptimes)
	})
}

// TestRecent: of each target the last ones, however far apart they lie.
func TestRecent(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		batch := store.Batch{}
		for n := range 50 {
			status := health.Healthy
			if n == 48 {
				status = health.Unhealthy
			}
			batch.Results = append(batch.Results, result("cache", noon.Add(time.Duration(n)*time.Second), status, float64(n)),
				result("batch job", noon.AddDate(0, 0, n), health.Degraded, float64(n)))
		}
		batch.Results = append(batch.Results, result("new", noon, health.Healthy, 7))
		write(t, s, batch)
		recent, err := s.Recent(t.Context(), 3)
		require.NoError(t, err)
		require.Equal(t, map[store.Key][]float32{
			cache: {47, -1, 49}, {Service: "batch job"}: {47, 48, 49}, {Service: "new"}: {7},
		}, recent)
		recent, err = s.Recent(t.Context(), 0)
		require.NoError(t, err)
		require.Empty(t, recent)
	})
}

// TestFailures: newest first, and no more than asked for.
func TestFailures(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		batch := store.Batch{}
		for n := range 100 {
			r := result("cache", noon.Add(time.Duration(n)*time.Second), []health.Status{health.Healthy, health.Degraded, health.Unhealthy}[n%3], 1.5)
			r.Message = fmt.Sprintf("message %d", n)
			batch.Results = append(batch.Results, r)
		}
		batch.Results = append(batch.Results, result("web", noon.Add(time.Hour), health.Unhealthy, 1))
		write(t, s, batch)
		failures, err := s.Failures(t.Context(), cache, 3)
		require.NoError(t, err)
		require.Equal(t, []health.Result{
			{Status: health.Unhealthy, At: noon.Add(98 * time.Second), LatencyMS: 1.5, Message: "message 98"},
			{Status: health.Degraded, At: noon.Add(97 * time.Second), LatencyMS: 1.5, Message: "message 97"},
			{Status: health.Unhealthy, At: noon.Add(95 * time.Second), LatencyMS: 1.5, Message: "message 95"},
		}, failures)
		failures, err = s.Failures(t.Context(), cache, 0)
		require.NoError(t, err)
		require.Len(t, failures, 50)
	})
}
