package remedy_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/realtest"
	"paramedic/internal/remedy"
)

// nobody is Debian's user without any rights.
const nobody = 65534

// addBus gives the unit's systemd a real system bus and returns its socket,
// which every user can reach.
func addBus(t *testing.T, m counted) (socket string) {
	t.Helper()
	daemon := realtest.Binary(t, "dbus-daemon", "Debian package dbus")
	socket = filepath.Join(openDir(t), "system_bus_socket")
	m.AddUnit("dbus.socket", fmt.Sprintf("[Socket]\nListenStream=/run/dbus/system_bus_socket\nListenStream=%s\n", socket))
	m.AddUnit("dbus.service", fmt.Sprintf("[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\n"+
		"ExecStart=%s --system --address=systemd: --nofork --nopidfile --systemd-activation\n", daemon))
	m.Start("dbus.socket")
	m.Start("dbus.service")
	return socket
}

// openDir is a temporary directory that every user can enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "paramedic-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

func TestSystemdRestartsOverTheSystemBus(t *testing.T) {
	t.Parallel()
	m := newCounted(t, "")
	options := &remedy.Systemd{Unit: app, Timeout: health.Duration(20 * time.Second), Socket: addBus(t, m)}
	treatment := apply(t, options, fresh(t))
	require.Equal(t, health.Applied, treatment.Effect, treatment.Detail)
	m.awaitStarts(t, 2)
}

// A user without rights gets a final answer that says what to do: from the bus,
// and from the socket that is for root only.
func TestSystemdSaysThatAccessIsDenied(t *testing.T) {
	t.Parallel()
	m := newCounted(t, "")
	dir := openDir(t)
	binary := filepath.Join(dir, "attempt")
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, exec.Command("cp", self, binary).Run())
	require.NoError(t, os.Mkdir(filepath.Join(dir, "state"), 0o755))
	require.NoError(t, os.Chown(filepath.Join(dir, "state"), nobody, nobody))
	private := filepath.Join(dir, "private")
	require.NoError(t, os.WriteFile(private, nil, 0o600))

	for _, socket := range []string{addBus(t, m), private} {
		a := attempt{Unit: app, Socket: socket, Checkpoint: filepath.Join(dir, "state", filepath.Base(socket))}
		cmd := a.command(t, binary)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		output, _ := start(t, cmd)
		said, err := io.ReadAll(output)
		require.NoError(t, err)
		require.Contains(t, string(said), "final=true restart app.service: ")
		require.Contains(t, string(said), "run the worker as root, or allow its user the action "+
			"org.freedesktop.systemd1.manage-units for this unit in a polkit rule")
	}
	require.Equal(t, 1, m.count())
}
