package chain

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// span is one restart by the service's own log, in seconds since 1970.
type span struct {
	service    string
	begin, end float64
}

// Of three services that die at once, one at a time is restarted, and the next
// one only when this one has been found well.
func TestOneRestartAtATime(t *testing.T) {
	t.Parallel()
	m := realtest.Systemd(t)
	names := []string{"bread", "butter", "jam"}
	var units []unit
	var services []service
	ends := map[string]string{}
	for _, name := range names {
		ends[name] = filepath.Join(t.TempDir(), "ends")
		u := newPatient(t, m, name, "ExecStartPre=/bin/sleep 1",
			fmt.Sprintf("ExecStartPost=/bin/sh -c 'date +%%%%s.%%%%N >> %s'", ends[name]))
		units, services = append(units, u), append(services, u.service(m.Socket()))
	}
	d := deploy(t, "limits: {concurrent_restarts: 1}", services...)
	for _, u := range units {
		u.hurt(syscall.SIGKILL)
	}

	var spans []span
	held := 0
	for n, name := range names {
		i := d.resolved(name)
		require.Equal(t, "healed", i.Outcome, name)
		require.Equal(t, 1, i.Restarts, name)
		d.receiver.requireRecovery(name, i)
		if _, ok := i.find("decision", "held: 1 of 1 restarts at the same time: "); ok {
			held++
		}
		begin, end := stamps(t, units[n].starts), stamps(t, ends[name])
		require.Len(t, begin, 2, "starts of %s", name)
		require.Len(t, end, 2, "starts of %s that succeeded", name)
		spans = append(spans, span{name, begin[1], end[1]})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.begin, b.begin) })
	for n := range spans[1:] {
		require.Greater(t, spans[n+1].begin-spans[n].end, settle.Seconds(), "between two restarts: %+v", spans)
	}
	require.Positive(t, held, "incidents that were held")
}
