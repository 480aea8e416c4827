package board

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/targets"
)

// shops is a worker of a service with targets, whose list can be changed.
type shops struct {
	*worker
	list *targets.List
	err  error
}

// newShops starts a worker of the service "shops" with targets of these names;
// those that begin with "slow" are probed every ten minutes.
func newShops(t *testing.T, path string, names ...string) *shops {
	t.Helper()
	s := &shops{worker: newWorker(t, path)}
	s.Keep([]Configured{{
		Name: "shops", Interval: time.Minute, Timeout: 10 * time.Second,
		HasTargets: true, Classes: map[string]time.Duration{"slow": 10 * time.Minute},
	}, {Name: "web", Interval: time.Minute}})
	s.SetTargets(func(string) (*targets.List, error) { return s.list, s.err })
	s.relist(t, names...)
	return s
}

func (s *shops) relist(t *testing.T, names ...string) {
	t.Helper()
	all := make([]health.Target, len(names))
	for n, name := range names {
		all[n] = health.Target{Name: name, Labels: map[string]string{"zone": fmt.Sprint(len(name) % 2)}}
	}
	list, err := targets.NewList(all, func(target health.Target) string {
		if len(target.Name) >= 4 && target.Name[:4] == "slow" {
			return "slow"
		}
		return ""
	})
	require.NoError(t, err)
	s.list = list
}

func found(target string, at time.Time, status health.Status) health.Finding {
	return health.Finding{Target: target, Result: result(at, status)}
}

func (s *shops) target(t *testing.T, name string) Target {
	t.Helper()
	target, found := s.Target("shops", name)
	require.True(t, found)
	return target
}

func (s *shops) names(t *testing.T, filter TargetFilter) (names []string, total int) {
	t.Helper()
	page, total, err := s.Targets("shops", filter)
	require.NoError(t, err)
	for _, target := range page {
		names = append(names, target.Name)
	}
	return names, total
}

func TestTargetIsShownAsItsProbesFindIt(t *testing.T) {
	s := newShops(t, database(t), "a", "b")
	require.Equal(t, health.StateUnknown, s.target(t, "a").State)
	require.False(t, s.target(t, "a").Late)
	told := health.Result{
		Status: health.Degraded, At: noon, LatencyMS: 7.25, Message: "slow",
		Observations: map[string]float64{"rows": 3}, Facts: map[string]string{"tier": "primary"},
	}
	s.Surveyed("shops", []health.Finding{{Target: "a", Result: told}, found("b", noon, health.Unhealthy), found("gone", noon, health.Healthy)}, nil)
	a := s.target(t, "a")
	require.Equal(t, health.StateDegraded, a.State)
	require.Equal(t, told, a.Result)
	require.Equal(t, map[string]string{"zone": "1"}, a.Labels)
	require.Equal(t, health.StateFailing, s.target(t, "b").State)
	require.Equal(t, 1, s.target(t, "b").Failures)
	_, known := s.Target("shops", "gone")
	require.False(t, known)

	s.Surveyed("shops", []health.Finding{found("a", noon.Add(time.Minute), health.Healthy), found("b", noon.Add(-time.Minute), health.Healthy)}, nil)
	a = s.target(t, "a")
	require.Equal(t, health.StateHealthy, a.State)
	require.Equal(t, noon.Add(time.Minute), a.Since)
	require.Empty(t, a.Result.Observations)
	require.Equal(t, health.StateFailing, s.target(t, "b").State, "a late one does not count")
	s.Probed("shops", "b", result(noon.Add(time.Minute), health.Healthy))
	require.Equal(t, health.StateHealthy, s.target(t, "b").State)
	require.Zero(t, s.target(t, "b").Failures)
}

