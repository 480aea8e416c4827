package chain

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"paramedic/internal/realtest"
)

const (
	// shops is the name of the service with targets; beat is its interval.
	shops = "shops"
	beat  = time.Second
	// late is how long a target may go without a probe on a busy machine.
	late = 5 * beat
)

// street is a row of real HTTP servers, each at an address of its own, that
// open and close as a test wants, and write down who comes.
type street struct {
	t       *testing.T
	houses  []string
	server  *http.Server
	serving sync.WaitGroup

	mu     sync.Mutex
	open   map[string]net.Listener
	visits []visit
	// behave answers a request in place of the house when it returns false.
	behave func(w http.ResponseWriter, v visit) (well bool)
}

// visit is one request: where, at which path and when.
type visit struct {
	house, path string
	at          time.Time
}

// newStreet opens so many houses.
func newStreet(t *testing.T, count int) *street {
	t.Helper()
	s := &street{t: t, open: map[string]net.Listener{}}
	s.server = &http.Server{Handler: http.HandlerFunc(s.welcome), ReadHeaderTimeout: soon}
	s.server.SetKeepAlivesEnabled(false) // or a house that has closed goes on answering
	t.Cleanup(func() {
		_ = s.server.Close()
		s.serving.Wait()
	})
	for range count {
		s.houses = append(s.houses, realtest.FreeAddress(t))
	}
	s.unlock(s.houses...)
	return s
}

// unlock opens houses; lock closes them, and connections are refused.
func (s *street) unlock(houses ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, house := range houses {
		listener := listen(s.t, house)
		s.open[house] = listener
		s.serving.Go(func() { _ = s.server.Serve(listener) }) // ends with the listener
	}
}

func (s *street) lock(houses ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, house := range houses {
		require.NoError(s.t, s.open[house].Close())
		delete(s.open, house)
	}
}

// listen takes an address, once nobody tries any more whether it is free.
func listen(t *testing.T, address string) (listener net.Listener) {
	t.Helper()
	await(t, address+" is free", func() bool {
		var err error
		listener, err = net.Listen("tcp", address)
		return err == nil
	})
	return listener
}

// answer sets how requests are answered from now on; nil answers all well.
func (s *street) answer(behave func(http.ResponseWriter, visit) (well bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behave = behave
}

func (s *street) welcome(w http.ResponseWriter, r *http.Request) {
	v := visit{path: r.URL.Path, at: time.Now()}
	if address, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		v.house = address.String()
	}
	s.mu.Lock()
	s.visits = append(s.visits, v)
	behave := s.behave
	s.mu.Unlock()
	if behave == nil || behave(w, v) {
		w.WriteHeader(http.StatusOK)
	}
}

// seen are the times at which a house was visited since then, at any path.
func (s *street) seen(house string, since time.Time) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	var times []time.Time
	for _, v := range s.visits {
		if v.house == house && v.at.After(since) {
			times = append(times, v.at)
		}
	}
	return times
}

// awaitRounds waits until each of the houses was visited so many times more.
func (s *street) awaitRounds(count int, houses ...string) {
	s.t.Helper()
	since := time.Now()
	await(s.t, fmt.Sprintf("each target was probed %d times more", count), func() bool {
		return !slices.ContainsFunc(houses, func(house string) bool { return len(s.seen(house, since)) < count })
	})
}

// longest is the longest time in which a house was not visited.
func (s *street) longest(house string, from, until time.Time) time.Duration {
	last, longest := from, time.Duration(0)
	for _, at := range append(s.seen(house, from), until) {
		if at.After(until) {
			at = until
		}
		longest, last = max(longest, at.Sub(last)), at
	}
	return longest
}

// requireProbed requires that houses were visited all the time since then.
func (s *street) requireProbed(since time.Time, houses ...string) {
	s.t.Helper()
	for _, house := range houses {
		require.Less(s.t, s.longest(house, since, time.Now()), late, "%s was not probed for so long", house)
	}
}

// register is a file of targets, and what was done to them, one in each line.
type register struct {
	t           *testing.T
	file, deeds string
}

func newRegister(t *testing.T) *register {
	t.Helper()
	dir := t.TempDir()
	return &register{t: t, file: filepath.Join(dir, "shops.json"), deeds: filepath.Join(dir, "deeds")}
}

// group is one group of targets of the file.
type group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// tier is a group of targets that have this label.
func tier(name string, targets ...string) group {
	return group{Targets: targets, Labels: map[string]string{"tier": name}}
}

// write puts targets into the file.
func (r *register) write(groups ...group) {
	r.t.Helper()
	text, err := json.Marshal(groups)
	require.NoError(r.t, err)
	r.put(string(text))
}

// put lets a new file take the place of the old one.
func (r *register) put(text string) {
	r.t.Helper()
	require.NoError(r.t, os.WriteFile(r.file+".new", []byte(text), 0o600))
	require.NoError(r.t, os.Rename(r.file+".new", r.file))
}

// done are the targets that a step was carried out for, with their labels, in order.
func (r *register) done() []string {
	r.t.Helper()
	text, err := os.ReadFile(r.deeds)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(r.t, err)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// fleet is the service of these tests: its targets, how they are probed, and
// what its remediation says beside the step.
func (r *register) fleet(targets, how, remediation string) service {
	return service{
		name: shops, probe: `{http: {url: "http://{{target}}/health"}}`,
		remediation: fmt.Sprintf(`{%s, steps: [{exec: {command: [/bin/sh, -c, 'echo "$1 $2" >> %s', step, "{{target}}", '{{label "tier"}}']}}]}`,
			remediation, r.deeds),
		more: []string{"interval: " + beat.String(), "targets: " + targets, "fleet: {retries: 0, " + how + "}"},
	}
}

// of names the incident or standing of a target.
func of(target string) string { return shops + "/" + target }

// open waits until a target, or the service as a whole, has an incident.
func (d *deployment) opened(name string) (i incident) {
	d.t.Helper()
	d.await("the incident of "+name+" is open", func() (found bool) {
		i, found = d.incident(name)
		return found && i.State != "resolved"
	})
	return i
}

// runs counts the runs of the workflow of an incident, in Temporal itself.
func (d *deployment) runs(name string) int {
	d.t.Helper()
	answer, err := d.dial().ListWorkflow(d.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowId = 'remediation/%s'", name),
	})
	require.NoError(d.t, err)
	return len(answer.GetExecutions())
}
