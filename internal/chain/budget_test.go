package chain

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// A service that dies again and again is restarted as often as the day allows,
// whatever becomes of the worker, until a human gives the budget back.
func TestBudgetOfTheDay(t *testing.T) {
	t.Parallel()
	m := realtest.Systemd(t)
	u := newPatient(t, m, site)
	service := u.service(m.Socket())
	service.remediation = "{settle: 1s, stable_for: 0s, limits: {per_incident: 9, incidents_per_hour: 0, restarts_per_day: 2}, " +
		service.remediation[1:]
	service.more = []string{"flapping: {high: 0}"}
	d := deploy(t, "", service)
	for n := range 2 {
		u.hurt(syscall.SIGKILL)
		d.await(fmt.Sprintf("incident %d is healed", n+1), func() bool {
			i, ok := d.incident(site)
			return ok && i.State == "resolved" && i.Restarts == 1 && d.count(site) == n+1
		})
		d.await("the incident is closed", func() bool { return d.starter("ack", site, "--by", "ana").code == 1 })
		d.worker.Kill()
		d.worker.Start()
		require.Equal(t, n+2, u.started(t), "starts of the unit")
	}

	u.hurt(syscall.SIGKILL)
	d.says(site, "decision", "held: 2 restarts in 24 h are used up, next at ")
	d.await("people are told", func() bool { return len(d.receiver.accepted(site, "down")) > 0 })
	held, ok := d.incident(site)
	require.True(t, ok)
	require.Equal(t, "triggered", held.State)
	require.Equal(t, []int{0, 0}, []int{held.Attempts, held.Restarts}, "attempts and restarts")
	require.Equal(t, 3, u.started(t), "starts of the unit")
	require.Equal(t, 3, d.count(site), "incidents")

	require.Contains(t, d.do("rearm", site, "--by", "ana"), " re-armed by ana: ")
	i := d.resolved(site)
	require.Equal(t, held.ID, i.ID)
	require.Equal(t, "healed", i.Outcome)
	require.Equal(t, 4, u.started(t), "starts of the unit")
}
