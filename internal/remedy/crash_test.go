package remedy_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/realtest"
	"paramedic/internal/remedy"
)

// The worker is killed at every stage of an attempt, and the attempt is taken
// up again: one restart takes effect.
func TestSystemdRestartsOnceThoughTheWorkerDies(t *testing.T) {
	t.Parallel()
	for _, stage := range []struct {
		name, hang, extra string
		want              health.Effect
		reached           func(t *testing.T, m counted, output io.Reader)
	}{
		{name: "before it asked", hang: "saved", want: health.Applied,
			reached: func(t *testing.T, _ counted, output io.Reader) { awaitLine(t, output, "hanging") }},
		{name: "while the unit stops", extra: "KillSignal=SIGWINCH\nTimeoutStopSec=1", want: health.AlreadyApplied,
			reached: func(t *testing.T, m counted, _ io.Reader) { awaitState(t, m, "deactivating") }},
		{name: "while the unit starts", extra: "ExecStartPost=/bin/sleep 1", want: health.AlreadyApplied,
			reached: func(t *testing.T, m counted, _ io.Reader) { awaitState(t, m, "activating") }},
		{name: "after it was done", hang: "applied", want: health.AlreadyApplied,
			reached: func(t *testing.T, _ counted, output io.Reader) { awaitLine(t, output, "hanging") }},
	} {
		t.Run(stage.name, func(t *testing.T) {
			t.Parallel()
			m := newCounted(t, stage.extra)
			checkpoint := fresh(t)
			output, kill := attempt{Unit: app, Socket: m.Socket(), Checkpoint: checkpoint.path, Hang: stage.hang}.start(t)
			stage.reached(t, m, output)
			kill()

			treatment := apply(t, m.options(), checkpoint)
			require.Equal(t, stage.want, treatment.Effect, treatment.Detail)
			require.Equal(t, "active", m.State(app))
			m.awaitStarts(t, 2)

			id := m.InvocationID(app)
			require.Equal(t, health.AlreadyApplied, apply(t, m.options(), checkpoint).Effect)
			require.Equal(t, id, m.InvocationID(app))
		})
	}
}

// The earlier restart took effect, and the unit did not survive it.
func TestSystemdReportsThatAnEarlierRestartDidNotHelp(t *testing.T) {
	t.Parallel()
	m := newCounted(t, "")
	checkpoint := fresh(t)
	require.Equal(t, health.Applied, apply(t, m.options(), checkpoint).Effect)
	m.awaitStarts(t, 2)
	m.Kill(app, syscall.SIGKILL)
	awaitState(t, m, "failed")
	treatment := apply(t, m.options(), checkpoint)
	require.Equal(t, health.Failed, treatment.Effect)
	require.Equal(t, "restart of app.service failed: the earlier restart took effect, "+
		"but unit ended with signal, signal 9 (killed)", treatment.Detail)
	require.Equal(t, 2, m.count())
}

// A connection that breaks while systemd works is worth another try, and that
// one finds the restart done.
func TestSystemdSurvivesALostConnection(t *testing.T) {
	t.Parallel()
	m := newCounted(t, ignoresStop+"TimeoutStopSec=1")
	m.AddUnit("second.socket", "[Socket]\nListenStream=/run/second/private\n")
	m.AddUnit("second.service", "[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd /run/systemd/private\n")
	m.Start("second.socket")
	options := m.options()
	options.Socket = filepath.Join(filepath.Dir(m.Socket()), "../second/private")
	r, checkpoint := open(t, options), fresh(t)

	outcome := make(chan error, 1)
	go func() {
		_, err := r.Apply(t.Context(), remedy.Request{Checkpoint: checkpoint})
		outcome <- err
	}()
	awaitState(t, m, "deactivating")
	m.Kill("second.service", syscall.SIGKILL)
	err := <-outcome
	require.EqualError(t, err,
		"restart app.service: the connection to systemd was lost while the restart was under way")
	require.Equal(t, health.AlreadyApplied, apply(t, options, checkpoint).Effect)
	m.awaitStarts(t, 2)
}

// Nobody can tell whether a unit that runs once did so when systemd has
// forgotten it: it is not run a second time.
func TestSystemdRunsAOneshotOnceThoughTheWorkerDies(t *testing.T) {
	t.Parallel()
	m := counted{realtest.Systemd(t), filepath.Join(t.TempDir(), "starts")}
	m.AddUnit(app, fmt.Sprintf("[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo start >> %s'\n", m.starts))
	checkpoint := fresh(t)
	require.Equal(t, health.Applied, apply(t, m.options(), checkpoint).Effect)
	require.Eventually(t, func() bool { return m.InvocationID(app) == "" }, 10*time.Second, time.Millisecond)

	treatment := apply(t, m.options(), checkpoint)
	require.Equal(t, health.Uncertain, treatment.Effect)
	require.Regexp(t, `^an earlier try was about to run app\.service at \d\d:\d\d:\d\d UTC, `+
		`and systemd has since forgotten whether it ran; not run again$`, treatment.Detail)
	require.Equal(t, 1, m.count())
	require.Equal(t, health.Applied, apply(t, m.options(), fresh(t)).Effect, "the next attempt runs it")
	require.Equal(t, 2, m.count())
}

// A command whose worker died ends with it, as far as the system can see to
// that, and is not run again.
func TestExecRunsOnceThoughTheWorkerDies(t *testing.T) {
	t.Parallel()
	runs := filepath.Join(t.TempDir(), "runs")
	for _, hang := range []string{"saved", "", "applied"} {
		checkpoint := fresh(t)
		require.NoError(t, os.WriteFile(runs, nil, 0o600))
		command := []string{"/bin/sh", "-c", `echo run >> "$0"`, runs}
		if hang == "" { // the command is cut off in the middle
			command[2] += "; echo $$ >> $0; exec sleep 60"
		}
		var pid int
		output, kill := attempt{Command: command, Checkpoint: checkpoint.path, Hang: hang}.start(t)
		if hang == "" {
			pid = awaitPID(t, runs)
			t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
		} else {
			awaitLine(t, output, "hanging")
		}
		kill()
		if hang == "" && runtime.GOOS == "linux" {
			awaitGone(t, pid)
		}
		before, err := os.ReadFile(runs)
		require.NoError(t, err)

		treatment := apply(t, &remedy.Exec{Command: command, Timeout: health.Duration(time.Minute)}, checkpoint)
		require.Equal(t, health.Uncertain, treatment.Effect)
		require.Regexp(t, `^sh was started at \d\d:\d\d:\d\d UTC, and the worker ended while it ran; not run again$`, treatment.Detail)
		after, err := os.ReadFile(runs)
		require.NoError(t, err)
		require.Equal(t, string(before), string(after))
	}
}

func awaitState(t *testing.T, m counted, state string) {
	t.Helper()
	require.Eventually(t, func() bool { return m.State(app) == state }, 20*time.Second, time.Millisecond, "unit %s", state)
}

func awaitLine(t *testing.T, output io.Reader, want string) {
	t.Helper()
	var said []string
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if lines.Text() == want {
			return
		}
		said = append(said, lines.Text())
	}
	require.FailNow(t, "the attempt ended early", strings.Join(said, "\n"))
}
