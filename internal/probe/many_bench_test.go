package probe

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// benchTargets is how many targets the benchmarks look at by turns.
const benchTargets = 10_000

// benchServer answers each target with a small status in JSON.
func benchServer(b *testing.B) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ok":true,"shop":"`+r.URL.Path[1:]+`","queue":17,"version":"4.2.1"}`)
	}))
	b.Cleanup(server.Close)
	return server
}

func benchOptions(url string) *HTTP {
	options := httpKind().Options().(*HTTP)
	options.URL = url + "/{{target}}"
	options.Expect = []string{"status == 200", "body.ok == true"}
	return options
}

// runMany probes the targets by turns, several at the same time, and reports the
// processor time of one probe; that of the server is in it.
func runMany(b *testing.B, many Many, parallel int) {
	targets := make([]health.Target, benchTargets)
	for i := range targets {
		targets[i] = health.Target{Name: fmt.Sprintf("shop-%05d", i)}
	}
	var next atomic.Int64
	b.ReportAllocs()
	before := processorTime(b)
	b.ResetTimer()
	var probing sync.WaitGroup
	for range parallel {
		probing.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				result := RunMany(context.Background(), many, targets[i%benchTargets], 5*time.Second)
				if result.Status != health.Healthy {
					b.Error(result.Message)
					return
				}
			}
		})
	}
	probing.Wait()
	b.StopTimer()
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func BenchmarkManyShared(b *testing.B) {
	many, err := OpenMany(benchOptions(benchServer(b).URL))
	require.NoError(b, err)
	b.Cleanup(func() { _ = many.Close() })
	runMany(b, many, 16)
}

// Each probe on a connection of its own, as where no two targets share a host.
func BenchmarkManyHosts(b *testing.B) {
	many, err := OpenMany(benchOptions(benchServer(b).URL))
	require.NoError(b, err)
	b.Cleanup(func() { _ = many.Close() })
	many.(*webMany).ways.kept.transport.(*wire).idle.perHost = 0
	runMany(b, many, 16)
}

func BenchmarkManyGeneral(b *testing.B) {
	runMany(b, &general{options: benchOptions(benchServer(b).URL)}, 16)
}

// A probe every few milliseconds, as where the targets of one minute are spread
// over it: waking up costs more than probing.
func BenchmarkManyOneByOne(b *testing.B) {
	many, err := OpenMany(benchOptions(benchServer(b).URL))
	require.NoError(b, err)
	b.Cleanup(func() { _ = many.Close() })
	before := processorTime(b)
	for i := range b.N {
		time.Sleep(4 * time.Millisecond)
		result := RunMany(context.Background(), many, health.Target{Name: fmt.Sprint(i)}, 5*time.Second)
		require.Equal(b, health.Healthy, result.Status, result.Message)
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// What a loop of net/http alone takes, to compare with.
func BenchmarkManyBareClient(b *testing.B) {
	server := benchServer(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	b.Cleanup(client.CloseIdleConnections)
	runMany(b, bare{client, server.URL}, 16)
}

type bare struct {
	client *http.Client
	url    string
}

func (c bare) Probe(ctx context.Context, target health.Target) health.Result {
	asked, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/"+target.Name, nil)
	if err != nil {
		return health.Result{Message: err.Error()}
	}
	response, err := c.client.Do(asked)
	if err != nil {
		return health.Result{Message: err.Error()}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(text), `"ok":true`) {
		return health.Result{Message: fmt.Sprint(err, string(text))}
	}
	return health.Result{Status: health.Healthy}
}

func (bare) Host(health.Target) string { return "" }
func (bare) Close() error              { return nil }

// processorTime is what the process has taken of all processors so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
