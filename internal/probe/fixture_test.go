package probe

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/realtest"
)

// relay passes TCP connections on to a server and counts them.
type relay struct {
	Addr     string
	accepted atomic.Int64
	open     atomic.Int64
}

// newRelay starts a relay to address.
func newRelay(t *testing.T, address string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	r := &relay{Addr: listener.Addr().String()}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			r.accepted.Add(1)
			connections.Go(func() { r.pass(ctx, client, address) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); stop(); connections.Wait() })
	return r
}

func (r *relay) pass(ctx context.Context, client net.Conn, address string) {
	r.open.Add(1)
	defer r.open.Add(-1)
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })()
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(client, server); _ = client.Close() })
	_, _ = io.Copy(server, client)
	_ = server.Close()
	back.Wait()
}

// silent listens, accepts and never answers.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepting.Go(func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); accepting.Wait() })
	return listener.Addr().String()
}

// deaf returns an address where nobody listens.
func deaf(t *testing.T) string { return realtest.FreeAddress(t) }

// open opens valid options and closes the prober with the test.
func open(t *testing.T, options Options) Prober {
	t.Helper()
	require.Empty(t, options.Validate())
	prober, err := options.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, prober.Close()) })
	return prober
}

// overrun is how much longer than its limit a probe may take on a busy machine.
const overrun = 500 * time.Millisecond

// probe makes one probe and requires that it keeps its limit.
func probe(t *testing.T, prober Prober, limit time.Duration) health.Result {
	t.Helper()
	start := time.Now()
	result := Run(context.Background(), prober, limit)
	require.Less(t, time.Since(start), limit+overrun, "the probe outlived its limit: %s", result.Message)
	return result
}

func requireHealthy(t *testing.T, result health.Result) {
	t.Helper()
	require.Equal(t, health.Healthy, result.Status, result.Message)
}

func requireUnhealthy(t *testing.T, result health.Result, message string) {
	t.Helper()
	require.Equal(t, health.Unhealthy, result.Status, result.Message)
	require.Equal(t, message, result.Message)
}

// requireNotProbed requires that nothing is held against the service.
func requireNotProbed(t *testing.T, result health.Result, message string) {
	t.Helper()
	require.Equal(t, health.NotProbed, result.Status, result.Message)
	require.Equal(t, message, result.Message)
}

// requireNoLeak requires that the goroutines which work started have ended.
func requireNoLeak(t *testing.T, work func()) {
	t.Helper()
	before := runtime.NumGoroutine()
	work()
	if !awaitGoroutines(before) {
		stacks := make([]byte, 1<<16)
		stacks = stacks[:runtime.Stack(stacks, true)]
		t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks)
	}
}

func awaitGoroutines(limit int) bool {
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if runtime.NumGoroutine() <= limit {
			return true
		}
	}
	return false
}

// requireSurvivesSilence holds a kind against servers that hang and servers
// that are not there: it ends in time, says so, and leaves nothing running.
func requireSurvivesSilence(t *testing.T, options func(address string) Options, timedOut, refused string) {
	t.Helper()
	silentServer, deafServer := silent(t), deaf(t)
	fill := func(text string) string {
		return strings.NewReplacer("@silent", silentServer, "@deaf", deafServer).Replace(text)
	}
	requireNoLeak(t, func() {
		prober, err := options(silentServer).Open()
		require.NoError(t, err)
		for range 3 {
			requireUnhealthy(t, probe(t, prober, 200*time.Millisecond), fill(timedOut))
		}
		require.NoError(t, prober.Close())

		prober, err = options(deafServer).Open()
		require.NoError(t, err)
		for range 3 {
			requireUnhealthy(t, probe(t, prober, 10*time.Second), fill(refused))
		}
		require.NoError(t, prober.Close())
	})
}