// TestWhatTheMonitorSaysOfATarget: that it is down holds until the Monitor says
// something else, or it has passed for so long that nobody has come to say so.
func TestWhatTheMonitorSaysOfATarget(t *testing.T) {
	s := newShops(t, database(t), "a")
	s.Surveyed("shops", []health.Finding{found("a", noon, health.Unhealthy)}, nil)
	down := health.Standing{Service: "shops", Target: "a", State: health.StateDown, Since: noon.Add(-time.Hour), Failures: 3, At: noon}
	s.Stand(down)
	probe := func(after time.Duration, status health.Status) health.State {
		s.now = func() time.Time { return noon.Add(after) }
		s.Surveyed("shops", []health.Finding{found("a", noon.Add(after), status)}, nil)
		return s.target(t, "a").State
	}
	require.Equal(t, health.StateDown, s.target(t, "a").State)
	require.Equal(t, down.Since, s.target(t, "a").Since)
	require.Equal(t, 3, s.target(t, "a").Failures)
	require.Equal(t, health.StateDown, probe(time.Minute, health.Healthy), "another point may see it fail")
	require.Equal(t, health.StateDown, probe(2*time.Minute, health.Unhealthy))
	require.Equal(t, health.StateDown, probe(5*time.Minute, health.Healthy))
	require.Equal(t, health.StateHealthy, probe(6*time.Minute, health.Healthy), "nobody has come to say so")
	require.Equal(t, health.StateFailing, probe(7*time.Minute, health.Unhealthy), "what was said long ago does not come back")
}

func TestMonitorTellsOfRecovery(t *testing.T) {
	s := newShops(t, database(t), "a")
	s.Surveyed("shops", []health.Finding{found("a", noon, health.Healthy)}, nil)
	s.Stand(health.Standing{Service: "shops", Target: "a", State: health.StateDown, At: noon})
	require.Equal(t, health.StateDown, s.target(t, "a").State)
	s.Stand(health.Standing{Service: "shops", Target: "a", State: health.StateHealthy, Since: noon, At: noon.Add(time.Second)})
	s.Stand(health.Standing{Service: "shops", Target: "a", State: health.StateDown, At: noon})
	require.Equal(t, health.StateHealthy, s.target(t, "a").State)
	require.Equal(t, noon, s.target(t, "a").Since)
	s.Stand(health.Standing{Service: "shops", State: health.StatePaused, Since: noon, At: noon})
	require.Equal(t, health.StatePaused, s.target(t, "a").State)
}

func TestTargetsAreLateByTheirClass(t *testing.T) {
	s := newShops(t, database(t), "quick", "slow")
	s.Surveyed("shops", []health.Finding{found("quick", noon, health.Healthy), found("slow", noon, health.Healthy)}, nil)
	s.now = func() time.Time { return noon.Add(3*time.Minute + 11*time.Second) }
	quick, slow := s.target(t, "quick"), s.target(t, "slow")
	require.True(t, quick.Late)
	require.Equal(t, health.StateUnknown, quick.State)
	require.Equal(t, "slow", slow.Class)
	require.Equal(t, health.StateHealthy, slow.State)
	s.now = func() time.Time { return noon.Add(30*time.Minute + 11*time.Second) }
	require.True(t, s.target(t, "slow").Late)
	require.Equal(t, map[health.State]int{health.StateUnknown: 2}, s.TargetStates("shops"))
}

// TestServiceIsAsLateAsItsTargets: it is probed as often as those of them that
// are probed most often, and one without any is never late.
func TestServiceIsAsLateAsItsTargets(t *testing.T) {
	s := newShops(t, database(t), "slow")
	shown := func(after time.Duration) Service {
		s.now = func() time.Time { return noon.Add(after) }
		service, _ := s.Service("shops")
		return service
	}
	s.Surveyed("shops", []health.Finding{found("slow", noon, health.Healthy)}, nil)
	require.Equal(t, 10*time.Minute, shown(0).Pace)
	require.False(t, shown(29*time.Minute).Late)
	require.True(t, shown(31*time.Minute).Late)
	s.relist(t, "quick", "slow")
	require.Equal(t, time.Minute, shown(0).Pace)
	require.True(t, shown(4*time.Minute).Late)
	s.relist(t)
	require.Zero(t, shown(0).Patience())
	require.False(t, shown(time.Hour).Late)
}

