package chain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// unit is a service that runs as a unit of a real systemd, which itself never
// restarts it. It writes down each of its starts.
type unit struct {
	*realtest.Machine
	realtest.Command
	name, starts string
}

// newUnit starts a service as a unit whose service section gets the extra
// lines, and returns it once it answers.
func newUnit(t *testing.T, m *realtest.Machine, name string, command realtest.Command, extra ...string) unit {
	t.Helper()
	u := unit{Machine: m, Command: command, name: name + ".service", starts: filepath.Join(t.TempDir(), "starts")}
	m.AddUnit(u.name, fmt.Sprintf(`[Unit]
StartLimitIntervalSec=0
[Service]
Restart=no
TimeoutStopSec=20
WorkingDirectory=%s
ExecStartPre=/bin/sh -c 'date +%%%%s.%%%%N >> %s'
ExecStart=%s
%s
`, u.Dir, u.starts, strings.Join(append([]string{u.Path}, u.Args...), " "), strings.Join(extra, "\n")))
	m.Start(u.name)
	return u
}

// newPatient starts a plain web service as a unit.
func newPatient(t *testing.T, m *realtest.Machine, name string, extra ...string) unit {
	t.Helper()
	address := realtest.FreeAddress(t)
	u := newUnit(t, m, name, realtest.Command{
		Addr: address, Path: program(t, "patient"), Args: []string{"serve", address}, Dir: t.TempDir(),
	}, extra...)
	await(t, name+" answers", func() bool { return u.look(t.Context()) == nil })
	return u
}

// newProcess starts a plain web service as a process of its own, which nobody
// but the test restarts.
func newProcess(t *testing.T) *realtest.Process {
	t.Helper()
	address := realtest.FreeAddress(t)
	return realtest.Run(t, realtest.Command{
		Addr: address, Path: program(t, "patient"), Args: []string{"serve", address}, Dir: t.TempDir(),
	})
}

// tcp probes a process by connecting to it.
func tcp(p *realtest.Process) string { return fmt.Sprintf("{tcp: {address: %q}}", p.Addr) }

// look is one look at the patient from outside.
func (u unit) look(ctx context.Context) error { return healthy(ctx, u.page()) }

func (u unit) page() string { return "http://" + u.Addr + "/health" }

// service is the configuration of a patient that is restarted through a D-Bus
// socket.
func (u unit) service(socket string) service {
	return service{
		name:        strings.TrimSuffix(u.name, ".service"),
		probe:       fmt.Sprintf("{http: {url: %q, expect: [\"status == 200\", \"body.status == 'healthy'\"]}}", u.page()),
		remediation: u.restart(socket),
	}
}

// restart is a remediation that restarts the unit.
func (u unit) restart(socket string) string {
	return fmt.Sprintf("{steps: [{systemd: {unit: %s, socket: %q}}]}", u.name, socket)
}

// hurt sends a signal to the service.
func (u unit) hurt(signal syscall.Signal) { u.Kill(u.name, signal) }

// started is the number of times that the unit was started.
func (u unit) started(t *testing.T) int {
	t.Helper()
	return len(stamps(t, u.starts))
}

// stamps reads the times in a file, in seconds since 1970, one in each line.
func stamps(t *testing.T, path string) []float64 {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var times []float64
	for _, line := range strings.Fields(string(text)) {
		seconds, err := strconv.ParseFloat(line, 64)
		require.NoError(t, err)
		times = append(times, seconds)
	}
	return times
}
