package systemd

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// limit bounds what takes a second, on a machine that is busy with other tests.
const limit = 60 * time.Second

// home is where the unit of a test finds what it needs; PrivateTmp hides /tmp.
type home struct {
	dir, state, listen string
}

// install puts a worker, its configuration and a secret into a directory. There
// is no Temporal cluster at the address in the environment.
func install(t *testing.T) home {
	t.Helper()
	dir, err := os.MkdirTemp("/opt", "paramedic-test-")
	require.NoError(t, err)
	h := home{dir: dir, state: filepath.Base(dir), listen: realtest.FreeAddress(t)}
	t.Cleanup(func() {
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.RemoveAll(filepath.Join("/var/lib", h.state)))
	})
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
	for name, text := range map[string]string{
		"environment":     "TEMPORAL_ADDRESS=127.0.0.1:1\n",
		"secrets/webhook": "token-of-the-test\n",
		"paramedic.yml": "http: {listen: \"" + h.listen + "\"}\n" +
			"services: [{name: x, probe: {tcp: {address: \"127.0.0.1:1\"}}, alerts: [ops]}]\n" +
			"alerts: {ops: {webhook: {url: \"http://127.0.0.1:1/\", token: {file: secret_webhook}}}}\n",
	} {
		mode := os.FileMode(0o600) // only systemd, as root, reads it
		if name == "paramedic.yml" {
			mode = 0o644
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), mode))
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "noembed", "-ldflags=-s -w", "-o", filepath.Join(dir, "worker"), "../../worker")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return h
}

// unit is the shipped unit with the places of this test, and a user and group
// that every system has.
func (h home) unit(t *testing.T) string {
	t.Helper()
	return strings.NewReplacer(
		"/usr/local/bin/worker", filepath.Join(h.dir, "worker"), "/etc/paramedic", h.dir,
		"/var/lib/paramedic", "/var/lib/"+h.state, "StateDirectory=paramedic", "StateDirectory="+h.state,
		"User=paramedic", "User=nobody", "Group=paramedic", "Group=nogroup",
		"WatchdogSec=1min", "WatchdogSec=2", "RestartSec=5", "RestartSec=100ms",
	).Replace(read(t, workerUnit))
}

// The worker does its work locked up as the unit says: systemd sees that it is
// ready though Temporal is away, it has no rights, and it reads the secret that
// nobody else can. One that hangs is started again. It stops when asked.
func TestWorkerUnderSystemd(t *testing.T) {
	m := realtest.Systemd(t)
	// A systemd outside of containers does this itself; credentials need it.
	share := exec.CommandContext(t.Context(), "nsenter", "-t", strconv.Itoa(m.PID()), "-m", "mount", "-n", "--make-rshared", "/")
	output, err := share.CombinedOutput()
	require.NoError(t, err, "%s", output)
	h := install(t)
	m.AddUnit(workerUnit, h.unit(t))
	m.Start(workerUnit) // returns once the worker has said that it is ready

	answer, err := http.Get("http://" + h.listen + "/healthz")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode, "Temporal is away")
	status := read(t, fmt.Sprintf("/proc/%d/status", m.MainPID(workerUnit)))
	for _, line := range []string{"CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "Umask:\t0077"} {
		require.Contains(t, status, "\n"+line+"\n")
	}
	require.NotContains(t, m.Logs(workerUnit), "token-of-the-test")
	require.FileExists(t, filepath.Join("/var/lib", h.state, "paramedic.db"))

	before := m.InvocationID(workerUnit)
	m.Kill(workerUnit, syscall.SIGSTOP)
	require.Eventually(t, func() bool {
		return m.InvocationID(workerUnit) != before && m.State(workerUnit) == "active"
	}, limit, 50*time.Millisecond, "a worker that hangs is started again")

	m.Stop(workerUnit)
	require.Contains(t, m.Logs(workerUnit), "stopping: what is being carried out finishes")
}
