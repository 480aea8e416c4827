package pages

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

var failedAt = time.Date(2026, 3, 19, 14, 28, 0, 0, time.UTC)

// incidentWith is an open incident with an entry after each of so many seconds.
func incidentWith(kind health.EntryKind, seconds ...int) health.Incident {
	i := health.Incident{ID: "web@1", Service: "web", State: health.Triggered, FirstFailureAt: failedAt, OpenedAt: failedAt.Add(2 * time.Minute)}
	for n, second := range seconds {
		i.Timeline.Entries = append(i.Timeline.Entries, health.Entry{
			At: failedAt.Add(time.Duration(second) * time.Second), Kind: kind, Text: fmt.Sprintf("entry %d", n),
		})
	}
	return i
}

func english() *language { return &language{Tag: "en", point: "."} }

// bounded: whatever the incident, every mark is inside the picture and in order.
func bounded(t *testing.T, drawn timeline) {
	t.Helper()
	require.LessOrEqual(t, len(drawn.Ticks), ticksLimit+1)
	require.NotEmpty(t, drawn.Ticks)
	last := 0
	for _, tick := range drawn.Ticks {
		require.Greater(t, tick.X, last)
		require.LessOrEqual(t, tick.X, drawn.Right)
		last = tick.X
	}
	for _, lane := range drawn.Lanes {
		last = 0
		for _, dot := range lane.Dots {
			require.GreaterOrEqual(t, dot.X, drawn.Left)
			require.LessOrEqual(t, dot.X, drawn.Right)
			require.Greater(t, dot.X, last)
			last = dot.X
		}
		for _, wait := range lane.Waits {
			require.GreaterOrEqual(t, wait.X, drawn.Left)
			require.LessOrEqual(t, wait.X+wait.Width, drawn.Right+2)
		}
	}
}

func TestTimeline(t *testing.T) {
	many := make([]int, health.TimelineLimit)
	for n := range many {
		many[n] = n * 30
	}
	same := make([]int, health.TimelineLimit)
	for name, test := range map[string]struct {
		incident    health.Incident
		now         time.Duration
		lanes, dots int
		ticks       string
	}{
		"no entries":            {incidentWith(""), 3 * time.Minute, 0, 0, "0s 30s 1m 1m 30s 2m 2m 30s 3m"},
		"one":                   {incidentWith(health.EntryFailure, 0), 0, 1, 1, "0s 1s"},
		"200 entries":           {incidentWith(health.EntryVerification, many...), 100 * time.Minute, 1, 77, "0s 15m 30m 45m 1h 1h 15m 1h 30m"},
		"200 at the same time":  {incidentWith(health.EntryAlert, same...), time.Minute, 1, 1, "0s 10s 20s 30s 40s 50s 1m"},
		"all at once, no span":  {incidentWith(health.EntryAlert, same...), 0, 1, 1, "0s 1s"},
		"a week":                {incidentWith(health.EntryNote, 0, 86400, 604800), 7 * 24 * time.Hour, 1, 3, "0s 1d 2d 3d 4d 5d 6d 7d"},
		"before the failure":    {incidentWith(health.EntryFailure, -60, 0), 2 * time.Minute, 1, 2, "0s 30s 1m 1m 30s 2m"},
		"a clock that is wrong": {incidentWith(health.EntryFailure, 0, 900_000_000), -time.Hour, 1, 2, "0s 1920d 3840d 5760d 7680d 9600d"},
		"no first failure":      {health.Incident{Timeline: incidentWith(health.EntryNote, 0, 60).Timeline}, time.Minute, 1, 2, "0s 10s 20s 30s 40s 50s 1m"},
	} {
		t.Run(name, func(t *testing.T) {
			drawn := newTimeline(english(), test.incident, failedAt.Add(test.now))
			bounded(t, drawn)
			require.Len(t, drawn.Lanes, test.lanes)
			if test.lanes > 0 {
				require.Len(t, drawn.Lanes[0].Dots, test.dots)
			}
			var ticks []string
			for _, tick := range drawn.Ticks {
				ticks = append(ticks, tick.Label)
			}
			require.Equal(t, test.ticks, strings.Join(ticks, " "))
			require.Equal(t, timelineTop+test.lanes*laneHeight+axisHeight, drawn.Height)
			require.Zero(t, drawn.End)
		})
	}
}

// Entries that lie on each other are one mark, whose title tells of the first
// and counts the rest.
func TestMarksTogether(t *testing.T) {
	same := make([]int, 12)
	drawn := newTimeline(english(), incidentWith(health.EntryAlert, same...), failedAt.Add(time.Minute))
	dot := drawn.Lanes[0].Dots[0]
	require.Equal(t, 12, dot.Count)
	lines := strings.Split(dot.Title, "\n")
	require.Len(t, lines, titleLines+1)
	require.Equal(t, "14:28:00 (+0s) alert: entry 0", lines[0])
	require.Equal(t, "and 4 more", lines[titleLines])
}

func TestLanesInOrder(t *testing.T) {
	drawn := newTimeline(english(), sample(), failedAt.Add(time.Hour))
	bounded(t, drawn)
	var names []string
	for at, lane := range drawn.Lanes {
		names = append(names, lane.Name)
		require.Equal(t, timelineTop+at*laneHeight+laneHeight/2, lane.Y)
	}
	require.Equal(t, []string{"Failures", "Decisions", "Attempts", "Settling", "Verifications", "Alerts", "People, notes"}, names)
	require.Equal(t, "settling for 11s", drawn.Lanes[3].Waits[0].Title)
	require.Equal(t, drawn.Right, drawn.End)
}

func TestOffsetsAreSigned(t *testing.T) {
	require.Equal(t, "+2m 15s", offset(135*time.Second))
	require.Equal(t, "−5s", offset(-5*time.Second))
	require.Equal(t, "+49h 0m 1s", offset(49*time.Hour+time.Second))
	require.Equal(t, "1d", roundSpan(24*time.Hour))
	require.Equal(t, "1h 30m", roundSpan(90*time.Minute))
	require.Equal(t, "0s", roundSpan(0))
	require.Equal(t, "10m", roundSpan(10*time.Minute))
}
