package chain

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// A receiver that is away for the whole incident holds up nothing, and hears
// of it later, in order, although another worker is at work by then.
func TestReceiverThatIsAwayHearsOfItLater(t *testing.T) {
	t.Parallel()
	m := realtest.Systemd(t)
	sick := filepath.Join(t.TempDir(), "sick")
	u := newPatient(t, m, site, fmt.Sprintf("ExecStartPre=/bin/sh -c '! rm %s'", sick))
	service := u.service(m.Socket())
	service.remediation = "{settle: 1s, backoff: [1s], " + service.remediation[1:]
	d := deploy(t, "", service)
	witness := newWitness(t, u.look)

	d.receiver.close()
	require.NoError(t, os.WriteFile(sick, nil, 0o600)) // the first restart fails
	hurt := time.Now()
	u.hurt(syscall.SIGKILL)
	i := d.resolved(site)
	require.Equal(t, "healed", i.Outcome)
	require.Equal(t, []int{2, 2}, []int{i.Attempts, i.Restarts}, "attempts and restarts")
	require.Equal(t, 3, u.started(t), "starts of the unit")
	witness.requireTruth(t, site, hurt, i)

	d.await("the alerts are handed over", func() bool {
		i, _ := d.incident(site)
		_, left := i.find("alert", "alerts on their way when it closed: 2")
		return left
	})
	require.Zero(t, d.worker.Terminate(), "exit status")
	d.receiver.open()
	d.worker.Start()
	d.receiver.requireRecovery(site, i)
	var told []string
	for _, n := range d.receiver.all() {
		told = append(told, n.Body.Status)
	}
	require.Equal(t, "down recovered", strings.Join(told, " "))
	require.Equal(t, 1, d.count(site), "incidents")
}
