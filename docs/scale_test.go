// Package docs holds the test of the figures in scale.md: they are worked out
// from the recorded histories, and from what Temporal says that it counts.
package docs

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"google.golang.org/protobuf/proto"
)

// The shape of the work: workflows/rounds_slots.go and the defaults of the
// configuration.
const (
	batchSize          = 1000
	batchesPerInterval = 32
	ticksPerDay        = 24 * 60 // one a minute
	ticksPerWatch      = 10
	watchesPerDay      = ticksPerDay / ticksPerWatch
	daysPerMonth       = 30
)

// events are what one thing leaves in a history.
type events map[enums.EventType]int

// task is a workflow task, by which a workflow gets on.
var task = events{
	enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED: 1, enums.EVENT_TYPE_WORKFLOW_TASK_STARTED: 1, enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED: 1,
}

func sum(all ...events) events {
	total := events{}
	for _, some := range all {
		for kind, n := range some {
			total[kind] += n
		}
	}
	return total
}

var (
	timer    = sum(events{enums.EVENT_TYPE_TIMER_STARTED: 1, enums.EVENT_TYPE_TIMER_FIRED: 1}, task)
	activity = sum(events{
		enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: 1, enums.EVENT_TYPE_ACTIVITY_TASK_STARTED: 1, enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: 1,
	}, task)
	// batch is the wait for it and the activity; tick is a probe of a service
	// without targets, a local activity that leaves a marker.
	batch = sum(timer, activity)
	tick  = sum(timer, events{enums.EVENT_TYPE_MARKER_RECORDED: 1})
	// watch is what a run has besides: its start, the wait for its end, its end.
	watch = sum(events{enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: 1, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: 1}, task, timer)
)

// count counts events, and bytes of them at the mean size of each kind.
func (e events) count(sizes map[enums.EventType]float64) (n, bytes float64) {
	for kind, times := range e {
		n += float64(times)
		bytes += float64(times) * sizes[kind]
	}
	return n, bytes
}

// recorded are the mean sizes of the kinds of events in a recorded history.
func recorded(t *testing.T, file string) map[enums.EventType]float64 {
	t.Helper()
	bytes, times := map[enums.EventType]float64{}, map[enums.EventType]float64{}
	for _, event := range story(t, file).Events {
		bytes[event.EventType] += float64(proto.Size(event))
		times[event.EventType]++
	}
	for kind := range bytes {
		bytes[kind] /= times[kind]
	}
	return bytes
}

func story(t *testing.T, file string) *history.History {
	t.Helper()
	text, err := os.ReadFile("../workflows/testdata/" + file)
	require.NoError(t, err)
	var told history.History
	require.NoError(t, temporalproto.CustomJSONUnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, &told))
	return &told
}

// step is a row of the table.
type step struct {
	targets, services int
	// alone is set if each service is its own target.
	alone bool
}

var steps = []step{
	{4, 4, true}, {100, 100, true}, {100, 1, false}, {1000, 1, false}, {10_000, 1, false}, {100_000, 4, false}, {1_000_000, 40, false},
}

// batches are those of all services in one tick.
func (s step) batches() float64 {
	if s.alone {
		return 0
	}
	each := (s.targets/s.services + batchSize - 1) / batchSize
	return float64(s.services * min(each, batchesPerInterval))
}

// day is what a step costs Temporal in a day: events, their bytes, and actions
// as Temporal Cloud counts them (https://docs.temporal.io/cloud/actions): one a
// timer and one an activity, or the local activities of a workflow task; three
// for a start by a schedule.
func (s step) day(plain, fleet map[enums.EventType]float64) (events, bytes, actions float64) {
	watches, sizes, unit, ticks := float64(s.services*watchesPerDay), fleet, batch, s.batches()*ticksPerDay
	if s.alone {
		sizes, unit, ticks = plain, tick, float64(s.services*ticksPerDay)
	}
	n, size := unit.count(sizes)
	fixed, fixedSize := watch.count(sizes)
	return ticks*n + watches*fixed, ticks*size + watches*fixedSize, ticks*2 + watches*(3+1)
}

// tiers are prices of a million actions a month, each up to so many millions, of
// the plan Business (https://docs.temporal.io/cloud/pricing).
var tiers = []struct{ upTo, price float64 }{{5, 50}, {10, 45}, {20, 40}, {50, 35}, {100, 30}, {200, 25}}

func price(millions float64) float64 {
	total, from := 0.0, 0.0
	for _, tier := range tiers {
		total += max(0, min(millions, tier.upTo)-from) * tier.price
		from = tier.upTo
	}
	return total
}

func (s step) row(plain, fleet map[enums.EventType]float64) string {
	events, bytes, actions := s.day(plain, fleet)
	as := fmt.Sprintf("%d services", s.services)
	switch {
	case !s.alone && s.services == 1:
		as = "1 service"
	case !s.alone:
		as = fmt.Sprintf("%d services of %s", s.services, grouped(float64(s.targets/s.services)))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | $%s |\n", grouped(float64(s.targets)), as,
		short(s.batches()), short(float64(s.targets)/60), short(events), size(bytes), short(actions),
		grouped(math.Round(price(actions*daysPerMonth/1e6))))
}

// short writes two digits that count.
func short(v float64) string {
	switch {
	case v == 0:
		return "none"
	case v < 10:
		return fmt.Sprintf("%.2g", v)
	}
	unit := math.Pow(10, math.Floor(math.Log10(v))-1)
	return grouped(math.Round(v/unit) * unit)
}

func size(v float64) string {
	for _, unit := range []string{"B", "kB", "MB"} {
		if v < 1000 {
			return short(v) + " " + unit
		}
		v /= 1000
	}
	return short(v) + " GB"
}

// grouped writes a whole number with commas.
func grouped(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// marked is the part of scale.md that a test works out.
func marked(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("scale.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "<!-- "+name+": worked out by a test -->\n")
	require.True(t, found, name)
	got, _, _ := strings.Cut(rest, "<!-- end -->")
	return got
}

// The table is what the shape of the work comes to.
func TestTableOfSteps(t *testing.T) {
	plain, fleet := recorded(t, "monitor-healthy.json"), recorded(t, "monitor-target.json")
	var want strings.Builder
	want.WriteString("| Targets | As | Batches a minute | Checks/s | Events a day | History a day | Actions a day | Cloud, a month |\n|---:|---|---:|---:|---:|---:|---:|---:|\n")
	for _, s := range steps {
		want.WriteString(s.row(plain, fleet))
	}
	require.Equal(t, want.String(), marked(t, "steps"), "the table in scale.md has to be:\n%s", want.String())
}

// A recorded watch of nine ticks has just the events that the table counts with,
// but that the first tick is not waited for; and a watch with the most batches
// stays below the history that Temporal suggests.
func TestShapeIsAsRecorded(t *testing.T) {
	want := watch
	for range 9 {
		want = sum(want, tick)
	}
	for kind, times := range timer {
		want[kind] -= times
	}
	require.Equal(t, want, kinds(t, "monitor-healthy.json"))

	fleet := kinds(t, "monitor-target.json")
	for kind := range sum(watch, batch) {
		require.Contains(t, fleet, kind)
	}
	perBatch, _ := batch.count(nil)
	besides, _ := watch.count(nil)
	require.EqualValues(t, 11, perBatch)
	require.Less(t, batchesPerInterval*ticksPerWatch*perBatch+besides, 4096.0)
}

// kinds counts the events of a recorded history.
func kinds(t *testing.T, file string) events {
	t.Helper()
	all := events{}
	for _, event := range story(t, file).Events {
		all[event.EventType]++
	}
	return all
}
