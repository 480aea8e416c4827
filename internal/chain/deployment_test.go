package chain

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

const (
	// soon is how long a condition may take on a busy machine; poll is the pause
	// between two looks.
	soon = 60 * time.Second
	poll = 50 * time.Millisecond
	// interval is the time between two probes of a service that is well.
	interval = 2 * time.Second
	// settle is the wait between a restart and the probe that verifies it.
	settle = 2 * time.Second
)

// workers are the places for workers at the same time: each carries a Temporal
// server, and too many on a small machine only slow one another down.
var workers = make(chan struct{}, 2)

// service is one entry of the configuration.
type service struct {
	name string
	// probe is the probe of the service, as YAML on one line.
	probe string
	// remediation is the same; empty means alert only.
	remediation string
	// more are further keys, each on a line of its own.
	more []string
}

// deployment is one paramedic: the worker's process, its configuration, and
// the receiver of its alerts.
type deployment struct {
	t        *testing.T
	worker   *realtest.Process
	receiver *receiver
	// file is the configuration, temporal the address of the embedded server.
	file, temporal string
}

// settings are what a configuration says beside its services: lines of their
// own, and receivers beside the one named ops.
type settings struct{ lines, receivers string }

// deploy writes the configuration, with extra lines in front, starts the
// worker on it, and returns once every service was found healthy.
func deploy(t *testing.T, extra string, services ...service) *deployment {
	t.Helper()
	return settings{lines: extra}.deploy(t, services...)
}

func (s settings) deploy(t *testing.T, services ...service) *deployment {
	t.Helper()
	d := s.begin(t, services...)
	d.await("every service is healthy", func() bool { return d.starter("status").code == 0 })
	return d
}

// begin starts the worker, and waits for no service.
func (s settings) begin(t *testing.T, services ...service) *deployment {
	t.Helper()
	workers <- struct{}{}
	t.Cleanup(func() { <-workers })
	dir := t.TempDir()
	d := &deployment{
		t: t, receiver: newReceiver(t), file: filepath.Join(dir, "paramedic.yml"), temporal: realtest.FreeAddress(t),
	}
	listen := realtest.FreeAddress(t)
	require.NoError(t, os.WriteFile(d.file, []byte(s.configuration(listen, d.receiver.url(), services)), 0o600))
	t.Cleanup(d.explain)
	d.worker = realtest.Run(t, realtest.Command{
		Addr: listen, Path: program(t, "worker"), Dir: dir,
		Args: []string{"--config", d.file, "--data", filepath.Join(dir, "data"), "--listen", listen,
			"--temporal-port", port(d.temporal), "--ui-port", port(realtest.FreeAddress(t)), "--verbose"},
		Ready: func(ctx context.Context) error { return healthy(ctx, "http://"+listen+"/healthz") },
	})
	return d
}

func (s settings) configuration(listen, receiver string, services []service) string {
	var text strings.Builder
	fmt.Fprintf(&text, `http: {listen: %q}
%s
defaults:
  interval: %s
  retry_interval: 1s
  timeout: 1s
  alerts: [ops]
  remediation: {settle: %s, backoff: [5s]}
alerts:
  ops: {webhook: {url: %q, token: %q, timeout: 20s}}
%s
services:
`, listen, s.lines, interval, settle, receiver, receiverToken, s.receivers)
	for _, service := range services {
		fmt.Fprintf(&text, "  - name: %s\n    probe: %s\n", service.name, service.probe)
		if service.remediation != "" {
			fmt.Fprintf(&text, "    remediation: %s\n", service.remediation)
		}
		for _, line := range service.more {
			fmt.Fprintf(&text, "    %s\n", line)
		}
	}
	return text.String()
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// healthy asks for a page and fails unless it is good.
func healthy(ctx context.Context, url string) error {
	status, err := get(ctx, url)
	if err == nil && status != http.StatusOK {
		return errors.New(http.StatusText(status))
	}
	return err
}

// get asks for a page, on a connection of its own, and returns its status.
func get(ctx context.Context, url string) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// explain adds to a failure what the worker and the receiver saw.
func (d *deployment) explain() {
	if !d.t.Failed() || d.worker == nil {
		return
	}
	const limit = 20 << 10
	log := strings.Join(slices.DeleteFunc(strings.SplitAfter(d.worker.Log(), "\n"), func(line string) bool {
		return strings.Contains(line, " DBG ")
	}), "")
	d.t.Logf("the worker's log:\n%s", log[max(0, len(log)-limit):])
	for _, n := range d.receiver.all() {
		d.t.Logf("the receiver got %+v", n)
	}
}

// await looks again and again until a condition holds, and ends the test when
// it does not.
func (d *deployment) await(what string, done func() bool) {
	d.t.Helper()
	await(d.t, what, done)
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !done(); time.Sleep(poll) {
		if time.Now().After(deadline) {
			require.FailNow(t, "in vain for "+soon.String(), "waited until %s", what)
		}
	}
}
