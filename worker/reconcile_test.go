//go:build !noembed

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"paramedic/internal/health"
	"paramedic/internal/realtest"
	"paramedic/workflows"
)

// An incident whose workflow was terminated by hand is not shown as open for
// ever: neither where the next one has taken its place, nor where none has.
func TestTerminatedIncidentIsAbandoned(t *testing.T) {
	shorten(t)
	nobody := realtest.FreeAddress(t)
	w := startWhole(t, fmt.Sprintf("defaults: {interval: 2s, retry_interval: 1s, timeout: 1s, failure_threshold: 1}\nservices:\n"+
		"  - {name: dropped, probe: {tcp: {address: %[1]q}}}\n  - {name: replaced, probe: {tcp: {address: %[1]q}}}\n", nobody))
	dropped, replaced := w.opened("dropped", ""), w.opened("replaced", "")
	w.pause("dropped")
	for _, service := range []string{"dropped", "replaced"} {
		require.NoError(t, w.temporal(t).TerminateWorkflow(t.Context(), workflows.RemediationID(service, ""), "", "by hand"))
	}

	w.abandoned(dropped)
	require.Empty(t, w.incidents("dropped", "open"))
	next := w.opened("replaced", replaced)
	w.abandoned(replaced)
	open := w.incidents("replaced", "open")
	require.Len(t, open, 1)
	require.Equal(t, next, open[0].ID)
	overview := string(w.get("/"))
	require.NotContains(t, overview, url.PathEscape(dropped))
	require.NotContains(t, overview, url.PathEscape(replaced))
	require.Contains(t, overview, url.PathEscape(next))
	require.Contains(t, string(w.get("/metrics")), `paramedic_incidents_total{outcome="abandoned",severity="P1"} 2`)
}

// Of the incidents of the targets of a service, each is compared for itself.
func TestTerminatedIncidentOfATargetIsAbandoned(t *testing.T) {
	shorten(t)
	one, other := realtest.FreeAddress(t), realtest.FreeAddress(t)
	w := startWhole(t, fmt.Sprintf("defaults: {interval: 2s, retry_interval: 1s, timeout: 1s, failure_threshold: 1}\nservices:\n"+
		"  - {name: shops, targets: [{target: %q}, {target: %q}], fleet: {retries: 0}, probe: {tcp: {address: '{{target}}'}}}\n", one, other))
	open := map[string]string{}
	w.await(func() bool {
		for _, incident := range w.incidents("shops", "open") {
			open[incident.ID[:strings.LastIndex(incident.ID, "@")]] = incident.ID
		}
		return len(open) == 2
	}, "an incident of each target")
	require.Contains(t, open, "shops/"+one)
	w.pause("shops")
	require.NoError(t, w.temporal(t).TerminateWorkflow(t.Context(), workflows.RemediationID("shops", one), "", "by hand"))
	w.abandoned(open["shops/"+one])
	left := w.incidents("shops", "open")
	require.Len(t, left, 1)
	require.Equal(t, open["shops/"+other], left[0].ID)
	require.Contains(t, string(w.get("/metrics")), `paramedic_target_incidents{service="shops"} 1`)
}

// shorten has what is shown compared with Temporal often.
func shorten(t *testing.T) {
	t.Helper()
	every, age, log := reconcileEvery, settled, slog.Default()
	reconcileEvery, settled = time.Second, 3*time.Second
	t.Cleanup(func() {
		reconcileEvery, settled = every, age
		slog.SetDefault(log)
	})
}

// whole is a worker with its server, run in this process.
type whole struct {
	t               *testing.T
	listen, address string
}

func startWhole(t *testing.T, configuration string) *whole {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TEMPORAL_ADDRESS", "")
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(dir, "none.toml"))
	file := filepath.Join(dir, "paramedic.yml")
	require.NoError(t, os.WriteFile(file, []byte(configuration), 0o600))
	w := &whole{t: t, listen: realtest.FreeAddress(t), address: realtest.FreeAddress(t)}
	_, temporalPort, err := net.SplitHostPort(w.address)
	require.NoError(t, err)
	_, uiPort, err := net.SplitHostPort(realtest.FreeAddress(t))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var out bytes.Buffer
	code := 0
	running.Go(func() {
		code = run(ctx, stop, []string{
			"worker", "--config", file, "--data", filepath.Join(dir, "data"), "--listen", w.listen,
			"--temporal-port", temporalPort, "--ui-port", uiPort,
		}, io.Discard, &out)
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
		require.Zero(t, code, out.String())
	})
	return w
}

func (w *whole) temporal(t *testing.T) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: w.address, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// get returns what an address answers, nothing unless it is well.
func (w *whole) get(path string) []byte {
	w.t.Helper()
	answer, err := http.Get("http://" + w.listen + path)
	if err != nil {
		return nil // not yet
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	if answer.StatusCode != http.StatusOK {
		return nil
	}
	return body
}

type listed struct {
	ID       string
	State    health.IncidentState
	Outcome  health.Outcome
	Timeline []struct{ Text string }
}

func (w *whole) incidents(service, state string) []listed {
	w.t.Helper()
	var list struct{ Items []listed }
	if body := w.get("/api/v1/incidents?service=" + service + "&state=" + state); body != nil {
		require.NoError(w.t, json.Unmarshal(body, &list))
	}
	return list.Items
}

// opened waits for an open incident of a service that is not an earlier one.
func (w *whole) opened(service, earlier string) (id string) {
	w.t.Helper()
	w.await(func() bool {
		if open := w.incidents(service, "open"); len(open) > 0 {
			id = open[0].ID
		}
		return id != "" && id != earlier
	}, "an incident of "+service)
	return id
}

// abandoned waits until an incident is recorded as that.
func (w *whole) abandoned(id string) {
	w.t.Helper()
	w.await(func() bool {
		var found listed
		if body := w.get("/api/v1/incidents/" + url.PathEscape(id)); body != nil {
			require.NoError(w.t, json.Unmarshal(body, &found))
		}
		if found.State != health.Resolved {
			return false
		}
		require.Equal(w.t, health.Abandoned, found.Outcome)
		require.Greater(w.t, len(found.Timeline), 2, "the whole story is kept")
		require.Equal(w.t, "abandoned: the workflow was terminated before it could write its record", found.Timeline[len(found.Timeline)-1].Text)
		return true
	}, id+" to be abandoned")
}

func (w *whole) pause(service string) {
	w.t.Helper()
	answer, err := http.Post("http://"+w.listen+"/api/v1/services/"+service+"/pause", "application/json", strings.NewReader(`{"by": "ana"}`))
	require.NoError(w.t, err)
	require.NoError(w.t, answer.Body.Close())
	require.Equal(w.t, http.StatusOK, answer.StatusCode)
}

func (w *whole) await(condition func() bool, what string) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); {
		require.True(w.t, time.Now().Before(deadline), "waiting for %s", what)
		time.Sleep(50 * time.Millisecond)
	}
}
