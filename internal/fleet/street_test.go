package fleet

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/targets"
)

// book holds lists of targets by service; a nil one is not known yet.
type book struct {
	mu    sync.Mutex
	lists map[string]*targets.List
}

func (b *book) List(service string) (*targets.List, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list, found := b.lists[service]
	switch {
	case !found:
		return nil, fmt.Errorf("service %s: %w", service, targets.ErrNone)
	case list == nil:
		return nil, fmt.Errorf("service %s: %w", service, targets.ErrUnknown)
	}
	return list, nil
}

func (b *book) put(t *testing.T, cfg *config.Config, service string, names ...string) {
	t.Helper()
	all := make([]health.Target, len(names))
	for i, name := range names {
		shop, _, _ := strings.Cut(name, "-")
		all[i] = health.Target{Name: name, Labels: map[string]string{"unit": "shop@" + shop, "tier": shop}}
	}
	configured, _ := cfg.Service(service)
	list, err := targets.NewList(all, configured.Fleet.ClassOf)
	require.NoError(t, err)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lists[service] = list
}

// street is a server with a page for each shop.
type street struct {
	*httptest.Server
	mu sync.Mutex
	// down are the shops that are closed, by name.
	down  map[string]bool
	asked map[string]int
	says  string
}

func newStreet(t *testing.T) *street {
	s := &street{down: map[string]bool{}, asked: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		name := strings.TrimPrefix(r.URL.Path, "/")
		s.asked[name]++
		if s.down[name] {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, s.says)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *street) close(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.down)
	for _, name := range names {
		s.down[name] = true
	}
}

// shops is a service with targets on a street; what is put in stands in its
// configuration.
const shops = `
services:
  - name: shops
    interval: 10s
    timeout: 2s
    targets: {api: true}
    fleet: {retries: 0, %s}
    probe: {http: {url: "%s/{{target}}", token: "${TOKEN}", expect: ["status == 200"]}}
    remediation: {mode: act, steps: [%s]}
`

// nothing is a step that does nothing.
const nothing = "{exec: {command: [/bin/true]}}"

// openShops opens a fleet with one service of that name, and n targets a-0 b-1
// c-2 a-3 ...
func openShops(t *testing.T, s *street, fleet, steps string, n int) (*Fleet, *book, *heard) {
	t.Helper()
	return openStreet(t, fmt.Sprintf(shops, fleet, s.URL, steps), n)
}

func openStreet(t *testing.T, text string, n int) (*Fleet, *book, *heard) {
	t.Helper()
	cfg := parse(t, text)
	b, observer := &book{lists: map[string]*targets.List{}}, &heard{results: map[string]health.Result{}}
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%c-%d", 'a'+i%3, i))
	}
	b.put(t, cfg, "shops", names...)
	f, err := New(cfg, slog.New(slog.DiscardHandler), b, observer)
	require.NoError(t, err)
	t.Cleanup(f.Close)
	return f, b, observer
}

// saved is the progress of an activity.
type saved struct{ states [][]byte }

func (s *saved) Load(state any) bool {
	return len(s.states) > 0 && json.Unmarshal(s.states[len(s.states)-1], state) == nil
}

func (s *saved) Save(state any) {
	text, _ := json.Marshal(state)
	s.states = append(s.states, text)
}

func one(failing ...string) activities.BatchInput {
	return activities.BatchInput{
		Service: "shops", Of: 1, Due: time.Now(), Until: time.Now().Add(10 * time.Second), Failing: failing,
	}
}
