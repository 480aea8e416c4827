package survey

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// try is one probe as the world saw it; times are since the world's beginning.
type try struct{ from, to time.Duration }

// behaviour is what a target does when it is probed for the nth time, from 0.
type behaviour func(n int) (takes time.Duration, up bool)

// world holds targets and remembers each probe of them. Its clock is that of a
// bubble of package synctest.
type world struct {
	begun time.Time
	limit time.Duration

	mu      sync.Mutex
	answers map[string]behaviour
	tries   map[string][]try
	order   []string
	busy    map[string]int
	// mostYoung and mostBusy are how many probes ran at the same time at worst,
	// of all but the aged ones, and of one host.
	young, mostYoung, mostBusy int
	controls                   []time.Duration
}

func newWorld(limit time.Duration) *world {
	return &world{
		begun: time.Now().UTC(), limit: limit, answers: map[string]behaviour{},
		tries: map[string][]try{}, busy: map[string]int{},
	}
}

// always answers after a while.
func always(takes time.Duration, up bool) behaviour {
	return func(int) (time.Duration, bool) { return takes, up }
}

// fails does so for the first times, each after 10 ms.
func fails(times int) behaviour {
	return func(n int) (time.Duration, bool) { return 10 * time.Millisecond, n >= times }
}

// add puts targets named prefix-000 ... into the world.
func (w *world) add(prefix string, count int, does behaviour) {
	for i := range count {
		w.answers[fmt.Sprintf("%s-%03d", prefix, i)] = does
	}
}

func (w *world) targets() []health.Target {
	var targets []health.Target
	for _, name := range slices.Sorted(maps.Keys(w.answers)) {
		targets = append(targets, health.Target{Name: name})
	}
	return targets
}

// hostOf is what stands before the dash in a target's name.
func hostOf(target health.Target) string {
	host, _, _ := strings.Cut(target.Name, "-")
	return host
}

func (w *world) group() *Group { return NewGroup(w.targets(), hostOf) }

func (w *world) enter(name string) (n int, does behaviour) {
	w.mu.Lock()
	defer w.mu.Unlock()
	host := hostOf(health.Target{Name: name})
	w.busy[host]++
	w.mostBusy = max(w.mostBusy, w.busy[host])
	w.young++
	w.mostYoung = max(w.mostYoung, w.young)
	w.order = append(w.order, name)
	w.tries[name] = append(w.tries[name], try{from: time.Since(w.begun), to: -1})
	return len(w.tries[name]) - 1, w.answers[name]
}

// pass waits. After a second the probe is no longer young, here a moment before
// the engine can know.
func (w *world) pass(ctx context.Context, takes time.Duration) error {
	young := min(takes, Age-time.Nanosecond)
	pause(ctx, young)
	w.mu.Lock()
	w.young--
	w.mu.Unlock()
	pause(ctx, takes-young)
	return ctx.Err()
}

func pause(ctx context.Context, span time.Duration) {
	if span <= 0 {
		return
	}
	select {
	case <-time.After(span):
	case <-ctx.Done():
	}
}

func (w *world) probe(ctx context.Context, target health.Target) health.Result {
	n, does := w.enter(target.Name)
	at := time.Now().UTC()
	takes, up := does(n)
	ctx, cancel := context.WithTimeout(ctx, w.limit)
	defer cancel()
	err := w.pass(ctx, takes)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy[hostOf(target)]--
	w.tries[target.Name][n].to = time.Since(w.begun)
	result := health.Result{Status: health.Healthy, At: at, Message: fmt.Sprintf("try %d", n+1)}
	if err != nil || !up {
		result.Status = health.Unhealthy
	}
	return result
}

// control is a control probe.
func (w *world) control(up bool) func(context.Context) health.Result {
	return func(context.Context) health.Result {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.controls = append(w.controls, time.Since(w.begun))
		if up {
			return health.Result{Status: health.Healthy}
		}
		return health.Result{Status: health.Unhealthy, Message: "no route to the host"}
	}
}

// survey is one with the world's probe.
func (w *world) survey(parallel, perHost, retries int) *Survey {
	return &Survey{
		Probe: w.probe, Load: &Load{},
		Limits: Limits{Timeout: w.limit, Parallel: parallel, PerHost: perHost, Retries: retries, Named: 500},
	}
}

// batch is due at the world's beginning, and has a minute.
func (w *world) batch(failing ...string) Batch {
	return Batch{Group: w.group(), Due: w.begun, Until: w.begun.Add(time.Minute), Failing: failing}
}

func (w *world) run(t *testing.T, s *Survey, failing ...string) (Report, *desk) {
	t.Helper()
	d := &desk{}
	report, err := s.Run(t.Context(), w.batch(failing...), d)
	require.NoError(t, err)
	require.Equal(t, Counts{
		Overloaded: int64(report.Overloaded), Missed: int64(report.Missed),
	}, s.Load.Counts(), "nothing waits or runs any more")
	return report, d
}

// desk remembers what it is told.
type desk struct {
	told  []health.Finding
	late  []time.Duration
	calls int
	// stuck has the store never answer.
	stuck  bool
	states []State
	before *State
}

func (d *desk) Tell(findings []health.Finding, late []time.Duration) {
	d.told, d.late = append(d.told, findings...), append(d.late, late...)
	d.calls++
}

func (d *desk) Settled(ctx context.Context) error {
	if d.stuck {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (d *desk) Save(state State) { d.states = append(d.states, state) }

func (d *desk) Load() (State, bool) {
	if d.before == nil {
		return State{}, false
	}
	return *d.before, true
}

// of returns what was told of one target.
func (d *desk) of(t *testing.T, name string) health.Finding {
	t.Helper()
	at := slices.IndexFunc(d.told, func(f health.Finding) bool { return f.Target == name })
	require.GreaterOrEqual(t, at, 0, "%s was told", name)
	return d.told[at]
}

// names of the targets of findings.
func names(findings []health.Finding) []string {
	var all []string
	for _, found := range findings {
		all = append(all, found.Target)
	}
	return all
}
