package process

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// watched is a service that is probed often, and for which nothing is done.
func watched(name, address string) string {
	return fmt.Sprintf("  - {name: %s, interval: 2s, retry_interval: 1s, timeout: 1s, failure_threshold: 2, "+
		"success_threshold: 1, probe: {tcp: {address: %q}}}\n", name, address)
}

// Workers that share a store show the same, whoever of them has seen it, also
// after one of them was killed, and also one that comes later.
func TestSeveralWorkersShowTheSame(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	w := newWard(t, "services:\n"+watched("steady", listening(t).Addr().String())+watched("broken", address))
	w.join()
	w.join()
	w.everywhere("the services to be known", func(m *member) bool {
		s := m.services()
		return s["steady"].State == "healthy" && len(s["steady"].Recent) > 2 && s["broken"].Incident != nil
	})
	// One has seen the incident begin; all that is done to it is done over the other.
	opened := slices.IndexFunc(w.members, func(m *member) bool { return strings.Contains(m.stderr.String(), "broken: incident ") })
	one, two := w.members[opened], w.members[1-opened]
	id := two.services()["broken"].Incident.ID
	w.requireAlike("both to show the same")

	got := call{
		method: http.MethodPost, path: "/api/v1/incidents/" + url.PathEscape(id) + "/acknowledge",
		contentType: "application/json", body: `{"by": "ana", "note": "the cable is out"}`,
	}.make(t, two.place.listen)
	require.Equal(t, http.StatusOK, got.status, got.body)
	w.everywhere("the acknowledgement to be shown", func(m *member) bool {
		shown := m.incident(id)
		return shown.State == "acknowledged" && shown.AcknowledgedBy == "ana" && m.services()["broken"].Incident.State == "acknowledged"
	})
	for _, m := range w.members {
		require.Contains(t, m.page("/"), url.PathEscape(id))
		require.Contains(t, m.page("/incidents/"+url.PathEscape(id)), "the cable is out")
	}
	before := one.incident(id)
	require.Subset(t, before.kinds(), []string{"failure", "opened", "acknowledged"})

	one.signal(syscall.SIGKILL)
	require.Equal(t, -1, one.wait(stopLimit))
	later := w.join()
	// This is what it shows at once.
	shown := later.services()
	require.Equal(t, "healthy", shown["steady"].State)
	require.Greater(t, len(shown["steady"].Recent), 2)
	require.NotNil(t, shown["steady"].Uptime.Day)
	require.Equal(t, id, shown["broken"].Incident.ID)
	require.Equal(t, before.kinds(), later.incident(id).kinds()[:len(before.Timeline)])

	w.revive(one)
	one.ready()
	w.requireAlike("all three to show the same")
	for _, m := range w.members {
		require.Equal(t, before.kinds(), m.incident(id).kinds()[:len(before.Timeline)], "the whole story")
		require.Contains(t, m.page("/incidents/"+url.PathEscape(id)), "the cable is out")
		require.Len(t, m.incidents("broken", ""), 1, "it is the same incident")
	}

	listen(t, address)
	w.everywhere("the incident to be closed", func(m *member) bool {
		return m.services()["broken"].Incident == nil && m.incident(id).Outcome == "recovered" && m.services()["broken"].State == "healthy"
	})
	for _, m := range w.members {
		require.Empty(t, m.incidents("broken", "open"))
		require.Len(t, m.incidents("broken", "closed"), 1)
		require.NotContains(t, m.page("/"), url.PathEscape(id))
	}
	w.leave()
	require.Equal(t, 1, w.stored("SELECT count(*) FROM incidents WHERE service = 'broken'"))
	require.Equal(t, 0, w.stored("SELECT count(*) FROM incidents WHERE resolved_at = 0"))
}

// requireAlike waits until all workers show the same of each service. What is
// newer than the time between two looks may differ.
func (w *ward) requireAlike(what string) {
	w.t.Helper()
	w.everywhere(what, func(m *member) bool {
		want := w.members[0].services()
		for name, s := range m.services() {
			other := want[name]
			if s.State != other.State || !s.Since.Equal(other.Since) || s.LastProbeAt.Sub(other.LastProbeAt).Abs() > 10*time.Second {
				return false
			}
			if (s.Incident == nil) != (other.Incident == nil) || s.Incident != nil && s.Incident.ID != other.Incident.ID {
				return false
			}
		}
		return len(want) == 2
	})
}

