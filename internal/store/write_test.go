package store_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

var cache = store.Key{Service: "cache"}

func day(t *testing.T, s *store.Store, key store.Key) store.Day {
	t.Helper()
	days, err := s.Days(t.Context(), key, noon, noon.Add(time.Hour))
	require.NoError(t, err)
	require.Len(t, days, 1)
	return days[0]
}

func latest(t *testing.T, s *store.Store) map[store.Key]store.Latest {
	t.Helper()
	changed, err := s.Changed(t.Context(), time.Time{})
	require.NoError(t, err)
	all := map[store.Key]store.Latest{}
	for _, l := range changed {
		all[l.Key] = l
	}
	return all
}

// TestTwiceIsOnce: a batch whose outcome is in doubt is written again, whole or
// together with others.
func TestTwiceIsOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		batch := store.Batch{Results: []store.Result{
			result("cache", noon, health.Healthy, 10),
			result("cache", noon.Add(time.Minute), health.Unhealthy, 99),
			result("cache", noon, health.Unhealthy, 77), // the same probe: the first stays
		}, Standings: []health.Standing{{Service: "cache", State: health.StateFailing, At: noon.Add(time.Minute)}}}
		write(t, s, batch)
		before := latest(t, s)[cache]
		want := store.Day{At: noon.Truncate(24 * time.Hour), Probes: 2, Failed: 1}
		require.Equal(t, want, day(t, s, cache))
		write(t, s, batch)
		require.Equal(t, want, day(t, s, cache))
		require.Equal(t, before, latest(t, s)[cache], "nothing has changed, so nobody has to look")

		batch.Results = append(batch.Results, result("cache", noon.Add(2*time.Minute), health.Degraded, 20))
		write(t, s, batch)
		want.Probes, want.Degraded = 3, 1
		require.Equal(t, want, day(t, s, cache))
		points, err := s.Points(t.Context(), cache, noon, noon.Add(time.Hour), time.Hour)
		require.NoError(t, err)
		require.Equal(t, []store.Point{{At: noon, Probes: 3, Failed: 1, MeanMS: 15, MaxMS: 20}}, points)
		failures, err := s.Failures(t.Context(), cache, 10)
		require.NoError(t, err)
		require.Len(t, failures, 2)
	})
}

// TestLaterStays: what comes late is counted, and replaces nothing newer.
func TestLaterStays(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
		for _, minute := range []int{2, 5, 1} {
			write(t, s, store.Batch{
				Results:   []store.Result{result("cache", at(minute), health.Healthy, float64(minute))},
				Standings: []health.Standing{{Service: "cache", Failures: minute, At: at(minute)}},
			})
		}
		require.Equal(t, at(5), latest(t, s)[cache].Result.At)
		require.Equal(t, 5, latest(t, s)[cache].Standing.Failures)
		write(t, s, store.Batch{ // and within one batch
			Results:   []store.Result{result("cache", at(7), health.Healthy, 7), result("cache", at(6), health.Healthy, 6)},
			Standings: []health.Standing{{Service: "cache", Failures: 7, At: at(7)}, {Service: "cache", Failures: 6, At: at(6)}},
		})
		found := latest(t, s)[cache]
		require.Equal(t, at(7), found.Result.At)
		require.Equal(t, 7, found.Standing.Failures)
		recent, err := s.Recent(t.Context(), 3)
		require.NoError(t, err)
		require.Equal(t, map[store.Key][]float32{cache: {5, 6, 7}}, recent)
		require.Equal(t, 5, day(t, s, cache).Probes)
	})
}

// TestStandingAlone: a target that was never probed, and one whose Monitor said nothing.
func TestStandingAlone(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		write(t, s, store.Batch{Standings: []health.Standing{{Service: "web", State: health.StatePaused, At: noon}}})
		write(t, s, store.Batch{Results: []store.Result{result("cache", noon, health.Healthy, 1)}})
		found := latest(t, s)
		require.Zero(t, found[store.Key{Service: "web"}].Result)
		require.Zero(t, found[cache].Standing)
	})
}