func TestTargetsAreFilteredAndPaged(t *testing.T) {
	s := newShops(t, database(t), "a", "bb", "c", "dd", "E")
	s.Surveyed("shops", []health.Finding{
		found("a", noon, health.Healthy), found("bb", noon, health.Unhealthy), found("c", noon, health.Degraded), found("dd", noon, health.Healthy),
	}, nil)
	names := func(filter TargetFilter, total int) []string {
		t.Helper()
		names, n := s.names(t, filter)
		require.Equal(t, total, n)
		return names
	}
	require.Equal(t, []string{"E", "a", "bb", "c", "dd"}, names(TargetFilter{}, 5))
	require.Equal(t, []string{"E", "a"}, names(TargetFilter{Limit: 2}, 5))
	require.Equal(t, []string{"bb", "c"}, names(TargetFilter{Limit: 2, After: "a"}, 5))
	require.Equal(t, []string{"bb"}, names(TargetFilter{Limit: 1, After: "b"}, 5), "one that has gone still has a place")
	require.Empty(t, names(TargetFilter{After: "dd"}, 5))
	require.Equal(t, []string{"bb", "dd"}, names(TargetFilter{Labels: map[string]string{"zone": "0"}}, 2))
	require.Empty(t, names(TargetFilter{Labels: map[string]string{"zone": "0", "rack": ""}}, 0))
	require.Equal(t, []string{"E"}, names(TargetFilter{Search: "e"}, 1))
	require.Equal(t, []string{"a", "dd"}, names(TargetFilter{States: []health.State{health.StateHealthy, health.StateDown}}, 2))
	require.Equal(t, []string{"bb", "E", "c", "a", "dd"}, names(TargetFilter{WorstFirst: true}, 5))
	require.Equal(t, []string{"c", "a"}, names(TargetFilter{WorstFirst: true, After: "E", Limit: 2}, 5))

	_, _, err := s.Targets("web", TargetFilter{})
	require.ErrorIs(t, err, ErrNoTargets)
	require.EqualError(t, err, "web is no service with targets")
	_, _, err = s.Targets("nobody", TargetFilter{})
	require.ErrorIs(t, err, ErrNoTargets)
}

// TestTargetsThatAreNotKnownYet: what is found before the list can be read is
// not lost.
func TestTargetsThatAreNotKnownYet(t *testing.T) {
	s := newShops(t, database(t))
	s.list, s.err = nil, targets.ErrUnknown
	s.Surveyed("shops", []health.Finding{found("a", noon, health.Healthy), found("b", noon, health.Healthy)}, nil)
	s.Stand(health.Standing{Service: "shops", Target: "a", State: health.StateDown, At: noon})
	_, _, err := s.Targets("shops", TargetFilter{})
	require.ErrorIs(t, err, targets.ErrUnknown)
	require.Nil(t, s.TargetStates("shops"))
	s.err = nil
	s.relist(t, "a")
	require.Equal(t, health.StateDown, s.target(t, "a").State)
	require.Equal(t, map[health.State]int{health.StateDown: 1}, s.TargetStates("shops"))
}

func TestTargetsComeAndGo(t *testing.T) {
	s := newShops(t, database(t), "b", "d", "slow")
	s.Surveyed("shops", []health.Finding{found("b", noon, health.Healthy), found("d", noon, health.Unhealthy), found("slow", noon, health.Degraded)}, nil)
	s.relist(t, "a", "c", "d", "e", "slow", "z")
	require.Equal(t, health.StateFailing, s.target(t, "d").State)
	require.Equal(t, health.StateDegraded, s.target(t, "slow").State)
	require.Equal(t, "slow", s.target(t, "slow").Class)
	require.Equal(t, health.StateUnknown, s.target(t, "e").State)
	_, known := s.Target("shops", "b")
	require.False(t, known)
	shown, _ := s.Service("shops")
	require.Equal(t, 6, shown.Targets.Total)
	s.relist(t, "b")
	require.Equal(t, health.StateUnknown, s.target(t, "b").State, "what has gone is forgotten")
}

