package store_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

func finding(target string, at time.Time, status health.Status, latency float64) health.Finding {
	return health.Finding{Target: target, Result: result("", at, status, latency).Result}
}

// tour is a result of every kind, in two hours.
func tour() []health.Finding {
	rich := finding("10.0.0.2:80", noon.Add(time.Second), health.Degraded, 12.345)
	rich.Observations = map[string]float64{"status_code": 200, "share": 0.25, "minus": -1, "much": 1e300}
	rich.Facts = map[string]string{"tier": "primary", "version": "1.2"}
	named := finding("10.0.0.3:80", noon, health.Healthy, 1)
	named.Message = "connected to 10.0.0.3:80, not 10.0.0.3:800"
	return []health.Finding{
		rich, named, finding("10.0.0.10:80", noon, health.Healthy, 1), finding("a", noon.Add(59*time.Minute), health.Unhealthy, 0),
		finding("a", noon.Add(time.Hour), health.Healthy, 2.5), finding("10.0.0.1:80", noon.Add(time.Minute), health.Healthy, 9),
	}
}

func latestOf(t *testing.T, s *store.Store) map[store.Key]health.Result {
	t.Helper()
	changed, err := s.Changed(t.Context(), time.Time{})
	require.NoError(t, err)
	newest := map[store.Key]health.Result{}
	for _, latest := range changed {
		if !latest.Result.At.Before(newest[latest.Key].At) {
			newest[latest.Key] = latest.Result
		}
	}
	return newest
}

func prune(t *testing.T, s *store.Store, now time.Time) {
	t.Helper()
	_, err := s.Prune(t.Context(), now, store.DefaultRetention)
	require.NoError(t, err)
}

// TestSurveyThereAndBack: what was found is read as it was, before it is folded
// and after.
func TestSurveyThereAndBack(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		write(t, s, store.Batch{Surveys: store.NewSurveys("shops", tour())})
		want := map[store.Key]health.Result{}
		for _, found := range tour() {
			want[shop(found.Target)] = found.Result
		}
		require.Equal(t, want, latestOf(t, s))
		prune(t, s, noon.Add(3*time.Hour))
		require.Equal(t, want, latestOf(t, s))
		failures, err := s.Failures(t.Context(), shop("a"), 10)
		require.NoError(t, err)
		require.Len(t, failures, 1)
		require.Equal(t, "row count 0 < 1", failures[0].Message)
	})
}

// TestSurveysAreSummedUp: charts of a target and of its service are the same
// while its results are in surveys and once they are folded, in part or all.
func TestSurveysAreSummedUp(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		for hour := range 3 {
			var findings []health.Finding
			for minute := range 60 {
				at := noon.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
				status := health.Healthy
				if minute == 7 {
					status = health.Unhealthy
				}
				findings = append(findings, finding("a", at, status, float64(hour+1)), finding("b", at.Add(time.Second), health.Healthy, 10))
			}
			write(t, s, store.Batch{Surveys: store.NewSurveys("shops", findings)})
		}
		type shown struct {
			minutes, hours, days []store.Point
			timeline             []store.Day
		}
		look := func(key store.Key) (all shown) {
			ctx, until := t.Context(), noon.Add(5*time.Hour)
			var errs [4]error
			all.minutes, errs[0] = s.Points(ctx, key, noon.Add(30*time.Minute), until, 5*time.Minute)
			all.hours, errs[1] = s.Points(ctx, key, noon, until, time.Hour)
			all.days, errs[2] = s.Points(ctx, key, noon, until, 24*time.Hour)
			all.timeline, errs[3] = s.Days(ctx, key, noon, until)
			require.Equal(t, [4]error{}, errs)
			return all
		}
		before, whole := look(shop("a")), look(store.Key{Service: "shops"})
		require.Len(t, before.minutes, 30)
		require.Equal(t, store.Point{At: noon.Add(time.Hour), Probes: 60, Failed: 1, MeanMS: 2, MaxMS: 2}, before.hours[1])
		require.Equal(t, []store.Day{{At: noon.Add(-12 * time.Hour), Probes: 180, Failed: 3}}, before.timeline)
		require.Equal(t, 120, whole.hours[0].Probes)
		require.Equal(t, []store.Day{{At: noon.Add(-12 * time.Hour), Probes: 360, Failed: 3}}, whole.timeline)
		require.Equal(t, 10, whole.minutes[0].Probes)
		recent, err := s.Recent(t.Context(), 2)
		require.NoError(t, err)
		require.Equal(t, map[store.Key][]float32{{Service: "shops"}: {6.5, 6.5}}, recent)
		uptimes, err := s.Uptimes(t.Context(), noon.Add(3*time.Hour))
		require.NoError(t, err)
		require.Len(t, uptimes, 1, "of services alone")
		require.InDelta(t, 357.0/360, uptimes[store.Key{Service: "shops"}].Day, 1e-9)

		prune(t, s, noon.Add(time.Hour+20*time.Minute)) // the first hour
		require.Equal(t, before, look(shop("a")))
		prune(t, s, noon.Add(5*time.Hour))
		require.Equal(t, before, look(shop("a")))
		require.Equal(t, whole, look(store.Key{Service: "shops"}))
	})
}

