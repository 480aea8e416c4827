package chain

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// asWhole names the incident of the service as a whole: its name alone would
// mean the latest one of any target.
const asWhole = "remediation/" + shops

// When more targets are down than people can look at one by one, there is one
// incident for all, one alert and no restart; when most are back, the rest have
// their own again. A control probe that passes changes nothing of that.
func TestStormOfTargets(t *testing.T) {
	t.Parallel()
	s, r, gate := newStreet(t, 12), newRegister(t), newGateway(t)
	r.write(tier("gold", s.houses...))
	// min_healthy would hold restarts by itself, and hide that nobody asks for one.
	d := deploy(t, "limits: {concurrent_restarts: 5, min_healthy: 0}", r.fleet("{file_sd: "+r.file+"}",
		"max_open_incidents: 4, control: "+gate.probe(), "settle: 1s, backoff: [1m]"))
	single, many, well := s.houses[0], s.houses[1:8], s.houses[8:]

	s.lock(single)
	first := d.opened(of(single))
	d.await("its step is carried out", func() bool { return len(r.done()) > 0 })
	s.lock(many...)
	whole := d.opened(asWhole)
	hit := time.Now()
	d.await("people are told", func() bool { return len(d.receiver.accepted(shops, "down")) > 0 })
	reason := d.receiver.accepted(shops, "down")[0].Body.Reason
	require.Contains(t, reason, "8 of 12 targets are down, among them ")
	require.Equal(t, 5, strings.Count(reason, "127.0.0.1:")-strings.Count(reason, "dial tcp 127.0.0.1:"), "the sample: %s", reason)
	s.awaitRounds(4, well...)
	require.Equal(t, []string{single + " gold"}, r.done(), "restarts in the storm")
	require.Equal(t, 2, d.count(shops), "the one from before and the one for all")

	back, left := many[:6], many[6]
	s.unlock(back...)
	calm := d.resolved(asWhole)
	require.Equal(t, []string{whole.ID, "recovered"}, []string{calm.ID, calm.Outcome})
	require.Zero(t, calm.Restarts)
	last := d.opened(of(left))
	d.await("the step of the one that is left is carried out", func() bool { return len(r.done()) > 1 })
	require.Equal(t, []string{single + " gold", left + " gold"}, r.done())
	s.unlock(single, left)
	require.Equal(t, first.ID, d.resolved(of(single)).ID)
	require.Equal(t, last.ID, d.resolved(of(left)).ID)

	d.receiver.requireRecovery(shops, calm)
	require.Len(t, keys(d.receiver.about(shops, "down")), 1, "one alert for all")
	for _, house := range back {
		require.Empty(t, d.receiver.about(of(house), "down"))
		require.Zero(t, d.runs(of(house)))
	}
	require.Equal(t, 3, d.count(shops))
	s.requireProbed(hit, well...)
}

// When the control probe fails together with all targets, the worker is cut
// off: people hear that, once, and nothing is held against any target.
func TestCutOffFromAllTargets(t *testing.T) {
	t.Parallel()
	s, r, gate := newStreet(t, 8), newRegister(t), newGateway(t)
	r.write(tier("gold", s.houses...))
	d := deploy(t, "", r.fleet("{file_sd: "+r.file+"}", "control: "+gate.probe(), "settle: 1s"))

	gate.close()
	s.lock(s.houses...)
	whole := d.opened(asWhole)
	d.await("people are told", func() bool { return len(d.receiver.accepted(shops, "down")) > 0 })
	require.Contains(t, d.receiver.accepted(shops, "down")[0].Body.Reason, "the workers that probe are cut off")
	cut := func() int { return strings.Count(d.worker.Log(), "the prober is cut off") }
	seen := cut()
	d.await("many more ticks see nothing", func() bool { return cut() >= seen+5 })
	s.unlock(s.houses...)
	gate.open()

	over := d.resolved(asWhole)
	require.Equal(t, []string{whole.ID, "recovered"}, []string{over.ID, over.Outcome})
	require.Zero(t, over.Attempts)
	d.receiver.requireRecovery(shops, over)
	s.awaitRounds(2, s.houses...)
	require.Equal(t, []string{"down", "recovered"}, d.receiver.told())
	require.Len(t, d.receiver.all(), 2)
	require.Empty(t, r.done(), "restarts while nobody could see")
	require.Equal(t, 1, d.count(shops), "no target has an incident")
	d.await("nothing is wrong any more", func() bool { return d.starter("status", shops).code == 0 })
	require.False(t, slices.ContainsFunc(s.houses, func(house string) bool { return d.runs(of(house)) > 0 }))
}

// gateway is something that is always up, until the test takes it away.
type gateway struct {
	t        *testing.T
	address  string
	listener net.Listener
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{t: t, address: realtest.FreeAddress(t)}
	g.open()
	t.Cleanup(func() { _ = g.listener.Close() })
	return g
}

// probe is the control probe, as YAML.
func (g *gateway) probe() string { return fmt.Sprintf("{tcp: {address: %q}}", g.address) }

// open lets the kernel accept connections; close has them refused.
func (g *gateway) open() {
	g.t.Helper()
	g.listener = listen(g.t, g.address)
}

func (g *gateway) close() {
	g.t.Helper()
	require.NoError(g.t, g.listener.Close())
}
