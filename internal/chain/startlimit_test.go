package chain

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// systemd itself refuses to start a unit again that has used up its starts.
// That is a guard against loops, which paramedic has itself: the limit is reset,
// that is written down, and the restart counts as one.
func TestUnitInItsStartLimit(t *testing.T) {
	t.Parallel()
	m := realtest.Systemd(t)
	u := newPatient(t, m, site, "[Unit]", "StartLimitIntervalSec=600", "StartLimitBurst=1")
	d := deploy(t, "", u.service(m.Socket()))
	u.hurt(syscall.SIGKILL)
	i := d.resolved(site)
	require.Equal(t, "healed", i.Outcome)
	require.Equal(t, []int{1, 1}, []int{i.Attempts, i.Restarts}, "attempts and restarts")
	_, said := i.find("attempt", "the start limit of site.service was reached (1 in 10m")
	require.True(t, said, "%+v", i.Timeline)
	require.Equal(t, 2, u.started(t), "starts of the unit")
	require.Equal(t, "active", u.State(u.name))
	d.receiver.requireRecovery(site, i)
}
