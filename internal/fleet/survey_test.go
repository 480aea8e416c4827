package fleet

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/survey"
	"paramedic/internal/targets"
)

func TestBatchOfTargets(t *testing.T) {
	s := newStreet(t)
	f, b, observer := openShops(t, s, "", nothing, 30)
	s.close("b-1", "b-4")
	result, err := f.Survey(t.Context(), one("a-0", "b-1", "z-99"), &saved{})
	require.NoError(t, err)
	require.Equal(t, 30, result.Class)
	require.Equal(t, 30, result.Probed)
	require.Len(t, result.Failed, 2)
	require.Equal(t, "b-1", result.Failed[0].Target)
	require.Equal(t, "b-4", result.Failed[1].Target)
	require.Contains(t, result.Failed[0].Message, "503")
	require.Len(t, result.Passed, 1)
	require.Equal(t, "a-0", result.Passed[0].Target)
	require.Equal(t, []string{"z-99"}, result.Gone)
	require.Len(t, observer.results, 30)
	require.NotEmpty(t, observer.results["shops/a-0"].Observations)
	require.Equal(t, survey.Counts{}, f.Load())

	list, err := b.List("shops")
	require.NoError(t, err)
	require.Len(t, s.asked, list.Len())
}

// The secret is not the probe's own, which it masks itself.
func TestTargetsTellNoSecret(t *testing.T) {
	s := newStreet(t)
	s.says = "hello " + secret
	f, _, observer := openStreet(t, fmt.Sprintf(`
services:
  - name: shops
    targets: {api: true}
    fleet: {retries: 0}
    probe: {http: {url: "%s/{{target}}", expect: ["text == 'never'"]}}
    alerts: [ops]
alerts:
  ops: {webhook: {url: "https://ops.example", token: "${TOKEN}"}}
`, s.URL), 3)
	found, err := f.Survey(t.Context(), one(), &saved{})
	require.NoError(t, err)
	single, err := f.Probe(t.Context(), "shops", "a-0")
	require.NoError(t, err)
	for _, told := range []any{found, single, observer.results} {
		text := fmt.Sprint(told)
		require.NotContains(t, text, secret)
		require.Contains(t, text, option.Mask)
	}
}

func TestBatchesAreThoseOfTheirClass(t *testing.T) {
	s := newStreet(t)
	f, _, observer := openShops(t, s, "classes: [{name: core, match: {tier: a}, interval: 5s}]", nothing, 60)
	roll, err := f.Roll(t.Context(), "shops")
	require.NoError(t, err)
	require.Equal(t, activities.Roll{Classes: map[string]int{"": 40, "core": 20}}, roll)

	probed := 0
	for batch := range 4 {
		in := one("a-0", "b-1")
		in.Class, in.Batch, in.Of = "core", batch, 4
		result, err := f.Survey(t.Context(), in, &saved{})
		require.NoError(t, err)
		require.Equal(t, 20, result.Class)
		require.Equal(t, []string{"b-1"}, result.Gone, "it is of another class")
		require.Equal(t, health.InBatch("a-0", batch, 4), len(result.Passed) == 1)
		probed += result.Probed
	}
	require.Equal(t, 20, probed)
	require.Len(t, observer.results, 20, "each in one batch")
	for name, times := range s.asked {
		require.Equal(t, "a", name[:1])
		require.Equal(t, 1, times)
	}

	in := one()
	in.Class, in.Of = "core", 1
	result, err := f.Survey(t.Context(), in, &saved{})
	require.NoError(t, err)
	require.Equal(t, 20, result.Probed, "there may be more or fewer batches from one tick to the next")
	in.Class, in.Batch, in.Of = "nobody", 7, -3
	result, err = f.Survey(t.Context(), in, &saved{})
	require.NoError(t, err)
	require.Equal(t, activities.BatchResult{}, result)
}

func TestListsChangeBetweenTicks(t *testing.T) {
	s := newStreet(t)
	f, b, _ := openShops(t, s, "", nothing, 3)
	_, err := f.Survey(t.Context(), one(), &saved{})
	require.NoError(t, err)
	b.put(t, parse(t, fmt.Sprintf(shops, "", s.URL, nothing)), "shops", "c-2", "d-3")
	result, err := f.Survey(t.Context(), one("a-0"), &saved{})
	require.NoError(t, err)
	require.Equal(t, activities.BatchResult{Class: 2, Probed: 2, Gone: []string{"a-0"}}, result)
	_, err = f.Probe(t.Context(), "shops", "a-0")
	require.ErrorIs(t, err, activities.ErrNotConfigured)
}

