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

var restart = Operation{Name: "remediate", Service: "redis", Incident: "redis@1", Took: 2310 * time.Millisecond}

// written is the line of an operation.
func written(options Options, operation Operation) string {
	var out bytes.Buffer
	log := New(&out, options)
	log.Mask([]string{"hunter22"})
	operation.Write(log.Logger, "redis: systemd: applied", "kind", "systemd")
	return out.String()
}

func TestOperationForMachines(t *testing.T) {
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(written(Options{JSON: true}, restart)), &line))
	delete(line, "time")
	require.Equal(t, map[string]any{
		"level": "INFO", "msg": "redis: systemd: applied", "operation": "remediate", "service": "redis",
		"incident": "redis@1", "duration": 2.31, "success": true, "kind": "systemd",
	}, line)
}

func TestOperationThatFailed(t *testing.T) {
	failed := Operation{Name: "alert", Service: "redis", Err: errors.New("login with hunter22 refused")}
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(written(Options{JSON: true}, failed)), &line))
	require.Equal(t, []any{"WARN", false, "login with *** refused"}, []any{line["level"], line["success"], line["error"]})
	require.NotContains(t, line, "incident")
	require.Contains(t, written(Options{}, failed), "refused", "people see what failed")
}

func TestOperationForPeople(t *testing.T) {
	require.Empty(t, written(Options{}, restart), "the workflow has told them")
	require.Contains(t, written(Options{Verbose: true}, restart), "redis: systemd: applied operation=remediate")
	require.Contains(t, written(Options{Verbose: true}, restart), "duration=2.31s success=true")
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
