package chain

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A target that is registered is probed within an interval, outlives the worker
// that has said so, and is left alone once it is deleted.
func TestRegisteredTargetOutlivesTheWorker(t *testing.T) {
	t.Parallel()
	s, r := newStreet(t, 2), newRegister(t)
	listed, house := s.houses[0], s.houses[1]
	d := deploy(t, "", r.fleet(`{api: true, list: [{target: "`+listed+`", labels: {tier: gold}}]}`, "batch: 10", "settle: 1s"))
	require.Empty(t, s.seen(house, time.Time{}), "nobody knows it yet")

	registered := time.Now()
	status, body := d.call(http.MethodPost, "", `{"target": "`+house+`", "labels": {"tier": "silver"}}`)
	require.Equal(t, http.StatusCreated, status, body)
	s.awaitRounds(1, house)
	require.Less(t, s.seen(house, registered)[0].Sub(registered), late)

	d.worker.Kill()
	killed := time.Now()
	d.worker.Start()
	s.awaitRounds(2, listed, house)
	require.Empty(t, r.done())
	status, body = d.call(http.MethodGet, "/"+house, "")
	require.Equal(t, http.StatusOK, status, body)
	var shown struct {
		Target, Origin, State string
		Labels                map[string]string
	}
	require.NoError(t, json.Unmarshal([]byte(body), &shown), body)
	require.Equal(t, []string{house, "silver"}, []string{shown.Target, shown.Labels["tier"]}, body)
	t.Logf("after the worker was killed nobody came for %s", s.longest(house, killed, time.Now()))

	s.lock(house)
	d.await("the step is carried out", func() bool { return len(r.done()) > 0 })
	require.Equal(t, house+" silver", r.done()[0])
	status, body = d.call(http.MethodDelete, "/"+house, "")
	require.Equal(t, http.StatusNoContent, status, body)
	require.Equal(t, "abandoned", d.resolved(of(house)).Outcome)
	s.unlock(house)
	deleted := time.Now()
	s.awaitRounds(4, listed)
	require.Empty(t, s.seen(house, deleted), "probes of a target that was deleted")
	status, body = d.call(http.MethodGet, "/"+house, "")
	require.Equal(t, http.StatusNotFound, status, body)
}

// call asks the API about the targets.
func (d *deployment) call(method, path, body string) (status int, answer string) {
	d.t.Helper()
	url := "http://" + d.worker.Addr + "/api/v1/services/" + shops + "/targets" + path
	request, err := http.NewRequestWithContext(d.t.Context(), method, url, strings.NewReader(body))
	require.NoError(d.t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Close = true
	got, err := http.DefaultClient.Do(request)
	require.NoError(d.t, err)
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	require.NoError(d.t, err)
	return got.StatusCode, string(text)
}
