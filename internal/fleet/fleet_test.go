package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/option"
)

// parse reads a configuration in which ${TOKEN} is a secret.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("test.yml", []byte(text), func(name string) (string, bool) {
		return "s3cret-token", name == "TOKEN"
	})
	require.NoError(t, err)
	return cfg
}

func newFleet(t *testing.T, text string) *Fleet {
	t.Helper()
	fleet, err := New(parse(t, text), slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	t.Cleanup(fleet.Close)
	return fleet
}

const oneService = `
services:
  - name: web
    failure_threshold: 2
    probe: {http: {url: "%s", token: "${TOKEN}", expect: ["text == 'never'"]}}
    alerts: [ops]
alerts:
  ops: {webhook: {url: "%s", token: "${TOKEN}"}}
`

// echo answers with the credentials it was given, as careless servers do.
func echo(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, "you sent ", r.Header.Get("Authorization"))
	})
}

func TestNoSecretLeavesByTheBackDoor(t *testing.T) {
	server := httptest.NewServer(echo(http.StatusInternalServerError))
	defer server.Close()
	fleet := newFleet(t, fmt.Sprintf(oneService, server.URL, server.URL))

	result, err := fleet.Probe(t.Context(), "web", "")
	require.NoError(t, err)
	require.Equal(t, health.Unhealthy, result.Status)
	require.NotContains(t, result.Message, "s3cret-token")
	require.Contains(t, result.Message, option.Mask, "the answer quotes the token, masked")

	err = fleet.Notify(t.Context(), "ops", []health.Alert{{Service: "web", Status: health.AlertDown}})
	require.Error(t, err)
	for ; err != nil; err = errors.Unwrap(err) {
		require.NotContains(t, err.Error(), "s3cret-token")
	}
}

func TestOnlyWhatIsConfiguredCanBeAskedFor(t *testing.T) {
	fleet := newFleet(t, fmt.Sprintf(oneService, "http://127.0.0.1:1", "http://127.0.0.1:1"))
	_, err := fleet.Probe(t.Context(), "other", "")
	require.ErrorIs(t, err, activities.ErrNotConfigured)
	_, err = fleet.Remediate(t.Context(), activities.RemediateInput{Service: "web"}, nil)
	require.ErrorIs(t, err, activities.ErrNotConfigured)
	require.ErrorIs(t, fleet.Notify(t.Context(), "boss", []health.Alert{{}}), activities.ErrNotConfigured)
}

func TestReplaceLetsRunningProbesFinish(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		fmt.Fprint(w, "never")
	}))
	defer slow.Close()
	fleet := newFleet(t, fmt.Sprintf(oneService, slow.URL, slow.URL))

	found := make(chan health.Result, 1)
	go func() {
		result, err := fleet.Probe(context.Background(), "web", "")
		if err != nil {
			result.Message = err.Error()
		}
		found <- result
	}()
	<-arrived
	require.NoError(t, fleet.Replace(parse(t, "services: [{name: db, probe: {tcp: {address: '127.0.0.1:1'}}}]")))
	_, err := fleet.Probe(t.Context(), "web", "")
	require.ErrorIs(t, err, activities.ErrNotConfigured, "the new configuration holds at once")
	close(release)
	result := <-found
	require.Equal(t, health.Healthy, result.Status, result.Message)
}

func TestStoppingWorkerIsNoFailureOfTheService(t *testing.T) {
	stuck := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer stuck.Close()
	observer := &heard{results: map[string]health.Result{}}
	fleet, err := New(parse(t, fmt.Sprintf(oneService, stuck.URL, stuck.URL)), slog.New(slog.DiscardHandler), nil, observer)
	require.NoError(t, err)
	defer fleet.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = fleet.Probe(ctx, "web", "")
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, observer.results, "nobody hears of it")
}

// heard keeps what an observer is told.
type heard struct {
	results    map[string]health.Result
	treatments []string
	alerts     []string
}

func (h *heard) Probed(service, target string, result health.Result) {
	h.results[health.TargetID(service, target)] = result
}

func (h *heard) Surveyed(service string, findings []health.Finding, _ []time.Duration) {
	for _, found := range findings {
		h.results[health.TargetID(service, found.Target)] = found.Result
	}
}

