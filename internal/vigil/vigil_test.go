package vigil

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// post stands in for the Monitors, whose lateness is a fault of a worker that
// a test cannot wait for.
type post struct {
	last      map[string]time.Time
	paused    map[string]bool
	asked     []string
	triggered []string
}

func (p *post) LastTick(_ context.Context, service string) (time.Time, bool, error) {
	p.asked = append(p.asked, service)
	last, known := p.last[service]
	if !known {
		return time.Time{}, false, errors.New("no Monitor is on duty")
	}
	return last, p.paused[service], nil
}

func (p *post) Trigger(_ context.Context, service string, instead bool) error {
	p.triggered = append(p.triggered, fmt.Sprintf("%s %t", service, instead))
	return nil
}

func watch(services ...Service) (*Vigil, *post, *bytes.Buffer) {
	var log bytes.Buffer
	p := &post{last: map[string]time.Time{}, paused: map[string]bool{}}
	return &Vigil{
		Services: func() []Service { return services }, Monitors: p, Log: slog.New(slog.NewTextHandler(&log, nil)),
	}, p, &log
}

func service(name string) Service {
	return Service{Name: name, Interval: time.Minute, Timeout: 10 * time.Second}
}

// patience of the services in these tests.
const patience = 3*time.Minute + 10*time.Second

func TestLateMonitorIsStartedAgain(t *testing.T) {
	v, p, log := watch(service("web"))
	require.Empty(t, v.Round(t.Context(), noon), "a new service has time")
	require.Empty(t, v.Round(t.Context(), noon.Add(patience)))
	require.Empty(t, p.asked)

	late := noon.Add(patience + time.Second)
	require.Equal(t, []string{"web"}, v.Round(t.Context(), late))
	require.Equal(t, []string{"web false"}, p.triggered)
	require.Contains(t, log.String(), "web: its Monitor is late, no probe for more than 3m11s: its schedule is triggered again")

	require.Equal(t, []string{"web"}, v.Round(t.Context(), late.Add(time.Minute)))
	require.Len(t, p.triggered, 1, "it gets time to come")
	v.Round(t.Context(), late.Add(patience))
	require.Equal(t, []string{"web false", "web true"}, p.triggered, "a run that hangs is ended")

	p.last["web"] = late.Add(patience)
	require.Empty(t, v.Round(t.Context(), late.Add(patience+time.Minute)))
}

func TestProbesOfOtherWorkersCount(t *testing.T) {
	v, p, _ := watch(service("web"))
	v.Round(t.Context(), noon)
	now := noon.Add(10 * time.Minute)
	p.last["web"] = now.Add(-time.Minute)
	require.Empty(t, v.Round(t.Context(), now))
	require.Empty(t, v.Round(t.Context(), now.Add(time.Minute)))
	require.Len(t, p.asked, 1, "it is asked again only when it would be late")
}

func TestOwnProbesNeedNoQuestion(t *testing.T) {
	s := service("web")
	s.LastProbeAt = noon.Add(9 * time.Minute)
	v, p, _ := watch(s)
	v.Round(t.Context(), noon)
	require.Empty(t, v.Round(t.Context(), noon.Add(10*time.Minute)))
	require.Empty(t, p.asked)
}

func TestPausedMonitorIsExcused(t *testing.T) {
	v, p, _ := watch(service("web"))
	v.Round(t.Context(), noon)
	p.last["web"], p.paused["web"] = noon, true
	require.Empty(t, v.Round(t.Context(), noon.Add(time.Hour)))
	require.Empty(t, p.triggered)
}

func TestOverloadStartsNothing(t *testing.T) {
	services := make([]Service, 100)
	for i := range services {
		services[i] = service(fmt.Sprintf("s%02d", i))
		if i < 60 {
			services[i].LastProbeAt = noon.Add(time.Hour)
		}
	}
	v, p, _ := watch(services...)
	v.Round(t.Context(), noon)
	require.Len(t, v.Round(t.Context(), noon.Add(time.Hour)), checksAtOnce)
	require.Len(t, p.asked, checksAtOnce, "questions are bounded")
	require.Len(t, p.triggered, triggersAtOnce, "and so are starts")

	v, p, log := watch(services[58:64]...)
	v.Round(t.Context(), noon)
	v.Round(t.Context(), noon.Add(time.Hour))
	require.Empty(t, p.triggered)
	require.Contains(t, log.String(), "4 of 6 Monitors are late: this worker or Temporal is overloaded")
}

func TestHeartbeat(t *testing.T) {
	answer, calls := http.StatusOK, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(answer)
	}))
	defer server.Close()
	var log bytes.Buffer
	h := &Heartbeat{
		URL: option.NewSecret(server.URL + "/ping/s3cret-key"), Log: slog.New(slog.NewTextHandler(&log, nil)), Client: server.Client(),
	}
	h.Beat(t.Context())
	require.Equal(t, 1, calls)
	require.Empty(t, log.String())

	answer = http.StatusInternalServerError
	h.Beat(t.Context())
	h.Beat(t.Context())
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("level=ERROR")), "said once")
	answer = http.StatusOK
	h.Beat(t.Context())
	require.Contains(t, log.String(), "answers again")
	server.Close()
	h.Beat(t.Context())
	require.NotContains(t, log.String(), "s3cret-key")
}
