package remedy_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/remedy"
)

func TestDockerGivesEvidence(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "inspect_running.json")
	serve := func(name string, code int) http.HandlerFunc {
		body := recorded(t, name)
		return func(w http.ResponseWriter, _ *http.Request) { fail(w, code, body) }
	}
	facts := "Status=running\nRestartCount=0\nStartedAt=2026-11-21T12:30:10Z\nFinishedAt=2026-11-21T12:30:10Z\n"
	e.logs = serve("logs_multiplexed.bin", 200)
	require.Equal(t, facts+"listening on :8080\nwarning: no peers\nbye\nlistening on :8080\nwarning: no peers",
		evidence(t, e.options(), 5))
	require.Equal(t, "stderr=1&stdout=1&tail=5", e.tail)

	e.logs = serve("logs_501.json", 501)
	require.Equal(t, facts+"log: the Docker Engine answers 501 Not Implemented: configured logging driver does not support reading",
		evidence(t, e.options(), 5))
	e.logs = serve("logs_tty.txt", 200)
	require.Equal(t, facts+"log: reading the log: the stream is not in frames", evidence(t, e.options(), 5))
	e.logs = func(http.ResponseWriter, *http.Request) {}
	require.Equal(t, facts+"log: no lines", evidence(t, e.options(), 5))

	e.become(t, "inspect_running_tty.json")
	e.logs = serve("logs_tty.txt", 200)
	require.Equal(t, "Status=running\nRestartCount=0\nStartedAt=2026-11-21T12:30:03Z\nlistening on :8080\nwarning: no peers",
		evidence(t, e.options(), 5))
	e.become(t, "inspect_unhealthy.json")
	require.Contains(t, evidence(t, e.options(), 5), "\nHealth=unhealthy FailingStreak=3\nHealthcheck=exit code -1: OCI runtime exec failed: ")
	e.become(t, "inspect_restarting.json")
	require.Contains(t, evidence(t, e.options(), 5), "Status=restarting\nExitCode=3\nRestartCount=6\n")

	options := e.options()
	options.Container = "nope"
	_, err := open(t, options).(remedy.Witness).Evidence(t.Context(), 5)
	require.ErrorContains(t, err, "has no container nope")
}

// A log full of long lines, and one that does not end.
func TestDockerEvidenceIsBounded(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "inspect_running.json")
	line := strings.Repeat("ä", 8000) + "\n"
	frame := append([]byte{1, 0, 0, 0, 0, 0, byte(len(line) >> 8), byte(len(line) & 0xff)}, line...)
	e.logs = func(w http.ResponseWriter, _ *http.Request) {
		for range 200 {
			_, _ = w.Write(frame)
		}
		_, _ = w.Write([]byte("\x02\x00\x00\x00\x00\x00\x00\x04end\n"))
	}
	text := evidence(t, e.options(), 200)
	require.LessOrEqual(t, len(text), 4<<10)
	require.Greater(t, len(text), 4<<10-4)
	require.True(t, strings.HasSuffix(text, "ä\nend"))

	e.logs = func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("\x01\x00\x00\x00\x00\x00\x00\x06begun\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	text, err := open(t, e.options()).(remedy.Witness).Evidence(ctx, 5)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(text, "\nbegun\nlog: reading the log: context deadline exceeded"), text)
}
