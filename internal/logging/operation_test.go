package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// operationLine is the line of an operation that took two seconds.
func operationLine(t *testing.T, options Options, incident string, err error) string {
	t.Helper()
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		log := New(&out, options)
		log.Mask([]string{"hunter22"})
		operation := Begin(log.Logger, "remediate", "redis", incident)
		time.Sleep(2*time.Second + 345678*time.Microsecond)
		operation.End(t.Context(), err, "redis: restarted redis-server.service", "effect", "applied")
	})
	return out.String()
}

func TestOperationThatSucceeds(t *testing.T) {
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(operationLine(t, Options{JSON: true}, "redis@1", nil)), &line))
	delete(line, "time")
	require.Equal(t, map[string]any{
		"level": "INFO", "msg": "redis: restarted redis-server.service", "operation": "remediate", "service": "redis",
		"incident": "redis@1", "duration": "2.346s", "success": true, "effect": "applied",
	}, line)
}

func TestOperationThatFails(t *testing.T) {
	var line map[string]any
	text := operationLine(t, Options{JSON: true}, "", errors.New("login with hunter22 refused"))
	require.NoError(t, json.Unmarshal([]byte(text), &line))
	require.Equal(t, "WARN", line["level"])
	require.Equal(t, false, line["success"])
	require.Equal(t, "login with *** refused", line["error"])
	require.NotContains(t, line, "incident")
}

func TestOperationForPeople(t *testing.T) {
	line := operationLine(t, Options{}, "", nil)
	require.Contains(t, line, "redis: restarted redis-server.service operation=remediate duration=2.346s success=true")
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
