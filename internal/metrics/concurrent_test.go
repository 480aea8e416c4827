package metrics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
)

// TestScrapesWhileThingsHappen: services come and go, probes are made, and
// several Prometheuses look, all at once.
func TestScrapesWhileThingsHappen(t *testing.T) {
	b := newBoard()
	m := New(Options{Board: b})
	var work sync.WaitGroup
	for worker := range 4 {
		work.Go(func() {
			for i := range 50 {
				service := fmt.Sprintf("s%d", i%7)
				b.Keep([]board.Configured{configured(service), configured("web")})
				found := result(health.Healthy, time.Now(), map[string]float64{"rows": 1})
				b.Probed(service, "", found)
				m.Probed(service, found)
				m.Alert("ops", store.AlertDelivered)
				m.IncidentClosed(health.Incident{ID: fmt.Sprint(worker, i), Service: service, State: health.Resolved, Outcome: health.Healed, Severity: "P1"})
				m.Temporal().WithTags(map[string]string{"operation": service}).Counter("temporal_request").Inc(1)
			}
		})
		work.Go(func() {
			for range 10 {
				scrape(t, m)
			}
		})
	}
	work.Wait()
	answer := scrape(t, m)
	require.Contains(t, answer, `paramedic_alerts_total{outcome="delivered",receiver="ops"} 200`)
	require.Contains(t, answer, `paramedic_incidents_total{outcome="healed",severity="P1"} 200`)
}

// TestScrapesAreBounded: more than a few at once are sent away, not queued up.
func TestScrapesAreBounded(t *testing.T) {
	entered, release := make(chan struct{}, scrapesAtOnce), make(chan struct{})
	m := New(Options{Store: func() Store {
		entered <- struct{}{}
		<-release
		return Store{}
	}})
	handler := m.Handler()
	ask := func() int {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return answer.Code
	}
	var scrapes sync.WaitGroup
	var codes [scrapesAtOnce]int
	for i := range codes {
		scrapes.Go(func() { codes[i] = ask() })
	}
	for range scrapesAtOnce {
		<-entered
	}
	require.Equal(t, http.StatusServiceUnavailable, ask())
	close(release)
	scrapes.Wait()
	require.Equal(t, [scrapesAtOnce]int{200, 200, 200, 200}, codes)
	require.Equal(t, http.StatusOK, ask())
}
