package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"paramedic/activities"
	"paramedic/internal/config"
	"paramedic/internal/fleet"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// site is a web server whose pages, one for each service, fail on command.
type site struct {
	*httptest.Server
	mu     sync.Mutex
	broken map[string]bool
}

func newSite() *site {
	s := &site{broken: map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		broken := s.broken[strings.TrimPrefix(r.URL.Path, "/")]
		s.mu.Unlock()
		if broken {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	return s
}

func (s *site) breakAll(cfg *config.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, service := range cfg.Services {
		s.broken[service.Name] = true
	}
}

func (s *site) mend(service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[service] = false
}

// delay is the time from the return of the third failed probe to the call of
// the remedy, and to the moment at which the remedy's command runs.
type delay struct{ remedy, command time.Duration }

// witness is a fleet that notes when the third probe failed and when the
// remedy was called.
type witness struct {
	*fleet.Fleet
	site *site

	mu    sync.Mutex
	cases map[string]*observed
}

// observed is what was seen of one service.
type observed struct {
	// failures counts the failed probes of the Monitor in a row; third is when
	// the third of them returned.
	failures int
	third    time.Time
	// passed and treated hold the latest news, one at most.
	passed  chan struct{}
	treated chan delay
}

func newWitness(f *fleet.Fleet, s *site) *witness {
	return &witness{Fleet: f, site: s, cases: map[string]*observed{}}
}

func (w *witness) of(service string) *observed {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cases[service] == nil {
		w.cases[service] = &observed{passed: make(chan struct{}, 1), treated: make(chan delay, 1)}
	}
	return w.cases[service]
}

// Probe implements activities.Prober.
func (w *witness) Probe(ctx context.Context, service, target string) (health.Result, error) {
	result, err := w.Fleet.Probe(ctx, service, target)
	if err == nil && activity.GetInfo(ctx).WorkflowType.Name == workflows.MonitorType {
		w.note(w.of(service), result)
	}
	return result, err
}

func (w *witness) note(o *observed, result health.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if result.Status.Up() {
		o.failures = 0
		select {
		case o.passed <- struct{}{}:
		default:
		}
		return
	}
	if o.failures++; o.failures == 3 {
		o.third = time.Now()
	}
}

// Remediate implements activities.Remediator.
func (w *witness) Remediate(
	ctx context.Context, in activities.RemediateInput, checkpoint activities.Checkpoint,
) (health.Treatment, error) {
	called := time.Now()
	treatment, err := w.Fleet.Remediate(ctx, in, checkpoint)
	if err != nil {
		return treatment, err
	}
	ran, err := strconv.ParseInt(strings.TrimSpace(treatment.Output), 10, 64)
	if err != nil {
		return treatment, fmt.Errorf("the remedy's command did not print the time in ns: %w", err)
	}
	w.site.mend(in.Service)
	o := w.of(in.Service)
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case o.treated <- delay{remedy: called.Sub(o.third), command: time.Unix(0, ran).Sub(o.third)}:
	default:
	}
	return treatment, nil
}

// awaitPass waits until a probe of the Monitor passes that began after the
// call, so that nothing of an earlier outage is left.
func (w *witness) awaitPass(ctx context.Context, service string) error {
	o := w.of(service)
	select {
	case <-o.passed: // news from before the call
	default:
	}
	select {
	case <-o.passed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for a passing probe of %s: %w", service, ctx.Err())
	}
}

func (w *witness) awaitRemedy(ctx context.Context, service string) (delay, error) {
	select {
	case found := <-w.of(service).treated:
		return found, nil
	case <-ctx.Done():
		return delay{}, fmt.Errorf("waiting for the remedy of %s: %w", service, ctx.Err())
	}
}
