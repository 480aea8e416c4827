package pages

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
)

// serve answers with the time limits of a real server, but short ones.
func serve(t *testing.T, s *site) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(s)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// follow reads the lines of a stream of events until the test ends or it does.
func follow(t *testing.T, ctx context.Context, server *httptest.Server, path string) (*http.Response, <-chan string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
	require.NoError(t, err)
	answer, err := server.Client().Do(request)
	require.NoError(t, err)
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		defer answer.Body.Close()
		for scanner := bufio.NewScanner(answer.Body); scanner.Scan(); {
			if scanner.Text() != "" {
				lines <- scanner.Text()
			}
		}
	}()
	return answer, lines
}

func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line, open := <-lines:
		require.True(t, open, "the stream has ended")
		return line
	case <-time.After(10 * time.Second):
		require.Fail(t, "nothing came")
		return ""
	}
}

func TestLiveTellsOfChanges(t *testing.T) {
	w := newWorld(t)
	w.board.Keep([]board.Configured{service("one"), service("two")})
	server := serve(t, w.site)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answer, lines := follow(t, ctx, server, "/live?service=one")
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	require.Equal(t, "retry: 5000", next(t, lines))
	w.stands("two", health.StateDown, health.Unhealthy, nil)
	began := time.Now()
	for range 20 {
		w.board.Stand(health.Standing{Service: "one", State: health.StateDown, At: time.Now()})
	}
	require.Equal(t, "event: change", next(t, lines))
	require.Equal(t, "data: ", next(t, lines))
	w.board.Stand(health.Standing{Service: "one", State: health.StateHealthy, At: time.Now()})
	require.Equal(t, "event: change", next(t, lines))
	require.GreaterOrEqual(t, time.Since(began), 900*time.Millisecond, "not more than one a second; and no time limit of the server ended it")
	require.Equal(t, "data: ", next(t, lines))
	cancel()
	for range lines {
	}
	require.Eventually(t, func() bool { return len(w.streams) == 0 }, 20*time.Second, time.Millisecond, "its place is free again")
}

// HTTP/2, which is spoken wherever there is a certificate, ends a stream whose
// time is over also while nothing is written.
func TestLiveOutlastsSilenceOverHTTP2(t *testing.T) {
	w := newWorld(t)
	w.board.Keep([]board.Configured{service("one")})
	w.writeLimit = 50 * time.Millisecond
	server := httptest.NewUnstartedServer(w.site)
	server.Config.WriteTimeout, server.EnableHTTP2 = w.writeLimit, true
	server.StartTLS()
	t.Cleanup(server.Close)
	answer, lines := follow(t, t.Context(), server, "/live")
	require.Equal(t, 2, answer.ProtoMajor)
	require.Equal(t, "retry: 5000", next(t, lines))
	select {
	case line, open := <-lines:
		require.True(t, open, "silence has ended the stream")
		require.Fail(t, line)
	case <-time.After(6 * w.writeLimit):
	}
	w.stands("one", health.StateDown, health.Unhealthy, nil)
	require.Equal(t, "event: change", next(t, lines))
}

func TestLiveEndsAtShutdown(t *testing.T) {
	w := newWorld(t)
	done := make(chan struct{})
	w.Done = done
	_, lines := follow(t, t.Context(), serve(t, w.site), "/live")
	require.Equal(t, "retry: 5000", next(t, lines))
	close(done)
	for range lines {
	}
}

func TestLiveIsBounded(t *testing.T) {
	s := newSite(t, Options{})
	for range streamLimit {
		s.streams <- struct{}{}
	}
	answer := s.get("/live")
	require.Equal(t, 503, answer.Code)
	require.Equal(t, "15", answer.Header().Get("Retry-After"))
	require.Len(t, s.streams, streamLimit)
}
