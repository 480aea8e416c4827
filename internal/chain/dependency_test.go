package chain

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// A service is left alone while one that it depends on is down, and people hear
// of both in the alerts of that one. Once it is back, the other is treated.
func TestDependencyIsDown(t *testing.T) {
	t.Parallel()
	m := realtest.Systemd(t)
	const base = "database"
	database, u := newPatient(t, m, base), newPatient(t, m, site)
	below, above := database.service(m.Socket()), u.service(m.Socket())
	below.remediation = ""
	above.more = []string{"depends_on: [" + base + "]"}
	d := deploy(t, "", below, above)

	database.hurt(syscall.SIGSTOP)
	d.says(base, "opened", "incident ")
	u.hurt(syscall.SIGKILL)
	d.says(site, "decision", "held: "+base+", which this depends on, is down")
	d.says(site, "alert", "told with the alert of "+base)
	d.says(base, "note", "also down: "+site)
	d.await("one alert names both", func() bool {
		return slices.ContainsFunc(d.receiver.accepted(base, "down"), func(n notice) bool {
			return slices.Equal(n.Body.Affected, []string{site})
		})
	})
	require.Equal(t, 1, u.started(t), "starts of the unit while its dependency is down")
	require.Empty(t, d.receiver.about(site, "down"))

	up := time.Now()
	database.hurt(syscall.SIGCONT)
	lower, upper := d.resolved(base), d.resolved(site)
	require.Equal(t, []string{"recovered", "healed"}, []string{lower.Outcome, upper.Outcome})
	require.Equal(t, 2, u.started(t), "starts of the unit")
	attempt, ok := upper.find("attempt", "attempt 1: ")
	require.True(t, ok)
	require.False(t, attempt.At.Before(up), "treated at %s, before its dependency was up at %s", attempt.At, up)
	d.receiver.requireRecovery(site, upper)
	d.await("both are told to be back", func() bool { return len(d.receiver.accepted(base, "recovered")) > 0 })
	require.Empty(t, d.receiver.about(site, "down"))
}
