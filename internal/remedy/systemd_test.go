package remedy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/realtest"
	"paramedic/internal/remedy"
)

const (
	app = "app.service"
	// ignoresStop makes systemd ask a service to stop by a signal that does
	// nothing to it, so that stopping takes until TimeoutStopSec.
	ignoresStop = "KillSignal=SIGWINCH\n"
)

// counted is a unit that writes a line for each of its starts.
type counted struct {
	*realtest.Machine
	starts string
}

// newCounted starts a systemd with a unit app.service, whose service section
// gets the extra lines.
func newCounted(t *testing.T, extra string) counted {
	t.Helper()
	m := counted{realtest.Systemd(t), filepath.Join(t.TempDir(), "starts")}
	m.AddUnit(app, fmt.Sprintf(`[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh -c 'echo start >> %s; exec sleep infinity'
%s
`, m.starts, extra))
	m.Start(app)
	m.awaitStarts(t, 1)
	return m
}

func (m counted) count() int {
	text, _ := os.ReadFile(m.starts)
	return strings.Count(string(text), "start\n")
}

func (m counted) awaitStarts(t *testing.T, want int) {
	t.Helper()
	require.Eventually(t, func() bool { return m.count() >= want }, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, want, m.count(), "starts of the unit")
}

// options are those for the unit on this systemd.
func (m counted) options() *remedy.Systemd { return restartOf(m.Machine, app) }

func restartOf(m *realtest.Machine, unit string) *remedy.Systemd {
	return &remedy.Systemd{Unit: unit, Timeout: health.Duration(20 * time.Second), Socket: m.Socket()}
}

func TestSystemdRestartsOnce(t *testing.T) {
	t.Parallel()
	m := newCounted(t, "")
	before, pid := m.InvocationID(app), m.MainPID(app)

	checkpoint := fresh(t)
	treatment := apply(t, m.options(), checkpoint)

	after := m.InvocationID(app)
	require.NotEqual(t, before, after)
	require.Equal(t, health.Applied, treatment.Effect)
	require.Regexp(t, `^restarted app\.service in [0-9.]+m?s \(invocation `+after[:8]+`\)$`, treatment.Detail)
	require.NotEqual(t, pid, m.MainPID(app))
	m.awaitStarts(t, 2)

	saved, err := os.ReadFile(checkpoint.path)
	require.NoError(t, err)
	require.Contains(t, string(saved), before, "the id before the restart is saved, not the one after")
}

func TestSystemdStartsWhatIsDown(t *testing.T) {
	t.Parallel()
	m := newCounted(t, "")
	m.Kill(app, syscall.SIGKILL)
	require.Eventually(t, func() bool { return m.State(app) == "failed" }, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, health.Applied, apply(t, m.options(), fresh(t)).Effect)
	require.Equal(t, "active", m.State(app))
	m.awaitStarts(t, 2) // or it is stopped before it has written its line
	m.Stop(app)
	require.Equal(t, health.Applied, apply(t, m.options(), fresh(t)).Effect)
	m.awaitStarts(t, 3)
}

func TestSystemdWaitsForAUnitThatIgnoresItsStop(t *testing.T) {
	t.Parallel()
	m := newCounted(t, ignoresStop+"TimeoutStopSec=1")
	start := time.Now()
	treatment := apply(t, m.options(), fresh(t))
	require.Equal(t, health.Applied, treatment.Effect, treatment.Detail)
	require.GreaterOrEqual(t, time.Since(start), time.Second)
	m.awaitStarts(t, 2)
}

func TestSystemdReportsWhatDoesNotEndInTime(t *testing.T) {
	t.Parallel()
	m := newCounted(t, ignoresStop+"TimeoutStopSec=60")
	options := m.options()
	options.Timeout = health.Duration(time.Second)
	checkpoint := fresh(t)
	treatment := apply(t, options, checkpoint)
	require.Equal(t, health.Failed, treatment.Effect)
	require.Equal(t, "restart of app.service failed: no result after 1s: unit is deactivating (stop-sigterm)", treatment.Detail)

	again := apply(t, options, checkpoint)
	require.Equal(t, health.Failed, again.Effect)
	require.Equal(t, "restart of app.service failed: the earlier restart is still under way after 1s: "+
		"unit is deactivating (stop-sigterm)", again.Detail)
	require.Equal(t, 1, m.count())
}

