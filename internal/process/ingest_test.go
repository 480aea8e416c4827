package process

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ingestExample = "examples/ingest/paramedic.yml"

// The example of a data pipeline, as it is but for addresses, over real servers:
// whoever runs such a pipeline has every panel and endpoint, and the mails.
func TestIngestExample(t *testing.T) {
	t.Parallel()
	plant := newPlant(t)
	place := newPlace(t, "")
	configuration, env := plant.configuration(t, place)
	place.configure(t, configuration)
	worker := start(t, place.dir, env, workerProgram(t), place.flags()...)
	worker.ready()
	ask := func(method, path, token, body string) reply {
		return call{method: method, path: path, token: token, contentType: "application/json", body: body}.make(t, place.listen)
	}
	worker.eventually("everything to be healthy", func() bool {
		return ask("GET", "/api/system/health", adminSecret, "").has(`"status":"healthy"`) && ask("GET", "/health", "", "").has(`{"status":"healthy"`)
	})

	t.Run("health", func(t *testing.T) {
		got := ask("GET", "/health", "", "")
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, "3", string(field(t, got, "clickhouse_rows")))
		require.Contains(t, got.body, `"uptime":"`)
		require.Equal(t, http.StatusUnauthorized, ask("GET", "/api/system/health", "", "").status)
		require.Equal(t, http.StatusForbidden, ask("GET", "/api/system/health", viewerSecret, "").status)
		for _, service := range []string{"clickhouse", "dragonfly", "r2", "supabase", "aggregates", "wal", "ingest"} {
			require.Contains(t, ask("GET", "/api/system/health", adminSecret, "").body, `"service":"`+service+`"`)
		}
	})
	t.Run("data freshness", func(t *testing.T) { requireFresh(t, ask("GET", "/api/system/data-freshness", adminSecret, "")) })
	t.Run("pipeline", func(t *testing.T) {
		for language, titles := range map[string][]string{
			"en": {"Data freshness", "Service health", "Write-ahead log", "Dead-letter recovery", "Failover", "Aggregator sync"},
			"es": {"Actualidad de los datos", "Salud de los servicios", "Registro de escritura anticipada (WAL)", "Recuperación de mensajes fallidos (DLQ)", "Conmutación", "Sincronización de agregados"},
		} {
			page := call{method: "GET", path: "/system/pipeline", token: adminSecret, header: "Accept-Language: " + language + "\r\n"}.make(t, place.listen)
			require.Equal(t, http.StatusOK, page.status)
			require.Equal(t, language, page.header.Get("Content-Language"))
			for _, title := range titles {
				require.Contains(t, page.body, title)
			}
			for _, panel := range []string{"freshness", "cards", "wal", "dlq", "failover", "sync"} {
				require.Contains(t, page.body, ` aria-labelledby="`+panel+`"`)
			}
			for _, shown := range []string{"S2S", "Pixel", "Click", "partner_daily", "geo", "media", "hourly", "primary"} {
				require.Contains(t, page.body, "<bdi>"+shown+"</bdi>")
			}
		}
	})
	t.Run("system alert", func(t *testing.T) { plant.requireMails(t, worker, ask) })
}

// has reports whether a good answer holds a text.
func (r reply) has(text string) bool {
	return r.status == http.StatusOK && strings.Contains(r.body, text)
}

