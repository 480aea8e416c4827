package realtest

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"
)

const (
	// jobLimit bounds what takes a second at most, on a machine that is busy
	// with other tests.
	jobLimit = 60 * time.Second
	// bootPause is the wait between two looks at a systemd that comes up.
	bootPause = 10 * time.Millisecond
)

//go:embed systemd.sh
var systemdScript string

// machines counts the systemds of this process, for names.
var machines atomic.Int64

// Machine is a real systemd, process 1 of namespaces of its own. Its services
// have the file system and the network of the machine, so that a test reaches
// them over loopback and shares files with them; their processes, units,
// control groups and /run are their own.
type Machine struct {
	t    testing.TB
	pid  int
	logs string
	bus  *systemd.Conn
	// journal is whether services write to the journal and not to files.
	journal bool
}

// Systemd starts a real systemd, without any units, and stops it and all its
// services when the test ends. It skips the test where that cannot be done:
// root, unshare, a systemd binary and the right to mount are needed.
func Systemd(t testing.TB) *Machine {
	t.Helper()
	binary := systemdBinary(t)
	m := &Machine{t: t, logs: t.TempDir()}
	m.boot(binary)
	m.connect()
	return m
}

// systemdBinary finds systemd, or skips the test.
func systemdBinary(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "a real systemd needs root")
	}
	if _, err := exec.LookPath("unshare"); err != nil {
		Skip(t, "unshare is not installed (Debian package util-linux)")
	}
	for _, path := range []string{"/usr/lib/systemd/systemd", "/lib/systemd/systemd"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	Skip(t, "systemd is not installed (Debian package systemd)")
	return ""
}

// boot runs the script and reads the process id that it prints.
func (m *Machine) boot(binary string) {
	m.t.Helper()
	name := fmt.Sprintf("paramedic-test-%d-%d", os.Getpid(), machines.Add(1))
	keeper := exec.Command("unshare", "--mount", "sh", "-c", systemdScript, "sh", name, binary)
	// In a session of its own it outlives an interrupt of the test for as long
	// as it needs to clean up.
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// A file and not a buffer: systemd would keep the pipe open.
	stderr, err := os.Create(m.stderrFile())
	require.NoError(m.t, err)
	defer stderr.Close()
	keeper.Stderr = stderr
	stdin, err := keeper.StdinPipe()
	require.NoError(m.t, err)
	stdout, err := keeper.StdoutPipe()
	require.NoError(m.t, err)
	require.NoError(m.t, keeper.Start())
	m.t.Cleanup(func() { shutDown(m.t, keeper, stdin) })

	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		Skip(m.t, "the namespaces of a systemd are refused here: %s", m.complaints())
	}
	m.pid, err = strconv.Atoi(strings.TrimSpace(line))
	require.NoError(m.t, err)
}

func (m *Machine) stderrFile() string { return filepath.Join(m.logs, "boot.stderr") }

// complaints is what the script has said against its work.
func (m *Machine) complaints() []byte {
	said, _ := os.ReadFile(m.stderrFile())
	return bytes.TrimSpace(said)
}

// shutDown ends the script's input, which makes it take down its systemd.
func shutDown(t testing.TB, keeper *exec.Cmd, stdin io.Closer) {
	_ = stdin.Close()
	timer := time.AfterFunc(startLimit, func() { _ = keeper.Process.Kill() })
	defer timer.Stop()
	if err := keeper.Wait(); err != nil && !t.Skipped() {
		t.Errorf("stopping the systemd of this test: %v", err)
	}
}

// connect waits until systemd answers and has reached its target.
func (m *Machine) connect() {
	m.t.Helper()
	var lastErr error
	ready := func() bool {
		var conn *systemd.Conn
		if conn, lastErr = systemd.NewConnection(m.dial); lastErr != nil {
			return false
		}
		var target *systemd.Property
		target, lastErr = conn.GetUnitPropertyContext(m.t.Context(), "paramedic.target", "ActiveState")
		if lastErr != nil || target.Value.Value() != "active" {
			conn.Close()
			return false
		}
		m.bus = conn
		return true
	}
	for deadline := time.Now().Add(startLimit); !ready(); time.Sleep(bootPause) {
		if time.Now().After(deadline) {
			require.FailNow(m.t, "systemd does not come up", "last error: %v\n%s", lastErr, m.complaints())
		}
	}
	m.t.Cleanup(m.bus.Close)
}

// dial opens one connection to systemd itself, without a bus between.
func (m *Machine) dial() (*dbus.Conn, error) {
	conn, err := dbus.Dial("unix:path=" + m.Socket())
	if err != nil {
		return nil, err
	}
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Getuid()))}); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// PID is the process id of this systemd, as the test sees it.
func (m *Machine) PID() int { return m.pid }

// Socket is the path of a D-Bus socket that leads to this systemd itself,
// without a bus between.
func (m *Machine) Socket() string { return m.path("/run/outside/private") }

