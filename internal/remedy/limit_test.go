package remedy_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// limited is a unit that systemd starts twice a minute and no more.
func limited(t *testing.T) counted {
	t.Helper()
	m := newCounted(t, "")
	m.AddUnit(app, fmt.Sprintf("[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=60\n"+
		"[Service]\nExecStart=/bin/sh -c 'echo start >> %s; exec sleep infinity'\n", m.starts))
	m.ResetFailed(app) // begins to count anew
	m.Stop(app)
	return m
}

const limitNote = "the start limit of app.service was reached (2 in 60s); reset-failed"

// systemd counts the restarts that are asked for, too: the one that is too many
// stops the service and fails to start it.
func TestSystemdRestartsPastTheStartLimit(t *testing.T) {
	t.Parallel()
	m := limited(t)
	m.Start(app)
	m.awaitStarts(t, 2)
	within := apply(t, m.options(), fresh(t))
	require.Equal(t, health.Applied, within.Effect, within.Detail)
	require.Empty(t, within.Notes)
	m.awaitStarts(t, 3)

	beyond := apply(t, m.options(), fresh(t))
	require.Equal(t, health.Applied, beyond.Effect, beyond.Detail)
	require.Equal(t, []string{limitNote}, beyond.Notes)
	require.Equal(t, "active", m.State(app))
	m.awaitStarts(t, 4)
}

// A unit that systemd has already given up.
func TestSystemdRestartsWhatHasReachedItsStartLimit(t *testing.T) {
	t.Parallel()
	m := limited(t)
	m.Start(app)
	m.Restart(app)
	m.FailToRestart(app)
	require.Equal(t, "failed", m.State(app))
	starts := m.count()

	checkpoint := fresh(t)
	treatment := apply(t, m.options(), checkpoint)
	require.Equal(t, health.Applied, treatment.Effect, treatment.Detail)
	require.Equal(t, []string{limitNote}, treatment.Notes)
	m.awaitStarts(t, starts+1)
	require.Equal(t, health.AlreadyApplied, apply(t, m.options(), checkpoint).Effect)
}

// A service that was killed keeps that as its result, also when systemd then
// refuses to start it.
func TestSystemdRestartsWhatWasKilledAtItsStartLimit(t *testing.T) {
	t.Parallel()
	m := limited(t)
	m.Start(app)
	m.Restart(app)
	m.Kill(app, syscall.SIGKILL)
	require.Eventually(t, func() bool { return m.State(app) == "failed" }, 10*time.Second, 10*time.Millisecond)
	starts := m.count()

	treatment := apply(t, m.options(), fresh(t))
	require.Equal(t, health.Applied, treatment.Effect, treatment.Detail)
	require.Equal(t, []string{limitNote}, treatment.Notes)
	m.awaitStarts(t, starts+1)
}

// A unit that failed before and is not started now because of another one has
// not met its limit.
func TestSystemdTellsADependencyFromTheStartLimit(t *testing.T) {
	t.Parallel()
	m := newCounted(t, "")
	m.AddUnit("base.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n")
	m.AddUnit(app, "[Unit]\nRequires=base.service\nAfter=base.service\nStartLimitBurst=5\nStartLimitIntervalSec=60\n"+
		"[Service]\nExecStart=/bin/sleep infinity\n")
	m.Kill(app, syscall.SIGKILL)
	require.Eventually(t, func() bool { return m.State(app) == "failed" }, 10*time.Second, 10*time.Millisecond)
	treatment := apply(t, m.options(), fresh(t))
	require.Equal(t, health.Failed, treatment.Effect)
	require.Contains(t, treatment.Detail, "job dependency: ")
	require.Empty(t, treatment.Notes)
}
