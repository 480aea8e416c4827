package config

import (
	"fmt"
	"slices"
	"time"

	"paramedic/internal/calendar"
	"paramedic/internal/health"
)

// Maintenance is a window: one of the length For at each time of Cron, or one
// from Starts to Ends.
type Maintenance struct {
	Cron string          `yaml:"cron,omitempty" doc:"When the window opens each time, as a cron expression of five fields; together with for."`
	For  health.Duration `yaml:"for,omitempty" min:"1s" max:"168h" doc:"How long the window is open, at most 7 days (168h)."`
	// From and Until are as they were written.
	From   string `yaml:"from,omitempty" doc:"When a window that is open once begins, like 2026-11-22 02:00 in the service's time zone, or 2026-11-22T02:00:00Z; together with until or for."`
	Until  string `yaml:"until,omitempty" doc:"When a window that is open once ends, written like from."`
	Reason string `yaml:"reason,omitempty" doc:"What the window is for, for people."`
	// Starts and Ends are the window of From, in UTC; zero with Cron and in
	// defaults.
	Starts, Ends time.Time
}

// maintenance checks the windows of a service and finds out when those that
// are open once begin and end. Those of the defaults are read in the zone of
// each service; of the defaults themselves nothing is filled in.
func (c *checker) maintenance(path string, p *Policy) {
	at := c.source(path, "maintenance")
	zone, err := calendar.Zone(p.Timezone)
	if at == "" || err != nil {
		return
	}
	windows := slices.Clone(p.Maintenance) // services share those of the defaults
	for i := range windows {
		item := fmt.Sprintf("%s[%d]", at, i)
		if !c.d.isFailed(item) {
			c.window(item, &windows[i], zone)
		}
	}
	if path != "defaults" {
		p.Maintenance = windows
	}
}

// source returns the path where a list of a policy is written: in its own
// place or in the defaults; empty if in neither.
func (c *checker) source(path, key string) string {
	for _, place := range []string{join(path, key), join("defaults", key)} {
		if c.written(place) {
			return place
		}
	}
	return ""
}

func (c *checker) window(path string, w *Maintenance, zone *time.Location) {
	switch {
	case w.Cron == "" && w.From == "":
		c.wrong(path, "this window has no beginning; write cron and for, or from and until")
	case w.Cron == "":
		c.single(path, w, zone)
	case w.From != "" || w.Until != "":
		c.wrong(path, "this window has both cron and from or until; write cron and for, or from and until")
	case w.For == 0:
		c.wrong(path, "this window has no end; add how long it is open, like for: 30m")
	default:
		c.recurring(path, *w)
	}
}

// single checks a window that is open once.
func (c *checker) single(path string, w *Maintenance, zone *time.Location) {
	switch {
	case w.Until != "" && w.For != 0:
		c.wrong(path, "this window has both until and for; keep exactly one")
		return
	case w.Until == "" && w.For == 0:
		c.wrong(path, "this window has no end; add until, or for with its length")
		return
	}
	starts, ok := c.moment(join(path, "from"), w.From, zone)
	if !ok {
		return
	}
	ends := starts.Add(w.For.Std())
	if w.Until != "" {
		if ends, ok = c.moment(join(path, "until"), w.Until, zone); !ok {
			return
		}
	}
	if !ends.After(starts) {
		c.wrong(join(path, "until"), "until is not after from, so that the window would never be open; write a later time")
	}
	w.Starts, w.Ends = starts, ends
}

// localTime is a time as people write it on a wall.
const localTime = "2006-01-02 15:04"

// moment reads a point in time, and returns it in UTC.
func (c *checker) moment(path, text string, zone *time.Location) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), true
	}
	at, err := time.ParseInLocation(localTime, text, zone)
	switch {
	case err != nil:
		c.wrong(path, "%s: %q is not a time; write it like 2026-11-22 02:00, or with its offset like 2026-11-22T02:00:00Z", keyOf(path), health.Clip(text, 80))
		return time.Time{}, false
	case at.Format(localTime) != text:
		c.wrong(path, "%s: there is no %s in %s, for the clocks are put forward then; write another time", keyOf(path), text, zone)
		return time.Time{}, false
	}
	return at.UTC(), true
}

// recurring checks a window that opens by a cron expression.
func (c *checker) recurring(path string, w Maintenance) {
	schedule, err := calendar.ParseCron(w.Cron, "")
	if err != nil {
		c.wrong(join(path, "cron"), "cron: %v", err)
		return
	}
	key := w.Cron + " for " + w.For.String()
	never, known := c.endless[key]
	if !known {
		never = endless(schedule, w.For.Std())
		c.endless[key] = never
	}
	if never {
		c.wrong(join(path, "for"), "the window opens again within the %s that it is open, so that it would never end; make it shorter, or open it less often", w.For)
	}
}

// endless reports whether windows of a length of at most a week, one at each
// time of the schedule, leave no gap. The times of all days are the same, so
// that those of one day and the days of four years tell it.
func endless(schedule calendar.Schedule, length time.Duration) bool {
	const day = 24 * time.Hour
	at := schedule.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	at = schedule.Next(at.Truncate(day).Add(-time.Minute))
	for {
		next := schedule.Next(at)
		if next.Sub(at) > length {
			return false
		}
		if !next.Truncate(day).Equal(at.Truncate(day)) {
			break
		}
		at = next
	}
	last := at.Sub(at.Truncate(day))
	for range 4 * 366 {
		next := schedule.Next(at.Truncate(day).Add(day - time.Minute))
		if next.IsZero() || next.Sub(at) > length {
			return false
		}
		at = next.Truncate(day).Add(last)
	}
	return true
}
