package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

// fleet makes batches of results of many services that are probed in turn.
type fleet struct {
	services int
	every    time.Duration
	made     int
	random   *rand.Rand
}

func newFleet(services int, every time.Duration) *fleet {
	return &fleet{services: services, every: every, random: rand.New(rand.NewPCG(1, 2))}
}

// batch holds the next results, one in a hundred of them a failure.
func (f *fleet) batch(count int, start time.Time) store.Batch {
	b := store.Batch{Results: make([]store.Result, count)}
	for n := range b.Results {
		service, round := f.made%f.services, f.made/f.services
		at := start.Add(time.Duration(round)*f.every + time.Duration(service)*time.Millisecond)
		status := health.Healthy
		if f.random.IntN(100) == 0 {
			status = health.Unhealthy
		}
		b.Results[n] = result(fmt.Sprintf("service-%04d", service), at, status, 5+200*f.random.Float64())
		b.Results[n].Observations = map[string]float64{"status_code": 200}
		f.made++
	}
	return b
}

// BenchmarkWrite: results of 2,000 services, probed every 10 s, in batches.
func BenchmarkWrite(b *testing.B) {
	for kind, locate := range databases {
		for _, size := range []int{1000, 5000} {
			b.Run(fmt.Sprintf("%s/%d", kind, size), func(b *testing.B) {
				location := locate(b)
				s := open(b, location)
				fleet := newFleet(2000, 10*time.Second)
				write(b, s, fleet.batch(10_000, noon))
				for b.Loop() {
					write(b, s, fleet.batch(size, noon))
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "results/s")
				if info, err := os.Stat(location); err == nil {
					b.ReportMetric(float64(info.Size())/float64(fleet.made), "B/result")
				}
			})
		}
	}
}

var _ = require.NoError
