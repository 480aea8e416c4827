package chain

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// Somebody terminates the Gatekeeper in the middle of a restart, while another
// service waits for its turn: that one holds until the first is through, and is
// treated then.
func TestGatekeeperIsTerminated(t *testing.T) {
	t.Parallel()
	m := realtest.Systemd(t)
	names := []string{"bread", "butter"}
	units, ends := map[string]unit{}, map[string]string{}
	var services []service
	for _, name := range names {
		ends[name] = filepath.Join(t.TempDir(), "ends")
		u := newPatient(t, m, name, "ExecStartPre=/bin/sleep 4",
			fmt.Sprintf("ExecStartPost=/bin/sh -c 'date +%%%%s.%%%%N >> %s'", ends[name]))
		units[name], services = u, append(services, u.service(m.Socket()))
	}
	d := deploy(t, "limits: {concurrent_restarts: 1}", services...)
	for _, name := range names {
		units[name].hurt(syscall.SIGKILL)
	}
	first := ""
	d.await("one is restarted and the other waits", func() bool {
		n := slices.IndexFunc(names, func(name string) bool { return units[name].started(t) == 2 })
		if n < 0 {
			return false
		}
		first = names[n]
		i, ok := d.incident(names[1-n])
		_, waits := i.find("decision", "held: 1 of 1 restarts at the same time: "+first)
		return ok && waits
	})
	require.NoError(t, d.dial().TerminateWorkflow(t.Context(), "gatekeeper/paramedic", "", "by hand"))

	for _, name := range names {
		i := d.resolved(name)
		require.Equal(t, "healed", i.Outcome, name)
		require.Equal(t, 1, i.Restarts, name)
		require.Equal(t, 2, units[name].started(t), "starts of %s", name)
		d.receiver.requireRecovery(name, i)
	}
	second := names[1-slices.Index(names, first)]
	ended, begun := stamps(t, ends[first])[1], stamps(t, units[second].starts)[1]
	require.Greater(t, begun-ended, settle.Seconds(), "between the two restarts")
}
