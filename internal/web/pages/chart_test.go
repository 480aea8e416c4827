package pages

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/store"
)

var until = time.Date(2026, 3, 19, 12, 3, 0, 0, time.UTC)

// points are the newest spans of a range, the oldest first.
func points(r chartRange, all ...store.Point) []store.Point {
	for i := range all {
		all[i].At = until.Truncate(r.span).Add(-time.Duration(len(all)-1-i) * r.span)
	}
	return all
}

func TestChart(t *testing.T) {
	r := rangeOf("day")
	c := newChart(r, points(r,
		store.Point{Probes: 10, MeanMS: 10, MaxMS: 20}, store.Point{Probes: 10, Failed: 5, MeanMS: 40, MaxMS: 70},
		store.Point{Probes: 10, Failed: 10}, store.Point{Probes: 10, MeanMS: 10, MaxMS: 30},
	), until)
	require.Equal(t, []float64{80, 60, 40, 20, 0}, c.Down)
	require.Equal(t, []string{"12:00", "18:00", "00:01", "06:02", "12:03"}, c.Across)
	require.Equal(t, 40, c.Probes)
	require.Equal(t, 15, c.Lost)
	require.Equal(t, 70.0, c.Max)
	require.InDelta(t, (10*10+5*40+10*10)/25.0, c.Mean, 0.001)
	require.Regexp(t, `^M[\d.]+ 175\.0L[\d.]+ 100\.0M[\d.]+ 175\.0h0$`, c.Line, "where all failed there is a gap")
	require.Len(t, c.Failed, 2)
	require.Equal(t, "100.0", c.Failed[0].Height, "half of them failed")
	require.Equal(t, "200.0", c.Failed[1].Height)
	require.Equal(t, []store.Point{
		{At: until.Truncate(time.Hour), Probes: 10, MeanMS: 10, MaxMS: 30},
		{At: until.Truncate(time.Hour).Add(-time.Hour), Probes: 30, Failed: 15, MeanMS: 20, MaxMS: 70},
	}, c.Rows, "hours, the newest first")
}

func TestChartOfNothing(t *testing.T) {
	for _, name := range []string{"day", "week", "month", "", "x"} {
		c := newChart(rangeOf(name), nil, until)
		require.Zero(t, c.Probes)
		require.Empty(t, c.Line+c.Band)
		require.Len(t, c.Ranges, 3)
	}
}

func TestChartHasGapsWhereNothingWasProbed(t *testing.T) {
	r := rangeOf("week")
	all := points(r, store.Point{Probes: 1, MeanMS: 1}, store.Point{Probes: 1, MeanMS: 1}, store.Point{}, store.Point{Probes: 1, MeanMS: 1})
	c := newChart(r, append(all[:2:2], all[3]), until)
	require.Regexp(t, `^M[^M]*L[^M]*M[^M]*h0$`, c.Line)
}

func TestCeiling(t *testing.T) {
	for ms, want := range map[float64]float64{0: 1, 0.3: 1, 1: 1, 1.2: 2, 7: 8, 9: 10, 11: 20, 400: 400, 401: 500, 12345: 20000, math.Inf(1): 1} {
		require.Equal(t, want, ceiling(ms), ms)
	}
	require.Equal(t, 1.0, ceiling(math.NaN()))
}

func TestDays(t *testing.T) {
	midnight := until.Truncate(24 * time.Hour)
	d := newDays([]store.Day{
		{At: midnight.AddDate(0, 0, -200), Probes: 9, Failed: 9},
		{At: midnight.AddDate(0, 0, -4), Probes: 100},
		{At: midnight.AddDate(0, 0, -3), Probes: 100, Degraded: 1},
		{At: midnight.AddDate(0, 0, -2), Probes: 100, Failed: 1, Degraded: 50},
		{At: midnight, Probes: 100, Failed: 5},
	}, until)
	require.Len(t, d.Bars, 90)
	require.Equal(t, midnight.AddDate(0, 0, -89), d.Bars[0].At)
	require.Equal(t, midnight, d.Bars[89].At)
	var states []string
	var heights []int
	for _, bar := range d.Bars[84:] {
		states, heights = append(states, bar.State), append(heights, bar.Height)
	}
	require.Equal(t, []string{"", "healthy", "degraded", "failing", "", "down"}, states)
	require.Equal(t, []int{3, 16, 24, 32, 3, 40}, heights, "the worse the higher")
	require.Equal(t, 4, d.Known)
	require.Len(t, d.Troubled, 3)
	require.Equal(t, midnight, d.Troubled[0].At)
}

func TestSpark(t *testing.T) {
	s := newSpark([]float32{10, 20, -1, 5})
	require.Equal(t, "M79 12h0L82 2M88 17h0", s.Path)
	require.Equal(t, []int{85}, s.Failed)
	require.Equal(t, 20.0, s.Max)
	require.Equal(t, 5.0, s.Last)
	require.Empty(t, newSpark(nil).Path)
	require.Equal(t, "M88 22h0", newSpark([]float32{0}).Path)
	require.Equal(t, []int{88}, newSpark([]float32{-1}).Failed)
}
