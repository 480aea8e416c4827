package chain

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// beats are the times at which the heartbeat address was called.
type beats struct {
	mu  sync.Mutex
	all []time.Time
}

func (b *beats) count(after time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, at := range b.all {
		if at.After(after) {
			n++
		}
	}
	return n
}

// A Monitor that is gone is noticed, said and started again, long before its
// schedule would do that; and the heartbeat, which says that all is well, stays
// out meanwhile.
func TestMonitorThatIsLateIsStartedAgain(t *testing.T) {
	t.Parallel()
	const key = "/ping/chain-heartbeat-93be"
	var called beats
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called.mu.Lock()
		defer called.mu.Unlock()
		if r.URL.Path == key {
			called.all = append(called.all, time.Now())
		}
	}))
	t.Cleanup(listener.Close)
	server := newProcess(t)
	d := deploy(t, fmt.Sprintf("heartbeat: {url: %q, every: 1s}", listener.URL+key),
		service{name: site, probe: tcp(server), more: []string{"interval: 1s", "watch: 1000"}})
	d.await("the heartbeat is called", func() bool { return called.count(time.Time{}) > 0 })

	gone := time.Now()
	require.NoError(t, d.dial().TerminateWorkflow(t.Context(), d.monitor(), "", "by hand"))
	const noticed = "Monitors that are late: site; the heartbeat waits for them"
	d.await("the lookout notices", func() bool { return strings.Contains(d.worker.Log(), noticed) })
	require.Less(t, time.Since(gone), 30*time.Second)
	late := time.Now()
	require.Regexp(t, regexp.MustCompile(`site: its Monitor is late, no probe for more than \d+s: its schedule is triggered again`), d.worker.Log())
	d.await("the lookout is content", func() bool { return strings.Contains(d.worker.Log(), "all Monitors are on time again") })
	content := time.Now()
	d.await("the heartbeat is called again", func() bool { return called.count(late) > 0 })
	called.mu.Lock()
	defer called.mu.Unlock()
	for _, at := range called.all {
		require.False(t, at.After(late) && at.Before(content.Add(-poll*4)), "called at %s, late from %s to %s", at, late, content)
	}
	require.Zero(t, d.starter("status").code)
	require.NotContains(t, d.worker.Log(), key)
}

// monitor is the workflow id of the Monitor that is on duty.
func (d *deployment) monitor() string {
	d.t.Helper()
	described, err := d.dial().ScheduleClient().GetHandle(d.t.Context(), "monitor/"+site).Describe(d.t.Context())
	require.NoError(d.t, err)
	require.Len(d.t, described.Info.RunningWorkflows, 1)
	return described.Info.RunningWorkflows[0].WorkflowID
}