func TestBatchGoesOnWhereAnotherWorkerHasStopped(t *testing.T) {
	s := newStreet(t)
	f, b, observer := openShops(t, s, "", nothing, 16)
	list, err := b.List("shops")
	require.NoError(t, err)
	var state survey.State
	done := &saved{}
	state.List = survey.NewGroup(list.All(), nil).Fingerprint()
	state.Done = []byte{0xff, 0x0f}
	done.Save(state)
	result, err := f.Survey(t.Context(), one(), done)
	require.NoError(t, err)
	require.Equal(t, 16, result.Probed)
	require.Len(t, observer.results, 4)
	want := list.All()[12:]
	require.ElementsMatch(t, []string{want[0].Name, want[1].Name, want[2].Name, want[3].Name}, slices.Collect(maps.Keys(s.asked)))
}

func TestOnlyTargetsThatAreListedCanBeAskedFor(t *testing.T) {
	s := newStreet(t)
	f, b, _ := openShops(t, s, "", nothing, 3)
	for target, says := range map[string]string{
		"":     "service shops has targets, one of which must be named: not in this worker's configuration",
		"b-77": "target shops/b-77: not in this worker's configuration",
	} {
		_, err := f.Probe(t.Context(), "shops", target)
		require.ErrorIs(t, err, activities.ErrNotConfigured)
		require.EqualError(t, err, says)
	}
	_, err := f.Remediate(t.Context(), activities.RemediateInput{Service: "shops", Target: "b-77"}, fresh(t))
	require.ErrorIs(t, err, activities.ErrNotConfigured)
	in := one()
	in.Service = "other"
	_, err = f.Survey(t.Context(), in, &saved{})
	require.ErrorIs(t, err, activities.ErrNotConfigured)
	_, err = f.Roll(t.Context(), "other")
	require.ErrorIs(t, err, activities.ErrNotConfigured)

	b.lists["shops"] = nil
	_, err = f.Survey(t.Context(), one(), &saved{})
	require.ErrorIs(t, err, targets.ErrUnknown)
	require.NotErrorIs(t, err, activities.ErrNotConfigured, "it will be known soon")
	_, err = f.Probe(t.Context(), "shops", "a-0")
	require.ErrorIs(t, err, targets.ErrUnknown)
	delete(b.lists, "shops")
	_, err = f.Survey(t.Context(), one(), &saved{})
	require.ErrorIs(t, err, activities.ErrNotConfigured)
}

func TestServiceWithoutTargetsHasNone(t *testing.T) {
	f := newFleet(t, fmt.Sprintf(oneService, "http://127.0.0.1:1", "http://127.0.0.1:1"))
	_, err := f.Probe(t.Context(), "web", "a-0")
	require.ErrorIs(t, err, activities.ErrNotConfigured)
	in := one()
	in.Service = "web"
	_, err = f.Survey(t.Context(), in, &saved{})
	require.ErrorIs(t, err, activities.ErrNotConfigured)
}

func TestEachTargetCountsAsOneService(t *testing.T) {
	s := newStreet(t)
	f, b, _ := openShops(t, s, "", nothing, 30)
	require.Equal(t, 30, f.FleetLimits().Services)
	b.lists["shops"] = nil
	require.Equal(t, 1, f.FleetLimits().Services)
}

// gate is a control probe's server.
func gate(t *testing.T) (open *atomic.Bool, fleet string) {
	open = &atomic.Bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !open.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(server.Close)
	return open, fmt.Sprintf("control: {http: {url: %q, expect: [status == 200]}}", server.URL)
}

func TestControlProbeTellsWhoseFailureItIs(t *testing.T) {
	s := newStreet(t)
	open, control := gate(t)
	f, _, observer := openShops(t, s, control, nothing, 4)
	s.close("a-0", "b-1", "c-2")
	result, err := f.Survey(t.Context(), one("a-0"), &saved{})
	require.NoError(t, err)
	require.Contains(t, result.CutOff, "the control probe failed too: ")
	require.Empty(t, result.Failed)
	require.Len(t, observer.results, 1)
	_, err = f.Probe(t.Context(), "shops", "a-0")
	require.ErrorContains(t, err, "probing shops/a-0: the prober is cut off: the control probe failed too: ")
	_, err = f.Probe(t.Context(), "shops", "a-3")
	require.NoError(t, err, "it passes")

	open.Store(true)
	result, err = f.Survey(t.Context(), one("a-0"), &saved{})
	require.NoError(t, err)
	require.Empty(t, result.CutOff)
	require.Len(t, result.Failed, 3)
	found, err := f.Probe(t.Context(), "shops", "a-0")
	require.NoError(t, err)
	require.Equal(t, health.Unhealthy, found.Status)
}
