package pages

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
)

// The measures of the timeline's picture, in units of its view box.
const (
	timelineWidth = 1000
	// timelineLeft is the room for the names of the lanes, timelineRight and
	// timelineTop that around the marks.
	timelineLeft, timelineRight, timelineTop = 130, 24, 10
	laneHeight, axisHeight                   = 30, 34
	// together is how near two marks of a lane become one.
	together = 9
	// ticksLimit is how many labels fit along the axis.
	ticksLimit = 8
	// titleLines is how many entries the title of a mark lists, titleLimit how
	// many bytes of each.
	titleLines, titleLimit = 8, 160
)

// timeline is an incident as a picture: lanes over time, from the first failure
// to the end, or to now.
type timeline struct {
	Width, Height int
	// Left and Right bound the lanes, Bottom is where the axis is.
	Left, Right, Bottom int
	Lanes               []lane
	Ticks               []tick
	// End is where the downtime ends; 0 while the incident is open.
	End int
}

// lane holds the marks of some kinds of entries.
type lane struct {
	Name string
	// Y is its middle.
	Y     int
	Dots  []dot
	Waits []wait
}

// dot is one entry, or several that are too near each other to be told apart.
type dot struct {
	X, R  int
	Count int
	// Kind is that of the first entry.
	Kind  health.EntryKind
	Title string
}

// wait is a time between two entries.
type wait struct {
	X, Width int
	Title    string
}

// tick is a label of the axis: a time since the first failure.
type tick struct {
	X     int
	Label string
}

// lanesOf are the lanes from the top, and the kinds of entries in each.
var lanesOf = []struct {
	name  string
	kinds []health.EntryKind
}{
	{key("Failures"), []health.EntryKind{health.EntryFailure, health.EntryOpened}},
	{key("Decisions"), []health.EntryKind{health.EntryDecision, health.EntryObserved}},
	{key("Attempts"), []health.EntryKind{health.EntryAttempt, health.EntryEvidence}},
	{settleLane, nil},
	{key("Verifications"), []health.EntryKind{health.EntryVerification, health.EntryResolved}},
	{key("Alerts"), []health.EntryKind{health.EntryAlert, health.EntryEscalated}},
	{key("People, notes"), []health.EntryKind{health.EntryAcknowledged, health.EntryNote}},
}

// settleLane shows the waits between an attempt and its verification.
var settleLane = key("Settling")

// newTimeline draws an incident. Without entries there are no lanes.
func newTimeline(l *language, i health.Incident, now time.Time) timeline {
	s := newScale(i, now)
	t := timeline{Width: timelineWidth, Left: timelineLeft, Right: timelineWidth - timelineRight}
	for _, of := range lanesOf {
		drawn := lane{Name: l.t(of.name), Y: timelineTop + len(t.Lanes)*laneHeight + laneHeight/2}
		if of.name == settleLane {
			drawn.Waits = settles(l, i, s)
		} else {
			drawn.Dots = dots(l, i, s, of.kinds)
		}
		if len(drawn.Dots)+len(drawn.Waits) > 0 {
			t.Lanes = append(t.Lanes, drawn)
		}
	}
	t.Bottom = timelineTop + len(t.Lanes)*laneHeight
	t.Height = t.Bottom + axisHeight
	t.Ticks = s.ticks(i.FirstFailureAt)
	if i.State == health.Resolved {
		t.End = s.x(i.ResolvedAt)
	}
	return t
}

// dots are the entries of some kinds, those near each other together.
func dots(l *language, i health.Incident, s scale, kinds []health.EntryKind) []dot {
	var all []dot
	for _, entry := range i.Timeline.Entries {
		if !slices.Contains(kinds, entry.Kind) {
			continue
		}
		x := s.x(entry.At)
		if last := len(all) - 1; last >= 0 && x-all[last].X < together && x >= all[last].X {
			all[last].join(l, i, entry)
			continue
		}
		all = append(all, dot{X: x, R: 5, Count: 1, Kind: entry.Kind, Title: dotTitle(l, i, entry)})
	}
	for at := range all {
		if more := all[at].Count - titleLines; more > 0 {
			all[at].Title += "\n" + l.tn(more, "and 1 more", "and %d more")
		}
	}
	return all
}

// join takes one more entry into a dot.
func (d *dot) join(l *language, i health.Incident, entry health.Entry) {
	d.Count++
	d.R = 7
	if d.Count <= titleLines {
		d.Title += "\n" + dotTitle(l, i, entry)
	}
}

// dotTitle is an entry in one line.
func dotTitle(l *language, i health.Incident, entry health.Entry) string {
	text := strings.Join(strings.Fields(entry.Text), " ")
	return fmt.Sprintf("%s (%s) %s: %s", entry.At.UTC().Format("15:04:05"), offset(entry.At.Sub(i.FirstFailureAt)),
		l.t(string(entry.Kind)), health.Clip(text, titleLimit))
}

// settles are the waits from the last entry of an attempt to the verification
// after it.
func settles(l *language, i health.Incident, s scale) []wait {
	var all []wait
	var since time.Time
	for _, entry := range i.Timeline.Entries {
		switch entry.Kind {
		case health.EntryAttempt:
			since = entry.At
		case health.EntryVerification, health.EntryResolved:
			if !since.IsZero() && entry.At.After(since) {
				x := s.x(since)
				title := l.t("settling for %s", health.Span(entry.At.Sub(since)))
				all = append(all, wait{x, max(2, s.x(entry.At)-x), title})
			}
			since = time.Time{}
		}
	}
	return all
}

// offset is a time since the first failure, to the second: "+2m 15s".
func offset(d time.Duration) string {
	sign := "+"
	if d < 0 {
		sign, d = "−", -d
	}
	if d = d.Round(time.Second); d >= time.Hour {
		return fmt.Sprintf("%s%dh %dm %ds", sign, d/time.Hour, d/time.Minute%60, d/time.Second%60)
	}
	return sign + health.Span(d)
}

// The words of the kinds of entries.
var _ = []string{
	key("failure"), key("opened"), key("decision"), key("attempt"), key("observed"), key("evidence"),
	key("verification"), key("alert"), key("escalated"), key("acknowledged"), key("resolved"), key("note"),
}

// TickY is where the labels of the axis stand.
func (t timeline) TickY() int { return t.Bottom + 22 }