// TestChangedTellsTheNewestOfSurveys once, in whatever order they came.
func TestChangedTellsTheNewestOfSurveys(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		for _, minute := range []int{3, 1, 5, 2} {
			at := noon.Add(time.Duration(minute) * time.Minute)
			write(t, s, store.Batch{Surveys: store.NewSurveys("shops", []health.Finding{
				finding("a", at, health.Healthy, 1), finding("a", at.Add(time.Second), health.Healthy, 1), finding(fmt.Sprint("b", minute), at, health.Healthy, 1),
			})})
		}
		require.Equal(t, noon.Add(5*time.Minute+time.Second), latestOf(t, s)[shop("a")].At)
		changed, err := s.Changed(t.Context(), time.Time{})
		require.NoError(t, err)
		require.LessOrEqual(t, len(changed), 8)
		var last time.Time
		for _, latest := range changed {
			if latest.UpdatedAt.After(last) {
				last = latest.UpdatedAt
			}
		}
		changed, err = s.Changed(t.Context(), last)
		require.NoError(t, err)
		require.Empty(t, changed)
		write(t, s, store.Batch{Surveys: store.NewSurveys("shops", []health.Finding{finding("c", noon, health.Healthy, 1)})})
		changed, err = s.Changed(t.Context(), last)
		require.NoError(t, err)
		require.Len(t, changed, 1)
		require.Equal(t, shop("c"), changed[0].Key)
	})
}

// TestDamagedSurvey: a record that makes no sense is an error, whatever it is.
func TestDamagedSurvey(t *testing.T) {
	location := databases["sqlite"](t)
	s := open(t, location)
	write(t, s, store.Batch{Surveys: store.NewSurveys("shops", tour())})
	for _, code := range []string{"X''", "X'02'", "X'01FFFFFFFFFF01'", "X'0105'", "X'010100'", "X'0101000503'"} {
		execute(t, s, location, "UPDATE surveys SET code = "+code)
		_, err := s.Changed(t.Context(), time.Time{})
		require.ErrorContains(t, err, "a survey: it is cut short or damaged", code)
		_, err = s.Points(t.Context(), shop("a"), noon, noon.Add(time.Hour), time.Minute)
		require.ErrorContains(t, err, "a survey: it is cut short or damaged", code)
	}
}

// TestSurveyIsWrittenOnce however often it is tried, and a late one is folded
// into an hour that is folded already.
func TestSurveyIsWrittenOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		first := store.Batch{Surveys: store.NewSurveys("shops", []health.Finding{finding("a", noon, health.Unhealthy, 1)})}
		write(t, s, first)
		write(t, s, first)
		probes := func(key store.Key) int {
			days, err := s.Days(t.Context(), key, noon, noon.Add(time.Hour))
			require.NoError(t, err)
			require.Len(t, days, 1)
			return days[0].Probes
		}
		require.Equal(t, 1, probes(shop("a")))
		require.Equal(t, 1, probes(store.Key{Service: "shops"}))
		prune(t, s, noon.Add(3*time.Hour))
		late := []health.Finding{finding("a", noon, health.Unhealthy, 1), finding("a", noon.Add(time.Minute), health.Healthy, 1)}
		write(t, s, store.Batch{Surveys: store.NewSurveys("shops", late)})
		prune(t, s, noon.Add(3*time.Hour))
		require.Equal(t, 2, probes(shop("a")))
		points, err := s.Points(t.Context(), shop("a"), noon, noon.Add(time.Hour), time.Minute)
		require.NoError(t, err)
		require.Len(t, points, 2)
	})
}

func TestSurveysArePruned(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		write(t, s, store.Batch{Surveys: store.NewSurveys("shops", tour())})
		points := func(span time.Duration) int {
			points, err := s.Points(t.Context(), shop("a"), noon, noon.Add(24*time.Hour), span)
			require.NoError(t, err)
			return len(points)
		}
		for _, step := range []struct {
			age                  time.Duration
			results, hours, days int
		}{
			{5 * time.Hour, 2, 2, 1}, {49*time.Hour + 30*time.Minute, 1, 2, 1}, {51 * time.Hour, 0, 2, 1},
			{15 * 24 * time.Hour, 0, 0, 1}, {402 * 24 * time.Hour, 0, 0, 0},
		} {
			prune(t, s, noon.Add(step.age))
			require.Equal(t, []int{step.results, step.hours, step.days}, []int{points(time.Minute), points(time.Hour), points(24 * time.Hour)}, step.age)
		}
		require.Empty(t, latestOf(t, s))
	})
}