func TestServiceWithTargetsIsSummedUp(t *testing.T) {
	s := newShops(t, database(t), "a", "b", "c")
	s.Stand(health.Standing{Service: "shops", State: health.StateDegraded, Targets: health.Counts{Total: 2, Failing: 2, Down: 1}, At: noon})
	probe := func(at time.Time, latency float64, status health.Status, names ...string) {
		var findings []health.Finding
		for _, name := range names {
			findings = append(findings, health.Finding{Target: name, Result: health.Result{At: at, LatencyMS: latency, Status: status}})
		}
		s.Surveyed("shops", findings, nil)
	}
	shown := func() Service {
		service, _ := s.Service("shops")
		return service
	}
	probe(noon, 10, health.Healthy, "a")
	probe(noon.Add(time.Second), 30, health.Healthy, "b")
	require.Equal(t, health.Counts{Total: 3, Failing: 2, Down: 1}, shown().Targets)
	require.Equal(t, health.Result{Status: health.Healthy, At: noon.Add(time.Second), LatencyMS: 30, Message: "2 of 2 targets pass"}, shown().Result)
	require.Empty(t, shown().Recent, "the interval is not over")
	probe(noon.Add(time.Minute), 1, health.Unhealthy, "a", "c")
	require.Equal(t, []float32{20}, shown().Recent)
	require.Equal(t, health.Degraded, shown().Result.Status)
	require.Equal(t, "1 of 3 targets pass", shown().Result.Message)
	probe(noon.Add(2*time.Minute), 1, health.Unhealthy, "b")
	require.Equal(t, []float32{20, -1}, shown().Recent)
	require.Equal(t, health.Unhealthy, shown().Result.Status)
}

func TestEachTargetHasAnIncident(t *testing.T) {
	s := newShops(t, database(t), "a", "b")
	of := func(target string, minute int) health.Incident {
		incident := outage("shops")
		incident.Target, incident.OpenedAt = target, noon.Add(time.Duration(minute)*time.Minute)
		incident.ID = health.IncidentID("shops", target, incident.OpenedAt)
		return incident
	}
	a, b, whole := of("a", 2), of("b", 1), of("", 3)
	for _, incident := range []health.Incident{a, b, whole} {
		s.Report(incident)
	}
	require.Equal(t, a.ID, s.target(t, "a").Incident.ID)
	require.Len(t, s.OpenIncidents(), 3)
	found, ok := s.OpenIncident(b.ID)
	require.True(t, ok)
	require.Equal(t, "b", found.Target)
	service, _ := s.Service("shops")
	require.Equal(t, whole.ID, service.Incident.ID)
	whole.State = health.Resolved
	s.Report(whole)
	service, _ = s.Service("shops")
	require.Equal(t, b.ID, service.Incident.ID, "the oldest")
	a.State = health.Resolved
	s.Report(a)
	s.Report(of("a", 2))
	require.Nil(t, s.target(t, "a").Incident, "it does not open again")
	require.Len(t, s.OpenIncidents(), 1)
}

func TestTargetsOfOtherWorkersAreFollowed(t *testing.T) {
	path := database(t)
	here, there := newShops(t, path, "a", "b"), newShops(t, path, "a", "b")
	require.NoError(t, here.Load(t.Context(), here.database, here.feed))
	there.Surveyed("shops", []health.Finding{found("a", noon, health.Healthy), found("b", noon, health.Unhealthy)}, nil)
	there.Stand(health.Standing{Service: "shops", Target: "b", State: health.StateDown, Since: noon, At: noon})
	require.NoError(t, here.follow(t.Context(), here.database, here.feed))
	require.Equal(t, health.StateHealthy, here.target(t, "a").State)
	require.Equal(t, health.StateDown, here.target(t, "b").State)
	shown, _ := here.Service("shops")
	require.Equal(t, "1 of 2 targets pass", shown.Result.Message)

	later := newShops(t, path, "a", "b")
	require.NoError(t, later.Load(t.Context(), later.database, later.feed))
	require.Equal(t, health.StateDown, later.target(t, "b").State, "what was known is shown after a start")
	require.Equal(t, "status 200", later.target(t, "b").Result.Message)
	require.True(t, later.target(t, "a").Result.At.Equal(noon))
}

