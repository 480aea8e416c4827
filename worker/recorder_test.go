package main

import (
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/metrics"
	"paramedic/internal/supervise"
)

// What another worker has told of an incident, it has counted; what comes after
// is counted here, once.
func TestEachAttemptIsCountedByOneWorker(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	m := metrics.New(metrics.Options{Health: func() supervise.Health { return supervise.Health{} }, Version: "1", Log: quiet})
	r := newRecorder(board.New(nowhere{}, quiet), m, quiet)
	incident := health.Incident{ID: "web@1", Service: "web", State: health.Triggered, OpenedAt: time.Now(), Attempts: 2}
	r.Board.Report(incident) // was heard of over the store
	incident.Attempts = 3
	r.Report(incident)
	r.Report(incident)
	require.Contains(t, scraped(m), `paramedic_permits_total{answer="granted"} 1`)

	next := health.Incident{ID: "web@2", Service: "web", State: health.Triggered, OpenedAt: time.Now().Add(time.Second), Attempts: 1}
	r.Report(next)
	next.State = health.Resolved
	r.Report(next)
	r.Report(next) // while it sees its alerts off
	require.Contains(t, scraped(m), `paramedic_permits_total{answer="granted"} 2`)
}

func scraped(m *metrics.Metrics) string {
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	return answer.Body.String()
}
