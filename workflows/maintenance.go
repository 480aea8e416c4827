package workflows

import (
	"fmt"
	"time"

	"paramedic/internal/calendar"
	"paramedic/internal/health"
)

// maintenance says until when a window is open now, and what for; the zero time
// if none is. Of several the one counts that ends last.
func (r *remediation) maintenance(now time.Time) (until time.Time, why string) {
	if order := r.Orders.Maintenance; order.Open(now) {
		until, why = order.Until, fmt.Sprintf("by %s: %s", order.By, order.Reason)
	}
	for _, window := range r.check.Maintenance {
		if end := window.end(now, r.check.Timezone); end.After(until) {
			until, why = end, window.Reason
		}
	}
	return until, why
}

// end is when the window ends if it is open now, else the zero time.
func (m Maintenance) end(now time.Time, timezone string) time.Time {
	if m.Cron == "" {
		window := health.Window{From: m.From, Until: m.Until}
		if window.Open(now) {
			return m.Until
		}
		return time.Time{}
	}
	schedule, err := calendar.ParseCron(m.Cron, timezone)
	if err != nil {
		return time.Time{} // the configuration was checked; a window that nobody can read is not open
	}
	var end time.Time
	for at := schedule.Next(now.Add(-m.For.Std())); !at.IsZero() && !at.After(now); at = schedule.Next(at) {
		end = at.Add(m.For.Std())
	}
	return end
}
