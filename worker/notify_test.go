package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/supervise"
)

// manager is a socket such as systemd gives to what it starts.
func manager(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, socket.Close()) })
	t.Setenv("NOTIFY_SOCKET", path)
	return socket
}

// heard is the next message that the manager gets.
func heard(t *testing.T, socket *net.UnixConn) string {
	t.Helper()
	require.NoError(t, socket.SetReadDeadline(time.Now().Add(10*time.Second)))
	message := make([]byte, 4096)
	n, err := socket.Read(message)
	require.NoError(t, err)
	return string(message[:n])
}

func names(parts []supervise.Part) string {
	var all []string
	for _, part := range parts {
		all = append(all, part.Name)
	}
	return strings.Join(all, " ")
}

func TestSystemdHearsHowTheWorkerIs(t *testing.T) {
	socket := manager(t)
	t.Setenv("WATCHDOG_USEC", "30000")
	p := &process{super: supervise.New(slog.New(slog.DiscardHandler))}
	idle := func(ctx context.Context, ready func()) error { ready(); <-ctx.Done(); return nil }
	absent := func(ctx context.Context, _ func()) error { <-ctx.Done(); return nil }
	parts := p.notified([]supervise.Part{{Name: "http-server", Run: idle}, {Name: "temporal-worker", Run: absent}})
	require.Equal(t, "http-server service-manager temporal-worker", names(parts))
	for _, part := range parts {
		require.NoError(t, p.super.Add(part))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.super.Run(ctx, time.Second) }()

	first := heard(t, socket)
	require.True(t, strings.HasPrefix(first, "READY=1\nSTATUS="), first)
	for !strings.Contains(heard(t, socket), "STATUS=temporal-worker starting") {
	}
	require.Equal(t, "WATCHDOG=1\nSTATUS=temporal-worker starting", heard(t, socket))
	cancel()
	last := heard(t, socket)
	for strings.HasPrefix(last, "WATCHDOG=1") {
		last = heard(t, socket)
	}
	require.Equal(t, "STOPPING=1\nSTATUS=stopping", last)
	require.NoError(t, <-ended)
}

func TestSummary(t *testing.T) {
	require.Equal(t, "all parts work", summary(supervise.Health{Parts: map[string]supervise.Mark{"a": {Status: supervise.Healthy}}}))
	require.Equal(t, "a failed, b starting", summary(supervise.Health{Parts: map[string]supervise.Mark{
		"b": {Status: supervise.Starting}, "a": {Status: supervise.Failed}, "c": {Status: supervise.Healthy},
		"service-manager": {Status: supervise.Starting},
	}}))
}

func TestNobodyIsToldWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	parts := (&process{}).notified([]supervise.Part{{Name: "http-server"}})
	require.Equal(t, "http-server", names(parts))
}
