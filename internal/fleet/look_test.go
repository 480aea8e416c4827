package fleet

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// A process that has so little of a processor that probes run out of time never
// says that somebody is down.
func TestOverloadIsNoFailureOfTheService(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	observer := &heard{results: map[string]health.Result{}}
	f, err := New(parse(t, fmt.Sprintf(
		`services: [{name: web, timeout: 300ms, probe: {http: {url: %q}}}]`, server.URL)),
		slog.New(slog.DiscardHandler), nil, observer)
	require.NoError(t, err)
	defer f.Close()

	stop, spinning := starve()
	defer spinning.Wait()
	defer stop()
	begun := time.Now()
	for f.Load().Overloaded == 0 && time.Since(begun) < 20*time.Second {
		result, err := f.Probe(t.Context(), "web", "")
		if err != nil {
			require.ErrorContains(t, err, "probing web: the prober was overloaded: late by ")
			continue
		}
		require.Equal(t, health.Healthy, result.Status, result.Message)
	}
	require.Positive(t, f.Load().Overloaded)
}

// starve has fifty others want the only processor.
func starve() (stop func(), spinning *sync.WaitGroup) {
	before, ends := runtime.GOMAXPROCS(1), new(atomic.Bool)
	spinning = &sync.WaitGroup{}
	for range 50 {
		spinning.Go(func() {
			for !ends.Load() { // spins
			}
		})
	}
	return func() { ends.Store(true); runtime.GOMAXPROCS(before) }, spinning
}
