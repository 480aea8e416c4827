package chain

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Of many targets one dies, which has an interval of its own: it alone has an
// incident, its own step is carried out, once, and all others are probed as if
// nothing had happened.
func TestOneTargetOfManyIsHealed(t *testing.T) {
	t.Parallel()
	s, r := newStreet(t, 30), newRegister(t)
	const rarely = 2 * beat
	rare, often := s.houses[:10], s.houses[10:]
	r.write(tier("gold", often...), tier("silver", rare...))
	begun := time.Now()
	d := deploy(t, "", r.fleet("{file_sd: "+r.file+"}",
		"batch: 10, classes: [{name: rare, match: {tier: silver}, interval: "+rarely.String()+"}]", "settle: 6s"))
	s.awaitRounds(2, s.houses...)
	up := time.Now()
	ill, others := rare[0], slices.Concat(often, rare[1:])

	s.lock(ill)
	i := d.opened(of(ill))
	require.Equal(t, "remediation/shops/"+ill, i.WorkflowID)
	d.await("the step is carried out", func() bool { return len(r.done()) > 0 })
	told := d.do("ack", of(ill), "--by", "ana", "--note", "on it")
	require.Equal(t, i.ID+" acknowledged by ana: escalation and reminders stop; healing goes on\n", told)
	s.unlock(ill)
	i = d.resolved(of(ill))

	require.Equal(t, []string{shops, ill, "healed", "ana"}, []string{i.Service, i.Target, i.Outcome, i.AcknowledgedBy})
	require.Equal(t, []int{1, 1}, []int{i.Attempts, i.Restarts}, "attempts and restarts")
	require.Equal(t, []string{ill + " silver"}, r.done())
	i.requireThirdFailure(t, rarely)
	d.receiver.requireRecovery(of(ill), i)
	s.requireProbed(up, others...)
	ticks := time.Since(up) / rarely
	require.LessOrEqual(t, len(s.seen(rare[1], up)), int(ticks)+2, "probes of a target of the class")
	require.Greater(t, len(s.seen(often[0], up)), int(ticks)+2, "probes of another")
	require.Equal(t, 1, d.count(shops), "incidents of all targets together")
	require.Equal(t, 1, d.runs(of(ill)), "runs of its workflow")
	require.WithinRange(t, i.FirstFailureAt, begun, time.Now())
	d.await("nothing is wrong any more", func() bool { return d.starter("status", shops).code == 0 })
}

// requireThirdFailure requires that an incident was opened at the third failed
// probe of a row, each an interval after the one before.
func (i incident) requireThirdFailure(t *testing.T, interval time.Duration) {
	t.Helper()
	first, found := i.find("failure", "failure 1/3: ")
	require.True(t, found, "%+v", i.Timeline)
	third, found := i.find("failure", "failure 3/3: ")
	require.True(t, found, "%+v", i.Timeline)
	require.GreaterOrEqual(t, third.At.Sub(first.At), 2*interval-interval/2)
	require.Less(t, third.At.Sub(first.At), 2*interval+late)
	require.False(t, i.OpenedAt.Before(third.At))
}

// The file of targets changes: new ones are probed, one that is down and gone
// is left alone, and a file that is broken changes nothing.
func TestFileOfTargetsChanges(t *testing.T) {
	t.Parallel()
	s, r := newStreet(t, 6), newRegister(t)
	ill, well, later := s.houses[0], s.houses[1:5], s.houses[5]
	r.write(tier("gold", s.houses[:5]...))
	d := deploy(t, "", r.fleet("{file_sd: "+r.file+"}", "batch: 10", "settle: 1s, backoff: [1s], limits: {per_incident: 30, restarts_per_day: 0}"))
	require.Empty(t, s.seen(later, time.Time{}), "it is no target yet")
	added := time.Now()
	r.write(tier("gold", s.houses...))
	s.awaitRounds(1, later)
	require.Less(t, s.seen(later, added)[0].Sub(added), late)

	r.put(`[{"targets": ["` + later + `"], "labels": {"tier": 1}}]`)
	d.await("the log tells of the mistake", func() bool {
		return strings.Contains(d.worker.Log(), "those read before stay")
	})
	s.awaitRounds(3, s.houses...)

	s.lock(ill)
	d.await("steps are carried out, again and again", func() bool { return len(r.done()) > 1 })
	i := d.opened(of(ill))
	r.write(tier("gold", s.houses[1:]...))
	gone := d.resolved(of(ill))
	require.Equal(t, []string{i.ID, "abandoned"}, []string{gone.ID, gone.Outcome})
	before := len(r.done())
	s.unlock(ill)
	closed := time.Now()
	s.awaitRounds(6, append(slices.Clone(well), later)...)
	require.Len(t, r.done(), before, "steps carried out after the incident was closed")
	require.Empty(t, s.seen(ill, closed), "probes of a target that is gone")
	require.Equal(t, 1, d.count(shops), "incidents of all targets together")
}