// How a start can fail, and what is said of it.
func TestSystemdReportsFailedStarts(t *testing.T) {
	t.Parallel()
	m := realtest.Systemd(t)
	// What an active unit wants is not forgotten when it is inactive.
	m.AddUnit("keeper.service", "[Unit]\nWants=test-kept.service\n[Service]\nExecStart=/bin/sleep infinity\n")
	m.Start("keeper.service")
	for _, test := range []struct{ name, unit, want string }{
		{"status", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 7'\n",
			"job failed: unit ended with exit-code, status 7"},
		{"signal", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'kill -9 $$$$'\n",
			"job failed: unit ended with signal, signal 9 (killed)"},
		{"start-timeout", "[Service]\nType=notify\nTimeoutStartSec=300ms\nExecStart=/bin/sleep infinity\n",
			"job failed: unit ended with timeout, signal 15 (terminated)"},
		{"dependency", "[Unit]\nRequires=test-status.service\nAfter=test-status.service\n[Service]\nExecStart=/bin/sleep infinity\n",
			"job dependency: unit is inactive (dead)"},
		{"program", "[Service]\nType=exec\nExecStart=/no/such/program\n",
			"job failed: unit ended with exit-code, status 203"},
		{"condition", "[Unit]\nConditionPathExists=/no/such/path\n[Service]\nExecStart=/bin/sleep infinity\n",
			"it does not run: a condition of the unit is not met, or it has ended at once"},
		{"kept", "[Unit]\nConditionPathExists=/no/such/path\n[Service]\nExecStart=/bin/sleep infinity\n",
			"systemd did not start it: a condition of the unit is not met"},
	} {
		unit := "test-" + test.name + ".service"
		m.AddUnit(unit, test.unit)
		treatment := apply(t, restartOf(m, unit), fresh(t))
		require.Equal(t, health.Failed, treatment.Effect, test.name)
		require.Equal(t, "restart of "+unit+" failed: "+test.want, treatment.Detail)
	}
}

func TestSystemdCannotRestartWhatIsNotThere(t *testing.T) {
	t.Parallel()
	m := realtest.Systemd(t)
	m.AddUnit("broken.service", "[Service]\nType=nonsense\n")
	m.AddUnit("shy.service", "[Unit]\nRefuseManualStart=yes\n[Service]\nExecStart=/bin/sleep infinity\n")
	units := filepath.Join(filepath.Dir(m.Socket()), "../systemd/system")
	require.NoError(t, os.Symlink("/dev/null", filepath.Join(units, "masked.service")))
	for unit, want := range map[string]string{
		"missing.service": "unit missing.service does not exist on this machine",
		"masked.service":  "unit masked.service is masked; allow it with: systemctl unmask masked.service",
		"broken.service":  "unit broken.service cannot be loaded (bad-setting)",
		"shy.service":     "the unit refuses to be started or stopped by hand",
	} {
		_, err := open(t, restartOf(m, unit)).Apply(t.Context(), remedy.Request{Checkpoint: fresh(t)})
		var final remedy.Final
		require.ErrorAs(t, err, &final, unit)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "restart "+unit+": ")
	}
}

