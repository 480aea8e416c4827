package pages

import (
	"fmt"
	"math"
	"strings"
	"time"

	"paramedic/internal/store"
)

// The size of a chart, in units of its picture; it is stretched to its place.
const chartWidth, chartHeight = 720.0, 200.0

// chartRange is how far back a chart looks.
type chartRange struct {
	// Name stands in addresses, Text on the page.
	Name, Text string
	length     time.Duration
	// span is that of one point, rows that of a row of the table.
	span, rows time.Duration
	// layout writes an instant below the axis, which has so many of them.
	layout string
	marks  int
}

var chartRanges = []chartRange{
	{"day", key("24 h"), 24 * time.Hour, 10 * time.Minute, time.Hour, "15:04", 5},
	{"week", key("7 days"), 7 * 24 * time.Hour, time.Hour, 24 * time.Hour, "01-02", 8},
	{"month", key("30 days"), 30 * 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, "01-02", 6},
}

// rangeOf is the range of that name, or else the first.
func rangeOf(name string) chartRange {
	for _, r := range chartRanges {
		if r.Name == name {
			return r
		}
	}
	return chartRanges[0]
}

// from is where the range begins, on a whole span so that points stay where
// they are while time goes on.
func (r chartRange) from(until time.Time) time.Time {
	return until.UTC().Add(-r.length).Truncate(r.span)
}

// chart is response times as a picture and as a table.
type chart struct {
	Ranges []rangeLink
	// Line is the means; Band lies between them and the maxima.
	Line, Band string
	// Failed are the spans in which probes failed.
	Failed []failedSpan
	// Down are the values at the vertical axis in milliseconds, from the top;
	// Across the instants at the horizontal one, from the left.
	Down   []float64
	Across []string
	// Rows are the same for readers of text, the newest first.
	Rows []store.Point
	// Hours is set if a row is less than a day.
	Hours bool
	// Probes and Lost count all probes and those that failed; Mean and Max are
	// over those that passed, in milliseconds.
	Probes, Lost int
	Mean, Max    float64
}

type rangeLink struct {
	Name, Text string
	Current    bool
}

// failedSpan is drawn from the bottom, the higher the more probes failed.
type failedSpan struct {
	X, Width, Y, Height string
	At                  time.Time
	Failed, Probes      int
}

func newChart(r chartRange, points []store.Point, until time.Time) chart {
	from := r.from(until)
	c := chart{Rows: merged(points, r.rows), Hours: r.rows < 24*time.Hour}
	for _, other := range chartRanges {
		c.Ranges = append(c.Ranges, rangeLink{other.Name, other.Text, other.Name == r.Name})
	}
	if whole := merged(points, math.MaxInt64); len(whole) > 0 {
		c.Probes, c.Lost, c.Mean, c.Max = whole[0].Probes, whole[0].Failed, whole[0].MeanMS, whole[0].MaxMS
	}
	top := ceiling(c.Max)
	for i := range 5 {
		c.Down = append(c.Down, top*float64(4-i)/4)
	}
	for i := range r.marks {
		at := from.Add(until.Sub(from) * time.Duration(i) / time.Duration(r.marks-1))
		c.Across = append(c.Across, at.UTC().Format(r.layout))
	}
	d := drawing{from: from, length: until.Sub(from), span: r.span, top: top}
	c.Line, c.Band, c.Failed = d.lines(points), d.bands(points), d.failures(points)
	return c
}

// merged sums up points, which are in order, over longer spans; the newest
// comes first.
func merged(points []store.Point, span time.Duration) []store.Point {
	var rows []store.Point
	for _, point := range points {
		at := point.At.UTC().Truncate(span)
		if len(rows) == 0 || !rows[0].At.Equal(at) {
			rows = append([]store.Point{{At: at}}, rows...)
		}
		rows[0] = sum(rows[0], point)
	}
	return rows
}

// sum adds a point to a row, whose beginning stays.
func sum(row, point store.Point) store.Point {
	before, more := float64(row.Probes-row.Failed), float64(point.Probes-point.Failed)
	if before+more > 0 {
		row.MeanMS = (row.MeanMS*before + point.MeanMS*more) / (before + more)
	}
	row.MaxMS = max(row.MaxMS, point.MaxMS)
	row.Probes += point.Probes
	row.Failed += point.Failed
	return row
}

// ceiling is the next round number of milliseconds: 1, 2 or 5 times a power of
// ten, and at least 1.
func ceiling(ms float64) float64 {
	if ms <= 1 || math.IsInf(ms, 0) || math.IsNaN(ms) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(ms)))
	for _, step := range []float64{1, 2, 4, 5, 8} {
		if ms <= step*power {
			return step * power
		}
	}
	return 10 * power
}

// drawing places points in the picture.
type drawing struct {
	from         time.Time
	length, span time.Duration
	top          float64
}

// x is where a point's middle is.
func (d drawing) x(at time.Time) float64 {
	middle := at.Add(d.span / 2).Sub(d.from)
	return min(chartWidth, max(0, chartWidth*float64(middle)/float64(d.length)))
}

func (d drawing) y(ms float64) float64 { return chartHeight - chartHeight*min(1, max(0, ms/d.top)) }

// runs are the points that follow each other without a gap; where no probe
// passed, there is a gap.
func (d drawing) runs(points []store.Point) [][]store.Point {
	var runs [][]store.Point
	var last time.Time
	for _, point := range points {
		if point.Probes <= point.Failed {
			continue
		}
		if len(runs) == 0 || point.At.Sub(last) > d.span+d.span/2 {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], point)
		last = point.At
	}
	return runs
}

func (d drawing) lines(points []store.Point) string {
	var path strings.Builder
	for _, run := range d.runs(points) {
		for i, point := range run {
			fmt.Fprintf(&path, "%s%.1f %.1f", move(i > 0), d.x(point.At), d.y(point.MeanMS))
		}
		if len(run) == 1 {
			path.WriteString("h0")
		}
	}
	return path.String()
}

func (d drawing) bands(points []store.Point) string {
	var path strings.Builder
	for _, run := range d.runs(points) {
		for i, point := range run {
			fmt.Fprintf(&path, "%s%.1f %.1f", move(i > 0), d.x(point.At), d.y(point.MaxMS))
		}
		for i := range run {
			point := run[len(run)-1-i]
			fmt.Fprintf(&path, "L%.1f %.1f", d.x(point.At), d.y(point.MeanMS))
		}
		path.WriteString("Z")
	}
	return path.String()
}

func (d drawing) failures(points []store.Point) []failedSpan {
	var all []failedSpan
	width := max(2, chartWidth*float64(d.span)/float64(d.length))
	for _, point := range points {
		if point.Failed <= 0 || point.Probes <= 0 {
			continue
		}
		height := chartHeight * max(0.08, min(1, float64(point.Failed)/float64(point.Probes)))
		all = append(all, failedSpan{
			X: decimals(d.x(point.At) - width/2), Width: decimals(width),
			Y: decimals(chartHeight - height), Height: decimals(height),
			At: point.At, Failed: point.Failed, Probes: point.Probes,
		})
	}
	return all
}

func decimals(n float64) string { return fmt.Sprintf("%.1f", n) }
