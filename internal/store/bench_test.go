package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

// fleet makes results of many services that are probed in turn.
type fleet struct {
	services int
	start    time.Time
	every    time.Duration
	made     int
	random   *rand.Rand
}

func newFleet(services int, start time.Time, every time.Duration) *fleet {
	return &fleet{services: services, start: start, every: every, random: rand.New(rand.NewPCG(1, 2))}
}

// batch holds the next results, one in a hundred of them a failure.
func (f *fleet) batch(count int) store.Batch {
	b := store.Batch{Results: make([]store.Result, count)}
	for n := range b.Results {
		service, round := f.made%f.services, f.made/f.services
		at := f.start.Add(time.Duration(round)*f.every + time.Duration(service)*time.Millisecond)
		status := health.Healthy
		if f.random.IntN(100) == 0 {
			status = health.Unhealthy
		}
		b.Results[n] = result(name(service), at, status, 5+200*f.random.Float64())
		b.Results[n].Observations = map[string]float64{"status_code": 200}
		f.made++
	}
	return b
}

func name(service int) string { return fmt.Sprintf("service-%04d", service) }

// BenchmarkWrite: results of 2,000 services, probed every 10 s, in batches.
// The target is 10,000 a second, in less than 60 bytes each.
func BenchmarkWrite(b *testing.B) {
	for kind, locate := range databases {
		for _, size := range []int{1000, 5000} {
			b.Run(fmt.Sprintf("%s/%d", kind, size), func(b *testing.B) {
				location := locate(b)
				s, err := store.Open(b.Context(), location, slog.New(slog.DiscardHandler))
				require.NoError(b, err)
				fleet := newFleet(2000, noon, 10*time.Second)
				write(b, s, fleet.batch(20_000))
				b.ResetTimer()
				for range b.N {
					write(b, s, fleet.batch(size))
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "results/s")
				require.NoError(b, s.Close()) // which moves the log into the file
				if info, err := os.Stat(location); err == nil {
					b.ReportMetric(float64(info.Size())/float64(fleet.made), "B/result")
				}
			})
		}
	}
}

// BenchmarkRead: what pages ask of 2,000 services with 10 days of hours, and of
// 100,000 incidents.
func BenchmarkRead(b *testing.B) {
	for kind, locate := range databases {
		b.Run(kind, func(b *testing.B) {
			location := locate(b)
			s := open(b, location)
			now := fillForPages(b, s)
			if s.Kind() == "postgres" { // which does so by itself before long
				execute(b, s, location, "VACUUM ANALYZE")
			}
			key := store.Key{Service: name(7)}
			reads := []struct {
				name string
				do   func(context.Context) error
			}{
				{"Uptimes", func(ctx context.Context) error { _, err := s.Uptimes(ctx, now); return err }},
				{"Recent", func(ctx context.Context) error { _, err := s.Recent(ctx, 30); return err }},
				{"ChangedAll", func(ctx context.Context) error { _, err := s.Changed(ctx, time.Time{}); return err }},
				{"ChangedNone", func(ctx context.Context) error { _, err := s.Changed(ctx, time.Now().Add(time.Hour)); return err }},
				{"PointsOfMinutes", func(ctx context.Context) error {
					_, err := s.Points(ctx, key, now.Add(-24*time.Hour), now, 5*time.Minute)
					return err
				}},
				{"PointsOfHours", func(ctx context.Context) error {
					_, err := s.Points(ctx, key, now.AddDate(0, 0, -14), now, time.Hour)
					return err
				}},
				{"Days", func(ctx context.Context) error { _, err := s.Days(ctx, key, now.AddDate(0, 0, -90), now); return err }},
				{"Failures", func(ctx context.Context) error { _, err := s.Failures(ctx, key, 20); return err }},
				{"Incidents", incidents(s, store.IncidentFilter{})},
				{"IncidentsDeep", incidents(s, store.IncidentFilter{Offset: 50_000})},
				{"IncidentsOfService", incidents(s, store.IncidentFilter{Service: key.Service})},
				{"IncidentsOpen", incidents(s, store.IncidentFilter{Open: true})},
				{"IncidentsClosed", incidents(s, store.IncidentFilter{Closed: true})},
				{"IncidentsOfWeek", incidents(s, store.IncidentFilter{From: noon.AddDate(0, 0, -7)})},
				{"Alerts", func(ctx context.Context) error { _, err := s.Alerts(ctx, store.AlertFilter{}); return err }},
			}
			for _, read := range reads {
				b.Run(read.name, func(b *testing.B) {
					for b.Loop() {
						require.NoError(b, read.do(b.Context()))
					}
				})
			}
		})
	}
}

func incidents(s *store.Store, f store.IncidentFilter) func(context.Context) error {
	return func(ctx context.Context) error {
		page, _, err := s.Incidents(ctx, f)
		if err == nil && len(page) == 0 {
			return fmt.Errorf("no incident for %+v", f)
		}
		return err
	}
}

// fillForPages writes 10 days with a result an hour, a day with a result a
// minute of twenty services, and 100,000 incidents. It returns the end.
func fillForPages(b *testing.B, s *store.Store) (now time.Time) {
	b.Helper()
	hours := newFleet(2000, noon, time.Hour)
	for range 10 * 24 / 5 {
		write(b, s, hours.batch(5*2000))
	}
	now = noon.AddDate(0, 0, 10)
	minutes := newFleet(20, now.Add(-24*time.Hour+time.Second), time.Minute)
	write(b, s, minutes.batch(20*24*60))
	for n := range 100 {
		batch := store.Batch{}
		for m := range 1000 {
			batch.Incidents = append(batch.Incidents, oldIncident(n*1000+m))
		}
		write(b, s, batch)
	}
	return now
}

// oldIncident is one of 100,000, of which one in ten thousand is open.
func oldIncident(n int) health.Incident {
	opened := noon.Add(-time.Duration(n) * 5 * time.Minute)
	i := health.Incident{
		ID: health.IncidentID(name(n%2000), "", opened), Service: name(n % 2000), Severity: "critical", State: health.Resolved,
		FirstFailureAt: opened.Add(-2 * time.Minute), OpenedAt: opened, ResolvedAt: opened.Add(3 * time.Minute),
		Reason: "connection refused", Outcome: health.Healed,
	}
	for range 12 {
		i.Timeline.Add(opened, health.EntryVerification, "verification: connection refused after 3 ms")
	}
	if n%10_000 == 0 {
		i.State, i.ResolvedAt, i.Outcome = health.Triggered, time.Time{}, ""
	}
	return i
}