// path makes a path inside of the machine usable from outside.
func (m *Machine) path(inside string) string {
	return filepath.Join("/proc", strconv.Itoa(m.pid), "root", inside)
}

// AddUnit writes a unit file and makes systemd read it. A later call with the
// same name replaces it. What a service prints is kept for Logs.
func (m *Machine) AddUnit(name, content string) {
	m.t.Helper()
	file := m.path(filepath.Join("/run/systemd/system", name))
	require.NoError(m.t, os.WriteFile(file, []byte(content), 0o644))
	if strings.HasSuffix(name, ".service") && !m.journal {
		require.NoError(m.t, os.MkdirAll(file+".d", 0o755))
		drop := fmt.Sprintf("[Service]\nStandardOutput=append:%s\nStandardError=inherit\n", m.logFile(name))
		require.NoError(m.t, os.WriteFile(filepath.Join(file+".d", "10-logs.conf"), []byte(drop), 0o644))
	}
	ctx, cancel := context.WithTimeout(context.Background(), jobLimit)
	defer cancel()
	require.NoError(m.t, m.bus.ReloadContext(ctx), "daemon-reload for unit %s", name)
}

// Start starts a unit and waits until systemd has done so.
func (m *Machine) Start(unit string) {
	m.t.Helper()
	m.job("start", unit, m.bus.StartUnitContext)
}

// Stop stops a unit and waits until systemd has done so.
func (m *Machine) Stop(unit string) {
	m.t.Helper()
	m.job("stop", unit, m.bus.StopUnitContext)
}

// Restart restarts a unit and waits until systemd has done so.
func (m *Machine) Restart(unit string) {
	m.t.Helper()
	m.job("restart", unit, m.bus.RestartUnitContext)
}

// FailToRestart restarts a unit, and expects that systemd does not succeed.
func (m *Machine) FailToRestart(unit string) {
	m.t.Helper()
	require.Equal(m.t, "failed", m.result("restart", unit, m.bus.RestartUnitContext), "restart %s", unit)
}

// ResetFailed forgets that a unit has failed and how often it was started.
func (m *Machine) ResetFailed(unit string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), jobLimit)
	defer cancel()
	require.NoError(m.t, m.bus.ResetFailedUnitContext(ctx, unit), "reset-failed %s", unit)
}

type jobFunc func(ctx context.Context, unit, mode string, done chan<- string) (int, error)

func (m *Machine) job(verb, unit string, enqueue jobFunc) {
	m.t.Helper()
	require.Equal(m.t, "done", m.result(verb, unit, enqueue), "%s %s; it printed:\n%s", verb, unit, m.Logs(unit))
}

// result waits for the end of a job: done, failed, timeout ...
func (m *Machine) result(verb, unit string, enqueue jobFunc) string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), jobLimit)
	defer cancel()
	done := make(chan string, 1)
	_, err := enqueue(ctx, unit, "replace", done)
	require.NoError(m.t, err, "%s %s", verb, unit)
	select {
	case result := <-done:
		return result
	case <-ctx.Done():
		require.FailNow(m.t, "no end of the job", "%s %s", verb, unit)
		return ""
	}
}

// Kill sends a signal to the main process of a service.
func (m *Machine) Kill(unit string, signal syscall.Signal) {
	m.t.Helper()
	require.NoError(m.t, syscall.Kill(m.MainPID(unit), signal), "signal %v to %s", signal, unit)
}

// MainPID is the process id of a service's main process as the test sees it,
// good for signals and /proc; the service itself sees another one.
func (m *Machine) MainPID(unit string) int {
	m.t.Helper()
	inside, _ := m.property(unit, "MainPID").(uint32)
	require.NotZero(m.t, inside, "%s has no main process", unit)
	pid, err := outerPID(m.pid, int(inside))
	require.NoError(m.t, err, "main process of %s", unit)
	return pid
}

// InvocationID identifies the present or last run of a unit; it changes with
// every start.
func (m *Machine) InvocationID(unit string) string {
	m.t.Helper()
	id, _ := m.property(unit, "InvocationID").([]byte)
	return hex.EncodeToString(id)
}

// State is a unit's ActiveState: active, activating, deactivating, failed ...
func (m *Machine) State(unit string) string {
	m.t.Helper()
	state, _ := m.property(unit, "ActiveState").(string)
	return state
}

// property reads one property of a unit; nil where the unit has none of it.
func (m *Machine) property(unit, name string) any {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), jobLimit)
	defer cancel()
	all, err := m.bus.GetAllPropertiesContext(ctx, unit)
	require.NoError(m.t, err, "properties of %s", unit)
	return all[name]
}

// Logs is what a service has printed so far, over all its runs.
func (m *Machine) Logs(unit string) string {
	m.t.Helper()
	text, err := os.ReadFile(m.logFile(unit))
	if !os.IsNotExist(err) {
		require.NoError(m.t, err)
	}
	return string(text)
}

func (m *Machine) logFile(unit string) string { return filepath.Join(m.logs, unit+".log") }
