package pages

import (
	"time"

	"paramedic/internal/store"
)

// daysShown is how many days the state timeline goes back.
const daysShown = 90

// The size of the timeline, in units of its picture.
const dayStep, dayWidth, dayHeight = 8, 6, 40

// days is the state timeline: one bar a day, the oldest first.
type days struct {
	Bars []dayBar
	// Troubled are the days with failed or degraded probes, the newest first.
	Troubled []store.Day
	// Known counts the days with probes.
	Known int
}

// dayBar is one day. The worse, the higher it is, so that colour is not the
// only sign; State is empty for a day without a probe.
type dayBar struct {
	store.Day
	State     string
	X         int
	Y, Height int
}

// firstDay is the midnight at which the timeline begins.
func firstDay(now time.Time) time.Time {
	return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-daysShown)
}

func newDays(known []store.Day, now time.Time) days {
	byDate := make(map[time.Time]store.Day, len(known))
	for _, day := range known {
		byDate[day.At.UTC().Truncate(24*time.Hour)] = day
	}
	var d days
	for i := range daysShown {
		at := firstDay(now).AddDate(0, 0, i)
		day := byDate[at]
		day.At = at
		state, height := judge(day)
		d.Bars = append(d.Bars, dayBar{day, state, i * dayStep, dayHeight - height, height})
		if day.Probes > 0 {
			d.Known++
		}
		if day.Failed > 0 || day.Degraded > 0 {
			d.Troubled = append([]store.Day{day}, d.Troubled...)
		}
	}
	return d
}

// downShare is the share of failed probes from which a day was one of outage.
const downShare = 0.05

// judge gives a day the state that it is shown as, and its height.
func judge(day store.Day) (state string, height int) {
	switch {
	case day.Probes <= 0:
		return "", 3
	case float64(day.Failed) >= downShare*float64(day.Probes):
		return "down", dayHeight
	case day.Failed > 0:
		return "failing", dayHeight * 4 / 5
	case day.Degraded > 0:
		return "degraded", dayHeight * 3 / 5
	}
	return "healthy", dayHeight * 2 / 5
}