func TestOddFindings(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		odd := finding("a\x00", noon, health.Healthy, math.Inf(1))
		odd.Observations = map[string]float64{"x": math.NaN(), "y": 2}
		write(t, s, store.Batch{Surveys: store.NewSurveys("shops\x00", []health.Finding{
			odd, finding("", noon, health.Healthy, 1), finding("b", time.Time{}, health.Healthy, 1),
		})})
		found := latestOf(t, s)
		require.Len(t, found, 1)
		require.Equal(t, map[string]float64{"y": 2}, found[shop("a")].Observations)
		require.Zero(t, found[shop("a")].LatencyMS)
		require.Empty(t, store.NewSurveys("", tour()))
		require.Empty(t, store.NewSurveys("shops", nil))
	})
}

// round is what the probes of many targets found in one minute.
func round(targets, minute int) []health.Finding {
	findings := make([]health.Finding, targets)
	for i := range findings {
		at := noon.Add(time.Duration(minute)*time.Minute + time.Duration(i)*time.Minute/time.Duration(targets))
		findings[i] = finding(fmt.Sprintf("10.0.%d.%d:8080", i/256, i%256), at, health.Healthy, float64(i%40)+0.123)
		findings[i].Message, findings[i].Observations = "status 200 of "+findings[i].Target, map[string]float64{"status_code": 200, "response_bytes": 5120}
		if i%100 == 0 {
			findings[i].Status, findings[i].Message = health.Unhealthy, "connection refused"
		}
	}
	return findings
}

// TestSurveysAreSmall: less than 30 bytes for each result of 10,000 targets, in
// surveys and folded. Those of the hour are too many to be folded together.
func TestSurveysAreSmall(t *testing.T) {
	const targets, minutes = 10_000, 60
	location := databases["sqlite"](t)
	s := open(t, location)
	for minute := range minutes {
		write(t, s, store.Batch{Surveys: store.NewSurveys("shops", round(targets, minute))})
	}
	size := func() float64 {
		execute(t, s, location, "PRAGMA wal_checkpoint(TRUNCATE)")
		execute(t, s, location, "VACUUM")
		execute(t, s, location, "PRAGMA wal_checkpoint(TRUNCATE)")
		info, err := os.Stat(location)
		require.NoError(t, err)
		return float64(info.Size()) / (targets * minutes)
	}
	require.Less(t, size(), 30.0)
	begun := time.Now()
	prune(t, s, noon.Add(3*time.Hour))
	t.Logf("folded in %v", time.Since(begun))
	require.Less(t, size(), 30.0)
	execute(t, s, location, "DELETE FROM surveys") // none is needed any more
	for _, target := range []string{"10.0.0.0:8080", "10.0.39.15:8080"} {
		hours, err := s.Points(t.Context(), shop(target), noon, noon.Add(time.Hour), time.Hour)
		require.NoError(t, err)
		require.Len(t, hours, 1)
		require.Equal(t, minutes, hours[0].Probes, "each result once")
		single, err := s.Points(t.Context(), shop(target), noon, noon.Add(time.Hour), time.Minute)
		require.NoError(t, err)
		require.Len(t, single, minutes)
	}
	t.Logf("%.1f bytes a result", size())
}

// BenchmarkSurveys: what it costs to keep the results of 10,000 targets, by the
// result; the target is below 16 µs.
func BenchmarkSurveys(b *testing.B) {
	for kind, locate := range databases {
		b.Run(kind, func(b *testing.B) {
			s := open(b, locate(b))
			findings := round(10_000, 0)
			minute := 0
			b.ResetTimer()
			for b.Loop() {
				for i := range findings {
					findings[i].At = findings[i].At.Add(time.Minute)
				}
				for part := 0; part < len(findings); part += 1000 {
					require.NoError(b, s.Write(context.Background(), store.Batch{Surveys: store.NewSurveys("shops", findings[part:part+1000])}))
				}
				minute++
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(10_000*minute), "µs/result")
			begun := time.Now()
			_, err := s.Prune(context.Background(), noon.Add(24*365*time.Hour), store.Retention{Results: 1e18, Hours: 1e18, Days: 1e18, Failures: 1e18})
			require.NoError(b, err)
			b.ReportMetric(float64(time.Since(begun).Microseconds())/float64(10_000*minute), "µs/folded")
		})
	}
}
