package remedy_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/remedy"
)

// fakeEngine gives the answers of a Docker Engine, recorded from version
// 20.10.24 and shortened, over a unix socket. It can do what matters for one
// container: to start it at another time.
type fakeEngine struct {
	socket string

	mu       sync.Mutex
	inspect  map[string]any
	restarts []string // the queries
	// answer replaces the answer to a restart.
	answer http.HandlerFunc
	logs   http.HandlerFunc
	tail   string
}

// recorded reads an answer of an Engine.
func recorded(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/docker", name))
	require.NoError(t, err)
	return text
}

// newEngine serves the container "web" in the state of a recorded answer.
func newEngine(t *testing.T, inspect string) *fakeEngine {
	t.Helper()
	// Short, since the path of a socket is limited.
	dir, err := os.MkdirTemp("", "engine")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	e := &fakeEngine{socket: filepath.Join(dir, "docker.sock")}
	e.become(t, inspect)
	listener, err := net.Listen("unix", e.socket)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(e.handler(t))
	require.NoError(t, server.Listener.Close())
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return e
}

// become makes the container be as recorded.
func (e *fakeEngine) become(t *testing.T, inspect string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.inspect = nil
	require.NoError(t, json.Unmarshal(recorded(t, inspect), &e.inspect))
}

func (e *fakeEngine) handler(t *testing.T) http.Handler {
	notFound := recorded(t, "error_404.json")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containers/{name}/json", func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if r.PathValue("name") != "web" {
			fail(w, http.StatusNotFound, notFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(e.inspect)
	})
	mux.HandleFunc("POST /containers/{name}/restart", func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		answer := e.answer
		e.restarts = append(e.restarts, r.URL.RawQuery)
		e.mu.Unlock()
		if answer != nil {
			answer(w, r)
			return
		}
		e.start(time.Now())
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /containers/{id}/logs", func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.tail = r.URL.Query().Encode()
		e.mu.Unlock()
		e.logs(w, r)
	})
	return mux
}

// start is the container's start, by whomever.
func (e *fakeEngine) start(at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	state := e.inspect["State"].(map[string]any)
	state["Status"], state["Running"], state["Restarting"] = "running", true, false
	state["StartedAt"] = at.UTC().Format(time.RFC3339Nano)
}

func (e *fakeEngine) asked() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string{}, e.restarts...)
}

func fail(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

func (e *fakeEngine) options() *remedy.Docker {
	return &remedy.Docker{Container: "web", Timeout: health.Duration(20 * time.Second), Socket: e.socket}
}
