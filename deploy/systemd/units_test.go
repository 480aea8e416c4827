package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

const (
	workerUnit = "paramedic.service"
	agentUnit  = "paramedic-agent.service"
	// exposure is the most that systemd-analyze may find, in tenths of its scale
	// of 10. What is left is what a prober needs: networks and local sockets.
	exposure = "15"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// analyze runs systemd-analyze on a copy of a unit whose program exists.
func analyze(t *testing.T, unit string, args ...string) string {
	t.Helper()
	program := realtest.Binary(t, "systemd-analyze", "apt-get install systemd")
	copied := filepath.Join(t.TempDir(), unit)
	worker := filepath.Join(filepath.Dir(copied), "worker")
	require.NoError(t, os.WriteFile(worker, []byte("#!/bin/sh\n"), 0o755))
	require.NoError(t, os.WriteFile(copied, []byte(strings.ReplaceAll(read(t, unit), "/usr/local/bin/worker", worker)), 0o644))
	output, err := exec.CommandContext(t.Context(), program, append(args, copied)...).CombinedOutput()
	require.NoError(t, err, "%s", output)
	return string(output)
}

// systemd understands every line of the units, and finds them well locked up.
func TestUnitsByTheBook(t *testing.T) {
	for _, unit := range []string{workerUnit, agentUnit} {
		require.Empty(t, analyze(t, unit, "verify", "--man=no"), unit)
		t.Log(analyze(t, unit, "security", "--offline=yes", "--threshold="+exposure))
	}
}

// The agent is locked up like the worker; it differs in what it runs, and in
// that it cannot do without a cluster.
func TestUnitsAreAlike(t *testing.T) {
	differ := regexp.MustCompile(`(?m)^(#.*|Description=.*|ExecStart=.*|EnvironmentFile=.*)\n`)
	require.Equal(t, differ.ReplaceAllString(read(t, workerUnit), ""), differ.ReplaceAllString(read(t, agentUnit), ""))
	require.Contains(t, read(t, workerUnit), "\nEnvironmentFile=-/etc/paramedic/environment\n")
	require.Contains(t, read(t, agentUnit), "\nEnvironmentFile=/etc/paramedic/environment\n")
	require.Regexp(t, `(?m)^ExecStart=.* --agent --host %H `, read(t, agentUnit))
}

// The units give the worker flags that it has. The table in README.md is
// compared with --help by another test.
func TestUnitsUseFlagsThatExist(t *testing.T) {
	readme := read(t, "../../README.md")
	for _, unit := range []string{workerUnit, agentUnit} {
		flags := regexp.MustCompile(`--[a-z-]+`).FindAllString(regexp.MustCompile(`(?m)^ExecStart=.*$`).FindString(read(t, unit)), -1)
		require.True(t, slices.Contains(flags, "--config"), unit)
		for _, flag := range flags {
			require.Contains(t, readme, "\n| `"+flag+"` |", unit)
		}
	}
}

// The user of the units is the one that the rule knows, and that is made.
func TestUserIsTheSame(t *testing.T) {
	for _, unit := range []string{workerUnit, agentUnit} {
		require.Contains(t, read(t, unit), "\nUser=paramedic\n")
	}
	require.Contains(t, read(t, "paramedic.sysusers"), "\nu paramedic ")
	require.Contains(t, read(t, "50-paramedic.rules"), `subject.user !== "paramedic"`)
}
