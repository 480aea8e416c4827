package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var restart = Deed{Operation: "remediate", Service: "redis", Incident: "redis@1", Took: 2310 * time.Millisecond, Success: true}

// written is the line of a deed, without its time.
func written(t *testing.T, deed Deed, more ...any) map[string]any {
	t.Helper()
	var out bytes.Buffer
	log := New(&out, Options{JSON: true})
	log.Mask([]string{"hunter22"})
	log.Done(deed, "redis: systemd: applied", more...)
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	delete(line, "time")
	return line
}

func TestDeedForMachines(t *testing.T) {
	require.Equal(t, map[string]any{
		"level": "INFO", "msg": "redis: systemd: applied", "operation": "remediate", "service": "redis",
		"incident": "redis@1", "duration": 2.31, "success": true, "kind": "systemd",
	}, written(t, restart, "kind", "systemd"))
}

func TestDeedThatFailed(t *testing.T) {
	failed := restart
	failed.Incident, failed.Success = "", false
	line := written(t, failed, "error", errors.New("login with hunter22 refused"))
	require.Equal(t, []any{"WARN", false, "login with *** refused"}, []any{line["level"], line["success"], line["error"]})
	require.NotContains(t, line, "incident")
}

func TestDeedForPeople(t *testing.T) {
	var out bytes.Buffer
	New(&out, Options{}).Done(restart, "redis: systemd: applied")
	require.Empty(t, out.String(), "the workflow tells it")
	New(&out, Options{Verbose: true}).Done(restart, "redis: systemd: applied")
	require.Contains(t, out.String(), "redis: systemd: applied operation=remediate")
	require.Contains(t, out.String(), "duration=2.31s success=true")
}

// TestDurationsInJSON are seconds, wherever they stand.
func TestDurationsInJSON(t *testing.T) {
	var out bytes.Buffer
	log := New(&out, Options{JSON: true}).With("every", time.Minute)
	log.Info("x", slog.Group("g", "after", 1500*time.Millisecond))
	require.Contains(t, out.String(), `"every":60`)
	require.Contains(t, out.String(), `"after":1.5`)
}

func TestTextsCanBeMaskedElsewhere(t *testing.T) {
	log := New(&bytes.Buffer{}, Options{})
	require.Equal(t, "a hunter22", log.Redact("a hunter22"))
	log.Mask([]string{"hunter22"})
	require.Equal(t, "a ***", log.Redact("a hunter22"))
}

func TestTerseLeavesOutTheNumbersOfTraces(t *testing.T) {
	var out bytes.Buffer
	New(&out, Options{}).With("TraceID", "4bf9", "SpanID", "00f0").Info("redis: failure 1/3")
	require.NotContains(t, out.String(), "4bf9")
	out.Reset()
	New(&out, Options{JSON: true}).With("TraceID", "4bf9").Info("redis: failure 1/3")
	require.Contains(t, out.String(), "4bf9")
}
