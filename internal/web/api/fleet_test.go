package api

import (
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/targets"
)

// slashed is a target whose name is an address.
const slashed = "https://shop.example/a"

// fleet brings in a service with five targets besides: three are registered,
// one is in the list, and one comes from a file. One of them is down.
func (w *world) fleet() *world {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "shops.json")
	require.NoError(w.t, os.WriteFile(file, []byte(`[{"targets":["10.0.0.4:80"],"labels":{"tier":"gold"}}]`), 0o600))
	source := targets.Source{
		Service: "shops", List: []health.Target{{Name: slashed, Labels: map[string]string{"tier": "gold"}}}, FileSD: file, API: true,
	}
	listed := targets.Source{Service: "printers", List: []health.Target{{Name: "p1"}}}
	w.sources = map[string]targets.Source{"shops": source, "printers": listed}
	for _, name := range []string{"10.0.0.1:80", "10.0.0.2:80", "a/b/c"} {
		_, err := w.store.CreateTarget(w.t.Context(), store.Key{Service: "shops", Target: name}, map[string]string{"tier": "gold"}, nil)
		require.NoError(w.t, err)
	}
	w.book.Keep([]targets.Source{source, listed})
	require.NoError(w.t, w.book.Refresh(w.t.Context(), "shops"))
	shop := func(name string) board.Configured {
		return board.Configured{Name: name, Severity: "P2", Kind: "http", Interval: time.Minute, Timeout: time.Second, FailureThreshold: 3, HasTargets: true}
	}
	w.board.Keep(append(configured(), shop("shops"), shop("printers")))
	var findings []health.Finding
	for name, status := range map[string]health.Status{
		"10.0.0.1:80": health.Healthy, "10.0.0.2:80": health.Healthy, "10.0.0.4:80": health.Healthy, slashed: health.Healthy, "a/b/c": health.Unhealthy,
	} {
		findings = append(findings, health.Finding{Target: name, Result: health.Result{
			Status: status, At: w.now.Add(-time.Second), LatencyMS: 3, Message: "status 200",
		}})
	}
	w.board.Surveyed("shops", findings, nil)
	w.board.Stand(health.Standing{Service: "shops", State: health.StateDegraded, Since: w.now, At: w.now, Targets: health.Counts{Total: 5, Failing: 1, Down: 1}})
	w.board.Stand(health.Standing{Service: "shops", Target: "a/b/c", State: health.StateDown, Since: w.now, At: w.now, Failures: 3})
	w.board.Report(w.ofTarget())
	return w
}

// ofTarget is the open incident of a target.
func (w *world) ofTarget() health.Incident {
	began := w.now.Add(-3 * time.Minute)
	return health.Incident{
		ID: health.IncidentID("shops", "a/b/c", began), Service: "shops", Target: "a/b/c", Severity: "P2", State: health.Triggered,
		FirstFailureAt: began, OpenedAt: began.Add(time.Minute), Workflow: "remediation/shops/a/b/c", Run: "run-3", Reason: "status 503",
	}
}
