package realtest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

func TestSystemdRunsServices(t *testing.T) {
	t.Parallel()
	m := realtest.Systemd(t)
	m.AddUnit("sleeper.service", "[Service]\nExecStart=/bin/sh -c 'echo up; exec sleep infinity'\n")
	m.Start("sleeper.service")
	require.Eventually(t, func() bool { return m.Logs("sleeper.service") == "up\n" }, 5*time.Second, 10*time.Millisecond)

	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", m.MainPID("sleeper.service")))
	require.NoError(t, err)
	require.Equal(t, "sleep\x00infinity\x00", string(comm))

	first := m.InvocationID("sleeper.service")
	require.Len(t, first, 32)
	m.Restart("sleeper.service")
	require.NotEqual(t, first, m.InvocationID("sleeper.service"))

	m.Kill("sleeper.service", syscall.SIGKILL)
	require.Eventually(t, func() bool { return m.State("sleeper.service") == "failed" }, 5*time.Second, 10*time.Millisecond)
}

// Two machines at a time do not see one another, and nothing is left of either.
func TestSystemdLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	var pids []int
	var groups []string
	t.Run("two machines", func(t *testing.T) {
		for range 2 {
			m := realtest.Systemd(t)
			m.AddUnit("same-name.service", "[Service]\nExecStart=/bin/sleep infinity\n")
			m.Start("same-name.service")
			pids = append(pids, m.PID(), m.MainPID("same-name.service"))
			groups = append(groups, controlGroup(t, m.PID()))
		}
	})
	for _, pid := range pids {
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "process %d", pid)
	}
	after, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	require.Equal(t, string(mounts), string(after))
	for _, group := range groups {
		left, err := filepath.Glob("/sys/fs/cgroup/*/" + group)
		require.NoError(t, err)
		require.Empty(t, left)
		require.NoDirExists(t, "/sys/fs/cgroup/"+group)
	}
}

// controlGroup is the name of the group that was made for a systemd.
func controlGroup(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	require.NoError(t, err)
	name := regexp.MustCompile(`(?m)^0::.*(paramedic-test-[0-9-]+)`).FindSubmatch(text)
	require.NotNil(t, name, "%s", text)
	return string(name[1])
}
