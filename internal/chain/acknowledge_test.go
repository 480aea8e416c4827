package chain

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A human owns an open incident, by the command line or by a plain signal as
// any Temporal client can send it; a closed one is nobody's any more.
func TestAcknowledge(t *testing.T) {
	t.Parallel()
	server := newProcess(t)
	d := deploy(t, "", service{name: site, probe: tcp(server)})
	early := d.starter("ack", site, "--by", "ana")
	require.Equal(t, answer{code: 1, stderr: "\"site\" has no open incident, nor has any other service\n"}, early)

	server.Kill()
	d.await("the incident is open", func() bool {
		i, ok := d.incident(site)
		return ok && i.State == "triggered"
	})
	told := d.starter("ack", site, "--by", "ana", "--note", "on it")
	require.Zero(t, told.code, told.stderr)
	i, ok := d.incident(site)
	require.True(t, ok)
	require.Equal(t, answer{stdout: i.ID + " acknowledged by ana: escalation and reminders stop; healing goes on\n"}, told)
	require.Equal(t, []string{"acknowledged", "ana", "ana", "on it"},
		[]string{i.State, i.AcknowledgedBy, i.Acknowledged.By, i.Acknowledged.Note})

	d.signal("acknowledge", map[string]string{"by": "ben", "note": "taking over"})
	d.await("the signal is heard", func() bool {
		i, ok := d.incident(site)
		return ok && i.AcknowledgedBy == "ben"
	})

	server.Start()
	i = d.resolved(site)
	require.Equal(t, "recovered", i.Outcome)
	require.Equal(t, "ben", i.AcknowledgedBy)
	for _, text := range []string{"acknowledged by ana: on it", "acknowledged by ben: taking over"} {
		_, found := i.find("acknowledged", text)
		require.True(t, found, text)
	}
	d.receiver.requireRecovery(site, i)
	// Resolved is not yet closed: its record is archived first, and until then the answer is another one.
	d.await("the incident is closed", func() bool { return d.starter("ack", site, "--by", "cem") == early })
}

// signal sends a signal to the open incident with nothing but Temporal's SDK.
func (d *deployment) signal(name string, payload any) {
	d.t.Helper()
	require.NoError(d.t, d.dial().SignalWorkflow(d.t.Context(), "remediation/"+site, "", name, payload))
}
