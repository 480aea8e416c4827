package web

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := Listen(t.Context(), "127.0.0.1:0", false)
	require.NoError(t, err)
	return listener
}

func TestListenRefuses(t *testing.T) {
	taken := listen(t)
	defer taken.Close()
	const open = "cannot listen on %s: other machines can reach it, so write down under http.access who may come in, and the certificate under http.tls or behind_proxy: true if a proxy ends TLS; or use 127.0.0.1 or localhost in --listen or http.listen"
	for address, want := range map[string]string{
		taken.Addr().String(): "cannot listen on %s: another program has taken the port; stop it, or choose another port with --listen or http.listen",
		":8080":               open,
		"0.0.0.0:8080":        open,
		"[::]:8080":           open,
		"192.0.2.7:8080":      open,
		"example.com:8080":    open,
		"8080":                `listen address "%s": write it as host:port, like 127.0.0.1:8080 (--listen or http.listen)`,
	} {
		_, err := Listen(t.Context(), address, false)
		require.EqualError(t, err, fmt.Sprintf(want, address))
	}
	_, err := Listen(t.Context(), "127.0.0.1:99999", false)
	require.ErrorContains(t, err, "cannot listen on 127.0.0.1:99999 (--listen or http.listen): ")
	_, err = Listen(t.Context(), "192.0.2.7:0", true)
	require.ErrorContains(t, err, "cannot listen on 192.0.2.7:0: this machine does not have that address; ")
}

func TestListenEverywhereIfOpen(t *testing.T) {
	for _, address := range []string{":0", "0.0.0.0:0", "127.0.0.1:0", "[::]:0"} {
		listener, err := Listen(t.Context(), address, true)
		require.NoError(t, err, address)
		require.NoError(t, listener.Close())
	}
}

// serve serves handler; the returned function stops it and gives Serve's error.
func serve(t *testing.T, handler http.HandlerFunc) (address string, stop func() error) {
	t.Helper()
	listener := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- Serve(ctx, listener, handler, func() { close(ready) }) }()
	<-ready
	return listener.Addr().String(), func() error { cancel(); return <-done }
}

func TestServeLetsRequestsFinish(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	address, stop := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "finished")
	})
	answer := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + address)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond, "a stopping server takes no new connection")
	close(release)
	require.Equal(t, "finished", <-answer)
	require.NoError(t, <-stopped)
}

func TestServeDoesNotWaitForUnusedConnections(t *testing.T) {
	address, stop := serve(t, http.NotFound)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	// Another connection's answer shows that the first one has been accepted.
	response, err := http.Get("http://" + address)
	require.NoError(t, err)
	response.Body.Close()
	begin := time.Now()
	require.NoError(t, stop())
	require.Less(t, time.Since(begin), shutdownLimit/2)
}

func TestServeReportsALostListener(t *testing.T) {
	listener := listen(t)
	err := Serve(t.Context(), listener, http.NotFoundHandler(), func() { listener.Close() })
	require.ErrorContains(t, err, "use of closed network connection")
	require.ErrorContains(t, err, "serve 127.0.0.1:")
}
