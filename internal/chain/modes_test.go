package chain

import (
	"encoding/json"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// In mode observe nothing is done, and what would have been is written down and
// summed up. In mode approve a human is asked, and only their yes restarts.
func TestModesAtRunTime(t *testing.T) {
	t.Parallel()
	m := realtest.Systemd(t)
	u := newPatient(t, m, site)
	d := deploy(t, "", u.service(m.Socket()))
	d.do("mode", site, "observe", "--by", "ana")
	u.hurt(syscall.SIGKILL)
	d.says(site, "observed", "would now restart site.service (mode observe: this would be restart 1 of 3 in this incident)")
	d.await("people are told", func() bool { return len(d.receiver.accepted(site, "down")) > 0 })
	got := d.report()
	require.Equal(t, []int{1, 1, 0}, []int{got.Incidents, got.Open, got.Restarts}, "incidents, open ones and restarts")
	require.Positive(t, got.Observed)

	d.do("mode", site, "approve", "--by", "ana")
	d.says(site, "decision", "approval needed: restart site.service, until ")
	require.Equal(t, 1, d.starter("approve", site).code, "a yes needs a name")
	require.Equal(t, 1, u.started(t), "starts of the unit before somebody said yes")
	require.Contains(t, d.do("approve", site, "--by", "ben"), " approved by ben: ")

	i := d.resolved(site)
	require.Equal(t, "healed", i.Outcome)
	require.Equal(t, []int{1, 1}, []int{i.Attempts, i.Restarts}, "attempts and restarts")
	require.Equal(t, 2, u.started(t), "starts of the unit")
	yes, _ := i.find("decision", "approved by ben")
	act, ok := i.find("decision", "act: restart 1 of 3 in this incident, approved by ben")
	require.True(t, ok, "%+v", i.Timeline)
	require.False(t, act.At.Before(yes.At))
	d.await("people hear of the end", func() bool { return len(d.receiver.accepted(site, "recovered")) > 0 })
	got = d.report()
	require.Equal(t, []int{1, 0, 1, 1}, []int{got.Incidents, got.Open, got.Restarts, got.HealedByUs})
	require.Positive(t, got.Observed, "what would have been done stays in the record")
}

// tally is what `starter report --json` says of one service.
type tally struct {
	Service    string `json:"service"`
	Incidents  int    `json:"incidents"`
	Open       int    `json:"open"`
	Restarts   int    `json:"restarts"`
	Observed   int    `json:"observed"`
	HealedByUs int    `json:"healed_by_us"`
}

// report reads the report on the one service.
func (d *deployment) report() tally {
	d.t.Helper()
	var all struct {
		Services []tally `json:"services"`
	}
	text := d.do("report", "--service", site, "--json")
	require.NoError(d.t, json.Unmarshal([]byte(text), &all), text)
	require.Len(d.t, all.Services, 1)
	return all.Services[0]
}