// What workers share goes away and comes back: they go on probing and healing,
// say how far the store is behind, and leave nothing out.
func TestSeveralWorkersWithoutWhatTheyShare(t *testing.T) {
	t.Parallel()
	acted := filepath.Join(t.TempDir(), "acted")
	steady, address := newTurnstile(t), freeAddress(t)
	patient := listen(t, address)
	w := newWard(t, fmt.Sprintf("services:\n"+watched("steady", steady.address)+`  - name: patient
    interval: 2s
    retry_interval: 1s
    timeout: 1s
    failure_threshold: 2
    success_threshold: 1
    probe: {tcp: {address: %q}}
    remediation:
      settle: 1s
      limits: {incidents_per_hour: 0}
      steps:
        - exec: {command: [sh, -c, "echo >> %s"]}
`, address, acted))
	w.join()
	w.join()
	w.everywhere("the services to be known", func(m *member) bool {
		s := m.services()
		return s["steady"].State == "healthy" && s["patient"].State == "healthy"
	})
	// heal has the patient fall ill and be healed, and returns its incident.
	heal := func(times int) (id string) {
		require.NoError(t, patient.Close())
		w.members[0].eventually("somebody to see the patient ill", func() bool {
			return slices.ContainsFunc(w.members, func(m *member) bool {
				shown := m.services()["patient"].Incident
				if shown != nil {
					id = shown.ID
				}
				return shown != nil
			})
		})
		w.members[0].eventually("the remedy", func() bool {
			text, _ := os.ReadFile(acted)
			return strings.Count(string(text), "\n") >= times
		})
		patient = listen(t, address)
		w.saying("incident=" + id)
		return id
	}
	well := func(m *member) bool {
		s := m.services()["patient"]
		return s.State == "healthy" && s.Incident == nil
	}

	w.redis.Kill()
	first := heal(1)
	w.everywhere("the end to be shown without Redis", well)
	w.redis.Start()
	w.everywhere("Redis to be used again", func(m *member) bool { return strings.Contains(m.stderr.String(), "Redis answers again") })

	w.postgres.Kill()
	killed := time.Now()
	second := heal(2)
	require.NotEqual(t, first, second)
	w.members[0].eventually("the store to be behind where something is written", func() bool {
		return slices.ContainsFunc(w.members, func(m *member) bool {
			return m.metric("paramedic_store_write_failures_total") > 0 && m.metric("paramedic_store_buffered") > 0 &&
				m.metric("paramedic_store_behind_seconds") > 1
		})
	})
	w.everywhere("what others have probed", func(m *member) bool {
		require.Contains(t, m.page("/"), "steady")
		return m.services()["steady"].LastProbeAt.After(killed.Add(5 * time.Second))
	})
	late := w.begin() // works without it, and shows what Redis knows
	late.eventually("a worker that starts meanwhile", func() bool {
		return status(t, "http://"+late.place.listen+"/healthz") == http.StatusServiceUnavailable &&
			late.services()["steady"].State == "healthy"
	})
	w.postgres.Start()
	passed := steady.passed()
	late.ready()
	w.everywhere("the store to be caught up with", func(m *member) bool {
		failed := strings.Contains(m.stderr.String(), "The store cannot be written")
		again := strings.Contains(m.stderr.String(), "The store can be written again")
		return failed == again && m.metric("paramedic_store_behind_seconds") < 1 && well(m) &&
			status(t, "http://"+m.place.listen+"/healthz") == http.StatusOK
	})
	w.members[0].eventually("every probe to be stored", func() bool {
		return w.stored("SELECT count(*) FROM results JOIN targets ON id = results.target WHERE service = 'steady'") >= passed
	})
	for _, m := range w.members {
		require.Zero(t, m.metric("paramedic_store_dropped_total"))
		require.Len(t, m.incidents("patient", "closed"), 2)
		require.Equal(t, "healed", m.incident(second).Outcome)
	}
	w.leave()
	require.Equal(t, 2, w.stored("SELECT count(*) FROM incidents WHERE resolved_at > 0"))
	require.Equal(t, steady.passed(), w.stored("SELECT count(*) FROM results JOIN targets ON id = results.target WHERE service = 'steady'"),
		"what was found in the last moment is stored too")
}

// What a worker finds before its store was there for the first time is stored
// too, even if it is stopped before it has seen that the store is back.
func TestStopBeforeTheStoreIsBack(t *testing.T) {
	t.Parallel()
	steady := newTurnstile(t)
	w := newWard(t, "services:\n"+watched("steady", steady.address))
	w.postgres.Kill()
	m := w.begin()
	m.saying("part=store error=")
	// By then its next look at the store is some seconds away.
	m.eventually("some probes", func() bool { return steady.passed() >= 5 })
	w.postgres.Start()
	m.signal(syscall.SIGTERM)
	m.wait(stopLimit)
	require.NotContains(t, m.stderr.String(), "were not written")
	require.Equal(t, steady.passed(), w.stored("SELECT count(*) FROM results JOIN targets ON id = results.target WHERE service = 'steady'"))
}

// turnstile is a service that counts those who come.
type turnstile struct {
	address string
	count   atomic.Int64
}

func newTurnstile(t *testing.T) *turnstile {
	t.Helper()
	listener := listening(t)
	s := &turnstile{address: listener.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.count.Add(1)
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return s
}

func (s *turnstile) passed() int { return int(s.count.Load()) }
