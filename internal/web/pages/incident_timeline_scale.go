package pages

import (
	"strings"
	"time"

	"paramedic/internal/health"
)

// scale places instants along the axis.
type scale struct {
	from time.Time
	span time.Duration
}

// newScale covers an incident and all entries of its timeline.
func newScale(i health.Incident, now time.Time) scale {
	from, until := i.FirstFailureAt, i.FirstFailureAt.Add(i.Downtime(now))
	for _, entry := range i.Timeline.Entries {
		if entry.At.IsZero() {
			continue
		}
		if from.IsZero() || entry.At.Before(from) {
			from = entry.At
		}
		if entry.At.After(until) {
			until = entry.At
		}
	}
	return scale{from, max(time.Second, until.Sub(from))}
}

// x is the place of an instant; one outside is at the edge.
func (s scale) x(at time.Time) int {
	const room = timelineWidth - timelineLeft - timelineRight
	share := float64(at.Sub(s.from)) / float64(s.span)
	return timelineLeft + int(min(max(share, 0), 1)*room+0.5)
}

// steps are the distances that ticks may have.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour,
}

// ticks are round times after the first failure.
func (s scale) ticks(first time.Time) []tick {
	if first.IsZero() {
		first = s.from
	}
	step := steps[len(steps)-1]
	for _, fits := range steps {
		if s.span/ticksLimit <= fits {
			step = fits
			break
		}
	}
	for s.span/ticksLimit > step {
		step *= 2
	}
	var all []tick
	until := s.from.Add(s.span)
	for after := time.Duration(0); !first.Add(after).After(until); after += step {
		all = append(all, tick{s.x(first.Add(after)), roundSpan(after)})
	}
	return all
}

// roundSpan writes a round time without its zero units: "2m", "1h 30m", "3d".
func roundSpan(d time.Duration) string {
	text := health.Span(d)
	for _, zero := range []string{" 0s", " 0m", " 0h"} {
		text = strings.TrimSuffix(text, zero)
	}
	return text
}
