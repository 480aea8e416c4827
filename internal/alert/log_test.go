package alert

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestLog(t *testing.T) {
	var out bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
	options := logs.Options()
	require.Empty(t, options.Validate())
	receiver, err := options.Open(nil)
	require.NoError(t, err)
	require.NoError(t, receiver.Send(t.Context(), one(down)))
	require.NoError(t, receiver.Send(t.Context(), one(recovered)))
	reminder := down
	reminder.Stage, reminder.News, reminder.Affected = health.AlertUpdate, "reminder: down for 1h 2m", []string{"api", "web"}
	require.NoError(t, receiver.Send(t.Context(), one(reminder)))
	require.NoError(t, receiver.Close())
	require.Equal(t, `level=ERROR msg="clickhouse is DOWN: row count 0 < 1 after 3 probes" severity=critical attempts=1 incident=clickhouse-20260319T142745
level=INFO msg="x/eu RECOVERED after 2m 15s: Connection refused after 3 retries" severity=warning attempts=2 incident=x-1 runbook=https://runbooks.example/x
level=ERROR msg="clickhouse is DOWN: row count 0 < 1 after 3 probes" severity=critical attempts=1 incident=clickhouse-20260319T142745 news="reminder: down for 1h 2m" affected="api, web"
`, out.String())
}

func TestKindsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range Kinds() {
		require.NotEmpty(t, kind.Doc, kind.Name)
		require.False(t, seen[kind.Name], "kind %s twice", kind.Name)
		seen[kind.Name] = true
	}
}

// one is a group of one alert.
func one(alert health.Alert) []health.Alert { return []health.Alert{alert} }