// TestThousandsOfIncidentsAreFollowed: more than are read at once.
func TestThousandsOfIncidentsAreFollowed(t *testing.T) {
	path := database(t)
	here, there := newShops(t, path), newShops(t, path)
	var batch store.Batch
	for n := range openPage + 700 {
		incident := outage("shops")
		incident.Target = fmt.Sprint(n)
		incident.ID = health.IncidentID("shops", incident.Target, noon)
		batch.Incidents = append(batch.Incidents, incident)
	}
	require.NoError(t, there.database.Write(t.Context(), batch))
	require.NoError(t, here.Load(t.Context(), here.database, here.feed))
	require.Len(t, here.OpenIncidents(), openPage+700)
}

// TestTargetsAreSmall: ten thousand targets, with observations and facts, in
// three megabytes.
func TestTargetsAreSmall(t *testing.T) {
	names := make([]string, 10_000)
	findings := make([]health.Finding, len(names))
	for n := range names {
		names[n] = fmt.Sprintf("10.0.%d.%d:80", n/256, n%256)
	}
	s := newShops(t, database(t), names...)
	s.sink = nowhere{}
	probe := func(minute int) {
		for n, name := range names {
			findings[n] = found(name, noon.Add(time.Duration(minute)*time.Minute), health.Healthy)
			findings[n].Observations = map[string]float64{"status_code": 200, "response_bytes": float64(n)}
			findings[n].Facts = map[string]string{"tier": fmt.Sprint("pri", "mary")}
		}
		s.Surveyed("shops", findings, nil)
		clear(findings)
	}
	for minute := range 5 {
		probe(minute)
	}
	shown, _ := s.Service("shops")
	require.Equal(t, "10000 of 10000 targets pass", shown.Result.Message)
	full := heap()
	s.services["shops"].crowd = newCrowd()
	taken := full - heap()
	t.Logf("%d kB", taken>>10)
	require.Positive(t, taken)
	runtime.KeepAlive(findings)
	runtime.KeepAlive(names)
	runtime.KeepAlive(s)
	require.Less(t, taken, int64(3<<20))
}

// heap is what is in use of it.
func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // which frees what finalizers held
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestSparklineOfTargetsOutlivesAStart(t *testing.T) {
	path := database(t)
	before := newShops(t, path, "a", "b")
	for minute := range 3 {
		at := noon.Add(time.Duration(minute-3) * time.Minute)
		before.Surveyed("shops", []health.Finding{found("a", at, health.Healthy), found("b", at, health.Healthy)}, nil)
	}
	after := newShops(t, path, "a", "b")
	require.NoError(t, after.Load(t.Context(), after.database, after.feed))
	shown, _ := after.Service("shops")
	require.Equal(t, []float32{12, 12, 12}, shown.Recent)
	require.InDelta(t, 1, shown.Uptime.Day, 0)
}

// TestStormNamesNotAll: of those that the Monitor does not name, their own
// results say that they are down, while it says so of the service.
func TestStormNamesNotAll(t *testing.T) {
	s := newShops(t, database(t), "a", "b")
	s.Keep([]Configured{{Name: "shops", Interval: time.Minute, Timeout: 10 * time.Second, HasTargets: true, FailureThreshold: 3}})
	fail := func(times int) {
		for n := range times {
			at := noon.Add(time.Duration(n) * time.Second)
			s.Surveyed("shops", []health.Finding{found("a", at, health.Unhealthy)}, nil)
		}
	}
	fail(3)
	require.Equal(t, health.StateFailing, s.target(t, "a").State, "nobody says that it is a storm")
	s.Stand(health.Standing{Service: "shops", State: health.StateDown, At: noon})
	require.Equal(t, health.StateDown, s.target(t, "a").State)
	require.Equal(t, 3, s.target(t, "a").Failures)
	require.Equal(t, health.StateUnknown, s.target(t, "b").State)
}
