package pages

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/pipeline"
	"paramedic/internal/web/access"
)

// ingest are the panels of a whole pipeline.
func ingest() *pipeline.Panels {
	freshness, wal, queue := pipeline.DefaultFreshness, pipeline.DefaultWAL, pipeline.DefaultQueue
	failover, sync := pipeline.DefaultFailover, pipeline.DefaultSync
	freshness.Service, wal.Service, failover.Service, sync.Service = "clickhouse", "wal", "gateway", "clickhouse"
	queue.Name, queue.Service = "S2S", "dlq"
	sync.Tables = []pipeline.Table{{Name: "geo", Rows: "rows_geo"}, {Name: "media", Rows: "rows_media"}}
	return &pipeline.Panels{
		Freshness: &freshness, Services: []string{"clickhouse", "wal"}, WAL: &wal,
		DLQ: []pipeline.Queue{queue}, Failover: &failover, Sync: &sync,
	}
}

// pipelineWard shows panels as an admin sees them.
func pipelineWard(t *testing.T, panels *pipeline.Panels) *ward {
	t.Helper()
	var services []board.Configured
	for _, name := range []string{"clickhouse", "wal", "gateway", "dlq"} {
		services = append(services, board.Configured{Name: name})
	}
	w := newWard(t, func(o *Options) { o.Pipeline = func() *pipeline.Panels { return panels } }, services...)
	w.who.Role = access.Admin
	return w
}

// probed has a service stand and its last probe, a minute ago, observe values.
func (w *ward) probed(service string, state health.State, numbers map[string]float64, facts map[string]string) {
	w.board.Stand(health.Standing{Service: service, State: state, Since: failedAt, At: failedAt})
	w.board.Probed(service, "", health.Result{
		Status: health.Healthy, At: w.Now().Add(-time.Minute), LatencyMS: 3.4, Observations: numbers, Facts: facts,
	})
}

func TestPipelinePage(t *testing.T) {
	w := pipelineWard(t, ingest())
	text, _ := w.page(t, "/system/pipeline")
	require.Contains(t, text, "Data freshness: unknown Nobody can say when the last event was: clickhouse is unknown.")
	require.Contains(t, text, "clickhouse ? unknown not yet")

	w.probed("clickhouse", health.StateHealthy, map[string]float64{"lag_seconds": 1140, "rows_geo": 1234567}, nil)
	w.probed("wal", health.StateDegraded, map[string]float64{"size_bytes": 1.5e9, "files": 0, "newest_age_seconds": 4, "pending": 12}, nil)
	w.probed("gateway", health.StateHealthy, map[string]float64{"standby_reachable": 0, "last_event_seconds": 3600, "last_event_duration_seconds": 95},
		map[string]string{"tier": "standby"})
	w.probed("dlq", health.StateHealthy, map[string]float64{"pending": 3, "recovered_today": 40, "last_attempt_seconds": 240},
		map[string]string{"last_result": "2 of 5 failed"})
	text, html := w.page(t, "/system/pipeline")
	for _, part := range []string{
		"Data freshness: warning Last event 2026-03-19 15:08:00 UTC , 20m 0s ago · yellow after 15m 0s, red after 1h 0m",
		"clickhouse ✓ healthy for 1h 0m Last check 1m 0s ago · 3.4 ms",
		"Size 1.5 GB Files 0 Last write 1m 4s ago Pending replays 12",
		"S2S dlq ✓ healthy 3 5m 0s ago 2 of 5 failed 40",
		"Active tier ▲ standby Last event 1h 1m ago , it lasted 1m 35s Standby ✕ cannot be reached",
		"Last sync 2026-03-19 15:08:00 UTC Lag 20m 0s Lookback window 7d 0h Table Rows geo 1 234 567 media –",
	} {
		require.Contains(t, text, part)
	}
	require.Contains(t, html, `<section class="banner degraded"`)
	require.Contains(t, html, `<a href="/system/pipeline" aria-current="page">`)

	w.headers.Set("Accept-Language", "es")
	text, _ = w.page(t, "/system/pipeline")
	require.Contains(t, text, "Actualidad de los datos: advertencia")
	require.Contains(t, text, "1,5 GB")
}

// A panel without a source is absent, and so is the page without panels.
func TestPanelsWithoutASource(t *testing.T) {
	w := pipelineWard(t, &pipeline.Panels{Services: []string{"wal"}})
	text, _ := w.page(t, "/system/pipeline")
	require.Contains(t, text, "Service health")
	for _, absent := range []string{"Data freshness", "Write-ahead", "Dead-letter", "Failover", "Aggregator"} {
		require.NotContains(t, text, absent)
	}
	w = pipelineWard(t, nil)
	require.Equal(t, 404, w.get("/system/pipeline").Code)
	require.NotContains(t, w.get("/").Body.String(), "/system/pipeline")
	require.Equal(t, 404, newWard(t, nil).get("/system/pipeline").Code)
	require.Equal(t, access.Admin, w.pipelineRoutes()[0].Role)
}

func TestHostilePipeline(t *testing.T) {
	panels := ingest()
	panels.DLQ[0].Name, panels.Sync.Tables[0].Name, panels.Services[0] = hostile, hostile, hostile
	w := pipelineWard(t, panels)
	w.probed("gateway", hostile, map[string]float64{"last_event_seconds": -1e300, "last_event_duration_seconds": 1e300}, map[string]string{"tier": hostile})
	w.probed("dlq", hostile, map[string]float64{"pending": -1e300}, map[string]string{"last_result": long})
	_, html := w.page(t, "/system/pipeline")
	require.NotContains(t, html, "<script>")
	require.NotContains(t, html, "<img")
}

func TestBytes(t *testing.T) {
	for size, want := range map[float64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 12345: "12 kB", 1.5e9: "1.5 GB", 4e18: "4000 PB", -5: "-5 B"} {
		require.Equal(t, want, english().bytes(size))
	}
}