// requireFresh checks every value of the panels against what is in the servers.
func requireFresh(t *testing.T, got reply) {
	t.Helper()
	require.Equal(t, http.StatusOK, got.status, got.body)
	var fresh struct {
		Status    string
		LastEvent struct {
			Service, Status string
			At              time.Time
			AgeSeconds      float64 `json:"age_seconds"`
		} `json:"last_event"`
		Aggregation struct {
			LagSeconds float64 `json:"lag_seconds"`
			Lookback   string
			Rows       map[string]float64
		}
		Pipeline struct {
			Services []struct{ Service, Status string }
			WAL      struct {
				SizeBytes float64 `json:"size_bytes"`
				Files     float64
				Pending   float64
				LastWrite time.Time `json:"last_write"`
			}
			DLQ []struct {
				Name           string
				Pending        float64
				RecoveredToday float64   `json:"recovered_today"`
				LastAttempt    time.Time `json:"last_attempt"`
				LastResult     string    `json:"last_result"`
			}
			Failover struct {
				Tier             string
				Status           string
				LastEvent        time.Time `json:"last_event"`
				DurationSeconds  float64   `json:"duration_seconds"`
				StandbyReachable bool      `json:"standby_reachable"`
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &fresh), got.body)
	const late = 3 * time.Minute // this machine may be busy
	require.Equal(t, "ok", fresh.Status)
	require.Equal(t, "clickhouse", fresh.LastEvent.Service)
	require.WithinDuration(t, time.Now().Add(-2*time.Minute), fresh.LastEvent.At, late)
	require.InDelta(t, 5*60, fresh.Aggregation.LagSeconds, late.Seconds())
	require.Equal(t, map[string]float64{"partner_daily": 3, "geo": 2, "media": 1, "hourly": 4}, fresh.Aggregation.Rows, "of the last seven days")
	require.Len(t, fresh.Pipeline.Services, 5)
	require.Equal(t, []float64{300, 2, 4}, []float64{fresh.Pipeline.WAL.SizeBytes, fresh.Pipeline.WAL.Files, fresh.Pipeline.WAL.Pending})
	require.WithinDuration(t, time.Now(), fresh.Pipeline.WAL.LastWrite, late)
	require.Len(t, fresh.Pipeline.DLQ, 3)
	for i, want := range []struct {
		name               string
		pending, recovered float64
		result             string
	}{{"S2S", 3, 12, "ok"}, {"Pixel", 0, 0, "HTTP 503"}, {"Click", 2, 7, "ok"}} {
		queue := fresh.Pipeline.DLQ[i]
		require.Equal(t, want.name, queue.Name)
		require.Equal(t, []float64{want.pending, want.recovered}, []float64{queue.Pending, queue.RecoveredToday}, want.name)
		require.Equal(t, want.result, queue.LastResult)
		require.WithinDuration(t, time.Now().Add(-10*time.Minute), queue.LastAttempt, late)
	}
	failover := fresh.Pipeline.Failover
	require.Equal(t, "primary", failover.Tier)
	require.True(t, failover.StandbyReachable)
	require.Equal(t, 42.0, failover.DurationSeconds)
	require.WithinDuration(t, time.Now().Add(-26*time.Hour), failover.LastEvent, late)
}

// requireMails posts what the ingest posts, and finds it in the mails, once.
func (p *plant) requireMails(t *testing.T, worker *run, ask func(method, path, token, body string) reply) {
	const down = `{"service":"clickhouse","status":"down","reason":"Connection refused after 3 retries","timestamp":"2026-03-19T14:30:00Z"}`
	const recovered = `{"service":"clickhouse","status":"recovered","reason":"Connection refused after 3 retries","duration":"2m 15s","timestamp":"2026-03-19T14:32:15Z"}`
	const path = "/api/admin/system-alert"
	require.Equal(t, http.StatusUnauthorized, ask("POST", path, "", down).status)
	for i, body := range []string{down, down, recovered, recovered} {
		got := ask("POST", path, viewerSecret, body)
		require.Equal(t, http.StatusAccepted, got.status, got.body)
		require.JSONEq(t, `{"accepted":true,"receivers":["team"]}`, got.body)
		worker.eventually("the mail", func() bool { return len(p.received()) > i/2 })
	}
	mails := p.received()
	require.Len(t, mails, 2, "each is told once")
	for i, wanted := range []string{"Connection refused after 3 retries", "2m 15s"} {
		require.Equal(t, "<ops@example.com>", mails[i].Get("to"))
		require.Equal(t, `"Ingest" <alerts@mg.example.com>`, mails[i].Get("from"))
		require.Contains(t, mails[i].Get("subject"), "clickhouse")
		require.Contains(t, mails[i].Get("text"), wanted)
		require.Contains(t, mails[i].Get("html"), "clickhouse")
	}
	require.Contains(t, mails[1].Get("subject"), "se recuperó tras", "this team reads Spanish")
}
