package chain

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// From two vantage points targets look different. One that is seen by one of
// them is up where both must see it fail, and down when both do.
func TestQuorumOfVantagePoints(t *testing.T) {
	t.Parallel()
	s, r := newStreet(t, 3), newRegister(t)
	r.write(tier("gold", s.houses...))
	half, well := s.houses[0], s.houses[1:]
	var closed roads
	s.answer(func(w http.ResponseWriter, v visit) bool {
		if closed.has(v.house + v.path) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		}
		return true
	})
	from := func(point string) service {
		service := r.fleet("{file_sd: "+r.file+"}", "vantage: [eu, us], quorum: 2", "mode: observe")
		service.probe = `{http: {url: "http://{{target}}/` + point + `"}}`
		return service
	}
	closed.set(half + "/us")
	d := settings{}.begin(t, from("main"))
	require.Empty(t, s.seen(half, time.Time{}), "nobody looks yet")
	d.agent("eu", from("eu"))
	d.agent("us", from("us"))
	s.awaitRounds(8, s.houses...)
	d.await("all targets are up", func() bool { return d.starter("status", shops).code == 0 })
	require.Zero(t, d.count(shops), "incidents of a target that one of two sees fail")

	closed.set(half+"/us", half+"/eu", half+"/main")
	d.await("people are told", func() bool { return len(d.receiver.accepted(of(half), "down")) > 0 })
	i := d.opened(of(half))
	failure, found := i.find("failure", "failure 3/3: eu: ")
	require.True(t, found, "%+v", i.Timeline)
	require.Contains(t, failure.Text, "; us: ")
	closed.set(half + "/us")
	over := d.resolved(of(half))
	require.Equal(t, []string{i.ID, half, "recovered"}, []string{over.ID, over.Target, over.Outcome})
	d.receiver.requireRecovery(of(half), over)
	s.awaitRounds(4, well...)
	require.Equal(t, 1, d.count(shops), "incidents of all targets together")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.visits {
		require.True(t, v.path == "/eu" || v.path == "/us" || v.house == half, "%+v: nobody else looks", v)
	}
}

// roads are those that lead nowhere just now.
type roads struct {
	mu     sync.Mutex
	closed []string
}

func (r *roads) set(closed ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = closed
}

func (r *roads) has(road string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.closed, road)
}

// agent starts a worker that probes from a vantage point, by a configuration of
// its own.
func (d *deployment) agent(point string, services ...service) {
	d.t.Helper()
	dir, listen := d.t.TempDir(), realtest.FreeAddress(d.t)
	file := filepath.Join(dir, "paramedic.yml")
	require.NoError(d.t, os.WriteFile(file, []byte(settings{}.configuration(listen, d.receiver.url(), services)), 0o600))
	realtest.Run(d.t, realtest.Command{
		Addr: listen, Path: program(d.t, "worker"), Dir: dir, Env: []string{"TEMPORAL_ADDRESS=" + d.temporal},
		Args:  []string{"--agent", "--vantage", point, "--config", file, "--listen", listen},
		Ready: func(ctx context.Context) error { return healthy(ctx, "http://"+listen+"/healthz") },
	})
}
