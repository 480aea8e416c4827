//go:build !noembed

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/operator"
)

// commandLine is the built starter with a configuration and a server.
type commandLine struct {
	t                     *testing.T
	binary, file, address string
}

// buildStarter compiles the command line as users do.
func buildStarter(t *testing.T, server *operator.Connection, configuration string) commandLine {
	t.Helper()
	dir := t.TempDir()
	c := commandLine{t: t, binary: filepath.Join(dir, "starter"), file: filepath.Join(dir, "paramedic.yml"), address: server.Address}
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", c.binary, "paramedic/starter").CombinedOutput()
	require.NoError(t, err, string(output))
	require.NoError(t, os.WriteFile(c.file, []byte(configuration), 0o600))
	return c
}

// run executes one command line and returns its exit code and what it wrote.
func (c commandLine) run(args ...string) (code int, stdout, stderr string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), soon)
	defer cancel()
	command := exec.CommandContext(ctx, c.binary, append(args, "--config", c.file, "--address", c.address)...)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(c.t, err)
	}
	return command.ProcessState.ExitCode(), out.String(), problems.String()
}

// read executes a command with --json and decodes its answer.
func (c commandLine) read(into any, args ...string) (code int) {
	c.t.Helper()
	code, out, problems := c.run(append(args, "--json")...)
	require.Empty(c.t, problems)
	require.NoError(c.t, json.Unmarshal([]byte(out), into), out)
	return code
}

// The command line as a user has it, from the first apply to the end of an
// outage, with its exit codes and the shape of its JSON.
func TestStarter(t *testing.T) {
	server, site := startServer(t), newWebsite(t)
	cfg := site.config(t, time.Second)
	startWorker(t, server, cfg)
	starter := buildStarter(t, server, site.text(time.Second))

	code, out, _ := starter.run("apply")
	require.Equal(t, 0, code)
	require.Equal(t, "created  site\n1 created, 0 changed, 0 unchanged, 0 deleted\n", out)
	var changes []map[string]any
	require.Equal(t, 0, starter.read(&changes, "apply"))
	require.Equal(t, []map[string]any{{"service": "site", "action": "unchanged", "detail": ""}}, changes)

	var status []map[string]any
	require.Eventually(t, func() bool { return starter.read(&status, "status") == 0 }, soon, poll)
	requireKeys(t, status[0], "service", "target", "state", "since", "last_probe_at", "latency_ms", "message", "streak")
	require.Equal(t, "healthy", status[0]["state"])

	code, out, problems := starter.run("incidents", "--json", "--service", "site")
	require.Equal(t, []any{0, "[]\n", ""}, []any{code, out, problems})
	code, _, problems = starter.run("ack", "site", "--by", "ana")
	require.Equal(t, []any{1, "\"site\" has no open incident, nor has any other service\n"}, []any{code, problems})
	code, out, problems = starter.run("pause", "site", "--by", "ana", "--note", "moving house")
	require.Equal(t, 0, code, problems)
	require.Contains(t, out, "moving house")
	code, _, problems = starter.run("resume", "site", "--by", "ana")
	require.Equal(t, 0, code, problems)
	code, out, problems = starter.run("probe-now", "site")
	require.Equal(t, 0, code, out+problems)

	t.Run("an outage", func(t *testing.T) { requireOutageInStarter(t, starter, site) })
}

func requireOutageInStarter(t *testing.T, starter commandLine, site *website) {
	site.broken.Store(true)
	var open []map[string]any
	require.Eventually(t, func() bool {
		starter.read(&open, "incidents", "--open")
		return len(open) == 1
	}, soon, poll)
	requireKeys(t, open[0], "service", "target", "state", "opened_at", "resolved_at", "downtime_seconds", "attempts",
		"outcome", "acknowledged_by", "workflow_id", "run_id")
	require.Nil(t, open[0]["resolved_at"])
	var status []map[string]any
	require.Equal(t, 1, starter.read(&status, "status"))
	code, out, problems := starter.run("ack", "site", "--by", "ana", "--note", "on it")
	require.Equal(t, 0, code, problems)
	require.Contains(t, out, "acknowledged by ana")

	site.broken.Store(false)
	var incident map[string]any
	require.Eventually(t, func() bool {
		return starter.read(&incident, "incident", fmt.Sprint(open[0]["run_id"])) == 0 && incident["state"] == "resolved"
	}, soon, poll)
	require.Equal(t, "ana", incident["acknowledged_by"])
	require.Positive(t, incident["downtime_seconds"])
	code, out, problems = starter.run("incident", fmt.Sprint(incident["id"]))
	require.Equal(t, 0, code, problems)
	require.Contains(t, out, "resolved, recovered")
	require.Contains(t, out, "+0.0s")
	require.Contains(t, out, "failure 1/3")
	t.Log("\n" + out)
}

func requireKeys(t *testing.T, object map[string]any, want ...string) {
	t.Helper()
	var keys []string
	for key := range object {
		keys = append(keys, key)
	}
	require.ElementsMatch(t, want, keys)
}
