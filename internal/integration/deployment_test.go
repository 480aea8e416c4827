//go:build !noembed

// Package integration tests paramedic's parts together, against a real Temporal
// server in this process. It is a package of its own, so that only it pays for
// building the server.
package integration

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"paramedic/activities"
	"paramedic/internal/apply"
	"paramedic/internal/board"
	"paramedic/internal/config"
	"paramedic/internal/devserver"
	"paramedic/internal/fleet"
	"paramedic/internal/operator"
	"paramedic/internal/store"
	"paramedic/workflows"
)

// soon is how long a condition may take on a busy machine; poll is the pause
// between two looks.
const (
	soon = 30 * time.Second
	poll = 50 * time.Millisecond
)

// startServer runs a Temporal server for one test and connects to it.
func startServer(t *testing.T) *operator.Connection {
	t.Helper()
	server, err := devserver.Start(t.Context(), devserver.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	connection, err := operator.Dial(t.Context(),
		operator.Endpoint{Address: server.Address(), Namespace: server.Namespace()}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(connection.Close)
	return connection
}

// startWorker serves the main task queue of a configuration until stop is
// called or the test ends.
func startWorker(t *testing.T, connection *operator.Connection, cfg *config.Config) (stop func()) {
	t.Helper()
	shown := startBoard(t)
	f, err := fleet.New(cfg, slog.New(slog.DiscardHandler), nil, shown)
	require.NoError(t, err)
	t.Cleanup(f.Close)
	w := worker.New(connection.Client, apply.TaskQueue(cfg), worker.Options{
		Interceptors: []interceptor.WorkerInterceptor{workflows.Recording(shown)},
	})
	workflows.Register(w)
	activities.Register(w, f, shown, connection.Client)
	activities.RegisterBatches(w, f)
	require.NoError(t, w.Start())
	stop = sync.OnceFunc(w.Stop)
	t.Cleanup(stop)
	return stop
}

// startBoard returns a board over a store of its own, which ends with the test.
func startBoard(t *testing.T) *board.Board {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	database, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "paramedic.db"), quiet)
	require.NoError(t, err)
	writer := store.NewWriter(database, store.WriterOptions{Log: quiet})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- writer.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, database.Close())
	})
	return board.New(writer, quiet)
}

// parse reads a configuration.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("paramedic.yml", []byte(text), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	return cfg
}

// website is a service that can be broken and mended.
type website struct {
	*httptest.Server
	broken atomic.Bool
	probes atomic.Int64
}

func newWebsite(t *testing.T) *website {
	site := &website{}
	site.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		site.probes.Add(1)
		if site.broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(site.Close)
	return site
}

// text is a configuration that watches the website every interval, without a
// remedy.
func (s *website) text(interval time.Duration) string {
	return fmt.Sprintf(`
services:
  - name: site
    interval: %s
    timeout: 500ms
    success_threshold: 1
    probe: {http: {url: %q}}
`, interval, s.URL)
}

func (s *website) config(t *testing.T, interval time.Duration) *config.Config {
	return parse(t, s.text(interval))
}