// TestHostileContent: servers answer with anything, and nothing of it may keep
// what came along from being written.
func TestHostileContent(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		long := result("long", noon, health.Unhealthy, 1)
		long.Message = strings.Repeat("ä", 100_000)
		nul := result("nul", noon, health.Unhealthy, math.NaN())
		nul.Message, nul.Facts = "a\x00b\xff", map[string]string{"tier": "x\x00\xffy"}
		nul.Observations = map[string]float64{"rows": math.Inf(1), "lag_seconds": 2, "ratio": math.NaN()}
		name := result("na\x00me'; DROP TABLE results; --", noon, health.Healthy, math.Inf(1))
		write(t, s, store.Batch{
			Results: []store.Result{
				long, nul, name, result("", noon, health.Healthy, 1), result("timeless", time.Time{}, health.Healthy, 1),
				result("odd", noon, "no status", -5),
			},
			Standings: []health.Standing{{Service: "nul", State: "x\x00", At: noon}, {At: noon}},
			Incidents: []health.Incident{{ID: "nul\x00@1", Service: "nul\x00", Reason: "a\x00b\xff", Severity: "\x00"}, {Service: "nameless"}},
			Alerts:    []store.Alert{{DedupKey: "k\x00", Receiver: "r\x00", Error: strings.Repeat("\x00x", 5000), At: noon}, {Receiver: "r"}},
			Outboxes:  []health.Outbox{{Receiver: "r\x00", DeadLetters: []health.DeadLetter{{ID: "\x00"}}}, {}},
		})
		found := latest(t, s)
		require.Len(t, found, 4)
		require.LessOrEqual(t, len(found[long.Key].Result.Message), health.MessageLimit)
		require.Equal(t, "ab\uFFFD", found[nul.Key].Result.Message)
		require.Equal(t, map[string]float64{"lag_seconds": 2}, found[nul.Key].Result.Observations)
		require.Contains(t, found, store.Key{Service: "name'; DROP TABLE results; --"})
		require.Equal(t, 1, day(t, s, store.Key{Service: "odd"}).Failed, "what nobody has found is not up")

		failures, err := s.Failures(t.Context(), long.Key, 1)
		require.NoError(t, err)
		require.Equal(t, found[long.Key].Result.Message, failures[0].Message)
		_, err = s.Incident(t.Context(), "nul\x00@1")
		require.NoError(t, err)
		_, total, err := s.Incidents(t.Context(), store.IncidentFilter{})
		require.NoError(t, err)
		require.Equal(t, 1, total)
		alerts, err := s.Alerts(t.Context(), store.AlertFilter{Receiver: "r"})
		require.NoError(t, err)
		require.Len(t, alerts, 1)
		require.Less(t, len(alerts[0].Error), 2000)
		outboxes, err := s.Outboxes(t.Context())
		require.NoError(t, err)
		require.Len(t, outboxes, 1)
	})
}

// TestAllOrNothing: a batch of which a part cannot be written leaves nothing
// behind, and no target that others would take for known.
func TestAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		batch := store.Batch{
			Results:   []store.Result{result("cache", noon, health.Healthy, 1)},
			Incidents: []health.Incident{{ID: "cache@1", Service: "cache", OpenedAt: time.Date(12_000, 1, 1, 0, 0, 0, 0, time.UTC)}},
		}
		require.ErrorContains(t, s.Write(t.Context(), batch), "incidents: cache@1: ")
		require.Empty(t, latest(t, s))
		batch.Incidents = nil
		write(t, s, batch)
		require.Equal(t, 1, day(t, s, cache).Probes)
		require.Len(t, latest(t, s), 1)
	})
}

// TestMidnight: days and hours are those of UTC, wherever the probe ran.
func TestMidnight(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		midnight := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
		somewhere := time.FixedZone("somewhere", 5*3600+1800)
		write(t, s, store.Batch{Results: []store.Result{
			result("cache", midnight.Add(-time.Millisecond).In(somewhere), health.Unhealthy, 1),
			result("cache", midnight.In(somewhere), health.Healthy, 2),
			result("cache", midnight.Add(time.Minute), health.Degraded, 3),
		}})
		days, err := s.Days(t.Context(), cache, noon, midnight.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, []store.Day{
			{At: midnight.AddDate(0, 0, -1), Probes: 1, Failed: 1}, {At: midnight, Probes: 2, Degraded: 1},
		}, days)
		days, err = s.Days(t.Context(), cache, noon, midnight)
		require.NoError(t, err)
		require.Len(t, days, 1, "the end does not belong to it")
		hours, err := s.Points(t.Context(), cache, midnight.Add(-time.Minute), midnight.Add(time.Minute), time.Hour)
		require.NoError(t, err)
		require.Equal(t, []store.Point{
			{At: midnight.Add(-time.Hour), Probes: 1, Failed: 1}, {At: midnight, Probes: 2, MeanMS: 2.5, MaxMS: 3},
		}, hours)
	})
}
