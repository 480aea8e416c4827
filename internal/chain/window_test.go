package chain

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// window is a maintenance long enough for an incident to open within.
const window = 15 * time.Second

// In maintenance nothing is done and nobody is woken; what is down at its end
// is treated then.
func TestMaintenanceEnds(t *testing.T) {
	t.Parallel()
	m := realtest.Systemd(t)
	u := newPatient(t, m, site)
	d := deploy(t, "", u.service(m.Socket()))
	end := time.Now().Add(window).Truncate(time.Second)
	d.do("maintain", site, "--for", window.String(), "--by", "ana", "--reason", "moving house")
	u.hurt(syscall.SIGKILL)
	i, _ := d.says(site, "decision", "held: maintenance until ")
	require.Equal(t, "triggered", i.State)
	_, muted := i.find("alert", "nobody is told: maintenance until ")
	require.True(t, muted, "%+v", i.Timeline)
	require.Equal(t, 1, u.started(t), "starts of the unit in maintenance")

	i = d.resolved(site)
	require.Equal(t, "healed", i.Outcome)
	require.Equal(t, []int{1, 1}, []int{i.Attempts, i.Restarts}, "attempts and restarts")
	attempt, ok := i.find("attempt", "attempt 1: ")
	require.True(t, ok)
	require.False(t, attempt.At.Before(end), "treated at %s, before the end at %s", attempt.At, end)
	require.WithinDuration(t, end, attempt.At, 10*time.Second)
	require.GreaterOrEqual(t, stamps(t, u.starts)[1], float64(end.Unix()))
	d.receiver.requireRecovery(site, i) // it lasted longer than the maintenance
	for _, n := range d.receiver.all() {
		require.False(t, n.At.Before(end), "told at %s, before the end at %s: %+v", n.At, end, n.Body)
	}
}

// A silence mutes that a service is down, and never that it is back.
func TestSilence(t *testing.T) {
	t.Parallel()
	server := newProcess(t)
	d := deploy(t, "", service{name: site, probe: tcp(server)})
	d.do("silence", site, "--for", "10m", "--by", "ana", "--reason", "known")
	server.Kill()
	i, _ := d.says(site, "alert", "nobody is told: silence until ")
	require.Equal(t, "triggered", i.State)
	server.Start()
	i = d.resolved(site)
	require.Equal(t, "recovered", i.Outcome)
	d.receiver.requireRecovery(site, i)
	require.Equal(t, []string{"recovered"}, d.receiver.told())
}
