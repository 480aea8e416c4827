//go:build !noembed

package integration

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/apply"
	"paramedic/internal/health"
	"paramedic/internal/operator"
)

// TestAlertOfAnotherSystem: what is put into an Outbox from outside of any
// incident is delivered, and once, however often it is put there.
func TestAlertOfAnotherSystem(t *testing.T) {
	var mu sync.Mutex
	var told []map[string]any
	people := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if json.NewDecoder(r.Body).Decode(&body) == nil {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, body)
		}
	}))
	t.Cleanup(people.Close)
	connection := startServer(t)
	site := newWebsite(t)
	cfg := parse(t, site.text(time.Minute)+"alerts:\n  ops: {webhook: {url: \""+people.URL+"\"}}\n")
	startWorker(t, connection, cfg)

	o := operator.New(connection, apply.TaskQueue(cfg))
	at := time.Date(2026, 3, 19, 14, 30, 0, 0, time.UTC)
	for _, alert := range []health.Alert{
		{Stage: health.AlertInitial, Status: health.AlertDown, Reason: "refused", DedupKey: "clickhouse/down"},
		{Stage: health.AlertInitial, Status: health.AlertDown, Reason: "refused", DedupKey: "clickhouse/down"},
		{Stage: health.AlertResolution, Status: health.AlertRecovered, Downtime: health.Duration(135 * time.Second), DedupKey: "clickhouse/recovered"},
	} {
		alert.Service, alert.Incident, alert.Severity, alert.At = "clickhouse", "clickhouse@system-alert", "P1", at
		require.NoError(t, o.PostAlert(t.Context(), "ops", activities.Grouping{Batch: 1}, alert))
	}
	heard := func() []map[string]any {
		mu.Lock()
		defer mu.Unlock()
		return told
	}
	require.Eventually(t, func() bool { return len(heard()) == 2 }, soon, poll)
	require.Eventually(t, func() bool {
		outboxes, err := o.Outboxes(t.Context(), []string{"ops"})
		return err == nil && outboxes[0].Delivered == 2 && len(outboxes[0].Waiting)+len(outboxes[0].Sending) == 0
	}, soon, poll)
	require.Equal(t, []any{"down", "recovered"}, []any{heard()[0]["status"], heard()[1]["status"]})
	require.Equal(t, "2m 15s", heard()[1]["duration"])
}