func TestSystemdLeavesAloneWhatOthersRestarted(t *testing.T) {
	t.Parallel()
	m := newCounted(t, "Restart=on-failure\nRestartSec=0")
	lastFailure := time.Now()
	request := remedy.Request{LastFailure: lastFailure, Checkpoint: fresh(t)}

	m.Restart(app)
	m.awaitStarts(t, 2)
	treatment, err := open(t, m.options()).Apply(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, health.LeftAlone, treatment.Effect)
	require.Regexp(t, `^app\.service was restarted by somebody else at \d\d:\d\d:\d\d UTC, after the last failed probe; left alone$`,
		treatment.Detail)

	m.Kill(app, syscall.SIGKILL)
	m.awaitStarts(t, 3)
	require.Eventually(t, func() bool { return m.State(app) == "active" }, 10*time.Second, 5*time.Millisecond)
	treatment, err = open(t, m.options()).Apply(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, health.LeftAlone, treatment.Effect)
	require.Contains(t, treatment.Detail, "by systemd itself")
	require.Equal(t, 3, m.count())

	request.LastFailure = time.Now() // it failed again, after that restart
	treatment, err = open(t, m.options()).Apply(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, health.Applied, treatment.Effect)
	m.awaitStarts(t, 4)
}

// A unit that crashes again and again, with systemd waiting to start it, was
// not restarted by anybody.
func TestSystemdActsOnACrashLoop(t *testing.T) {
	t.Parallel()
	m := newCounted(t, "Restart=always\nRestartSec=60")
	lastFailure := time.Now()
	m.Kill(app, syscall.SIGKILL)
	require.Eventually(t, func() bool { return m.State(app) == "activating" }, 10*time.Second, 5*time.Millisecond)
	treatment, err := open(t, m.options()).Apply(t.Context(),
		remedy.Request{LastFailure: lastFailure, Checkpoint: fresh(t)})
	require.NoError(t, err)
	require.Equal(t, health.Applied, treatment.Effect)
	m.awaitStarts(t, 2)
}

func TestSystemdDoesNotActWithoutACheckpoint(t *testing.T) {
	t.Parallel()
	m := newCounted(t, "")
	before := m.InvocationID(app)
	_, err := open(t, m.options()).Apply(t.Context(), remedy.Request{Checkpoint: brokenCheckpoint{}})
	require.ErrorIs(t, err, errNotDurable)
	require.Equal(t, before, m.InvocationID(app))
}

func TestSystemdWithoutSystemdMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	options := &remedy.Systemd{Unit: app, Timeout: health.Duration(time.Second), Socket: t.TempDir() + "/none"}
	_, err := open(t, options).Apply(t.Context(), remedy.Request{Checkpoint: fresh(t)})
	require.ErrorContains(t, err, "restart app.service: connecting to systemd: ")
	var final remedy.Final
	require.NotErrorAs(t, err, &final)
}

func TestSystemdOptions(t *testing.T) {
	t.Parallel()
	for unit, want := range map[string]string{
		"nginx.service":                       "",
		"pg@15-main.service":                  "",
		`dev-disk\x2dby.swap`:                 "",
		"":                                    "has no name",
		"nginx":                               "write it in full, like nginx.service",
		"nginx*.service":                      "no globs",
		"a b.service":                         "is not a unit name",
		"../evil.service":                     "is not a unit name",
		"pg@.service":                         "is a template; name one instance of it, like pg@1.service",
		"user.slice":                          "lacks the suffix of a unit that can be restarted",
		strings.Repeat("x", 256) + ".service": "is not a unit name",
	} {
		found := problems((&remedy.Systemd{Unit: unit, Timeout: health.Duration(time.Second)}).Validate())
		if want == "" {
			require.Empty(t, found, unit)
			continue
		}
		require.Len(t, found, 1, unit)
		require.Contains(t, found[0], "unit: ")
		require.Contains(t, found[0], want)
	}
	require.Equal(t, []string{
		"timeout: 0s is too short; write at least 1s",
		`socket: "bus" is not an absolute path, like /run/dbus/system_bus_socket`,
	}, problems((&remedy.Systemd{Unit: app, Socket: "bus"}).Validate()))

	fresh := defaults[*remedy.Systemd](t, "systemd")
	fresh.Unit = app
	require.Equal(t, 90*time.Second, fresh.Timeout.Std())
	require.Greater(t, fresh.Limit(), 90*time.Second)
	require.Equal(t, "restart app.service", fresh.Title())
}
