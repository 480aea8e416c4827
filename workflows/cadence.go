package workflows

import (
	"fmt"
	"time"

	"paramedic/internal/calendar"
	"paramedic/internal/health"
)

// cadence says when a service is to be probed: on a grid of its interval or by
// a cron expression, within its active hours.
type cadence struct {
	ticks   health.Grid
	watches health.Grid
	// cron replaces the grid of ticks; active restricts either. Nil means not set.
	cron   *calendar.Schedule
	active *calendar.Schedule
	// retry is the time between probes while failing.
	retry time.Duration
}

func newCadence(check Check) (cadence, error) {
	if check.Interval <= 0 && check.Cron == "" {
		return cadence{}, fmt.Errorf("neither interval nor cron is set")
	}
	if check.Watch.Std() < time.Second {
		return cadence{}, fmt.Errorf("watch of %s is below 1s", check.Watch)
	}
	// Both grids are shifted alike, so that watches begin on ticks.
	offset := health.Spread(check.Service, check.Watch.Std())
	c := cadence{
		ticks:   health.Grid{Interval: check.Interval.Std(), Offset: offset},
		watches: health.Grid{Interval: check.Watch.Std(), Offset: offset},
		retry:   check.RetryInterval.Std(),
	}
	var err error
	if c.cron, err = parseIfSet(check.Cron, check.Timezone); err != nil {
		return cadence{}, err
	}
	if c.active, err = parseIfSet(check.ActiveHours, check.Timezone); err != nil {
		return cadence{}, err
	}
	return c, nil
}

func parseIfSet(expression, timezone string) (*calendar.Schedule, error) {
	if expression == "" {
		return nil, nil
	}
	schedule, err := calendar.ParseCron(expression, timezone)
	if err != nil {
		return nil, err
	}
	return &schedule, nil
}

// handoverLead is how long before the next watch a run goes off duty. The
// scheduler then finds it closed and starts the next run at once; one that is
// still open it would have to watch until it ends, which costs another
// activity and makes the first tick of the watch late. Shorter than any
// interval, so that no tick falls into it.
const handoverLead = 500 * time.Millisecond

// watchEnd is when the watch that was meant to start at nominal ends. A run
// that was held up past that (the worker was away) stays until the next
// boundary from now, so that the service is not left alone until then.
func (c cadence) watchEnd(nominal, now time.Time) time.Time {
	end := c.watches.After(nominal).Add(-handoverLead)
	if !end.After(now) {
		end = c.watches.After(now).Add(-handoverLead)
	}
	return end
}

// next is when to probe next: now or earlier if a tick is due and was not
// made, else the next tick, or sooner while the service is failing.
func (c cadence) next(now time.Time, state MonitorState) time.Time {
	next := c.nextTick(now, state.LastTick)
	if state.Streak.Failures > 0 && c.retry > 0 {
		if retry := state.LastTick.Add(c.retry); retry.Before(next) {
			next = retry
		}
	}
	return c.nextActive(next)
}

func (c cadence) nextTick(now, last time.Time) time.Time {
	if c.cron != nil {
		return c.nextCron(now, last)
	}
	if due := c.ticks.AtOrBefore(now); due.After(last) {
		return due
	}
	return c.ticks.After(now)
}

// nextCron gives the first time of the expression after the last tick; of
// times that were missed, only the latest is made good.
func (c cadence) nextCron(now, last time.Time) time.Time {
	if last.IsZero() {
		return now // a new service is probed once at once, so that its state is known
	}
	if oldest := now.Add(-catchUp); last.Before(oldest) {
		last = oldest
	}
	next := c.cron.Next(last)
	for following := c.cron.Next(next); !following.IsZero() && !following.After(now); following = c.cron.Next(next) {
		next = following
	}
	return next
}

// catchUp is how far back a missed time of a cron expression is made good.
const catchUp = 24 * time.Hour

// farFuture stands for never: beyond any watch.
const farFuture = 100 * 365 * 24 * time.Hour

// nextActive moves a time to the start of the active hours if it lies outside.
func (c cadence) nextActive(at time.Time) time.Time {
	if c.active == nil || c.active.Matches(at) {
		return at
	}
	next := c.active.Next(at)
	if next.IsZero() {
		return at.Add(farFuture)
	}
	return next
}