func (h *heard) Settled(context.Context) error { return nil }

func (h *heard) Remediated(service, kind string, treatment health.Treatment, took time.Duration, err error) {
	h.treatments = append(h.treatments, fmt.Sprintf("%s %s %s %t %v", service, kind, treatment.Effect, took > 0, err))
}

func (h *heard) Alerted(receiver string, alerts []health.Alert, took time.Duration, err error) {
	h.alerts = append(h.alerts, fmt.Sprintf("%s %d %t %v", receiver, len(alerts), took > 0, err))
}

func TestObserversHearOfWhatIsDone(t *testing.T) {
	server := httptest.NewServer(echo(http.StatusOK))
	defer server.Close()
	observer := &heard{results: map[string]health.Result{}}
	fleet, err := New(parse(t, fmt.Sprintf(`
services:
  - name: web
    probe: {http: {url: %q, headers: {X-Echo: hunter22}}}
    remediation: {steps: [{exec: {command: [/bin/sh, -c, "exit 3"]}}]}
alerts: {ops: {webhook: {url: %q}}}
`, server.URL, server.URL)), slog.New(slog.DiscardHandler), nil, observer)
	require.NoError(t, err)
	defer fleet.Close()

	result, err := fleet.Probe(t.Context(), "web", "")
	require.NoError(t, err)
	require.Equal(t, result, observer.results["web"])
	treatment, err := fleet.Remediate(t.Context(), activities.RemediateInput{Service: "web"}, fresh(t))
	require.NoError(t, err)
	require.Equal(t, health.Failed, treatment.Effect)
	require.Equal(t, []string{"web exec failed true <nil>"}, observer.treatments)
	require.NoError(t, fleet.Notify(t.Context(), "ops", []health.Alert{{Service: "web", Status: health.AlertDown}}))
	require.Equal(t, []string{"ops 1 true <nil>"}, observer.alerts)
}

func TestFleetLimitsAreThoseOfTheConfiguration(t *testing.T) {
	fleet := newFleet(t, quiet)
	require.Equal(t, activities.FleetLimits{ConcurrentRestarts: 1, MinHealthy: 51, Services: 1}, fleet.FleetLimits())
	require.NoError(t, fleet.Replace(parse(t, `
limits: {concurrent_restarts: 3, min_healthy: 60}
services:
  - {name: web, probe: {tcp: {address: "127.0.0.1:1"}}}
  - {name: db, probe: {tcp: {address: "127.0.0.1:1"}}}
`)))
	require.Equal(t, activities.FleetLimits{ConcurrentRestarts: 3, MinHealthy: 60, Services: 2}, fleet.FleetLimits())
}

// A step as it is written: the pre-check keeps it from acting while there is no
// reason to, the post-check says whether it has helped.
func TestStepsAreCarriedOutAsConfigured(t *testing.T) {
	before, after := newPage(t, 503, 200), newPage(t, 200)
	record := filepath.Join(t.TempDir(), "record")
	fleet := newFleet(t, fmt.Sprintf(`
services:
  - name: web
    timeout: 2s
    probe: {tcp: {address: "127.0.0.1:1"}}
    remediation:
      steps:
        - exec: {command: [/bin/sh, -c, "echo acted >> $0", %q]}
          pre_check: {http: {url: %q}}
          post_check: {http: {url: %q}}
`, record, before.URL, after.URL))
	in := activities.RemediateInput{Service: "web"}
	treatment, err := fleet.Remediate(t.Context(), in, fresh(t))
	require.NoError(t, err)
	require.Equal(t, health.Skipped, treatment.Effect, treatment.Detail)
	require.Empty(t, written(record))

	treatment, err = fleet.Remediate(t.Context(), in, fresh(t))
	require.NoError(t, err)
	require.Equal(t, health.Applied, treatment.Effect, treatment.Detail)
	require.Equal(t, []string{"acted"}, written(record))
	require.EqualValues(t, 1, after.asked.Load())
	require.Len(t, treatment.Notes, 1, "that the post-check passed; evidence was not asked for")
}
