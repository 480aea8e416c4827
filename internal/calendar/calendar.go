// Package calendar reads cron expressions. It exists so that the configuration
// and the workflows judge an expression by the same rule: the five standard
// fields on minute granularity, in a named time zone, and with the zone data
// built in, so that the answer is the same on every machine.
package calendar

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the zones of slim containers, and the same answer on replay

	"github.com/robfig/cron/v3"
)

// Schedule is a parsed cron expression. The zero value never comes due.
type Schedule struct{ spec *cron.SpecSchedule }

// anyDay is robfig/cron's mark of a day field that was written as "*".
const anyDay = 1 << 63

var fields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// ParseCron reads the five fields minute, hour, day of month, month and day of
// week, such as "*/5 8-17 * * MON-FRI". The time zone is a name of the IANA
// database; empty means UTC. An expression that never comes due is an error.
func ParseCron(expr, timezone string) (Schedule, error) {
	zone, err := Zone(timezone)
	if err != nil {
		return Schedule{}, err
	}
	if strings.Contains(expr, "TZ=") {
		return Schedule{}, errors.New("a time zone does not belong into the expression; set timezone")
	}
	if count := len(strings.Fields(expr)); count != 5 {
		return Schedule{}, fmt.Errorf("%q needs five fields and has %d; write them as minute hour day-of-month month day-of-week, like \"*/5 8-17 * * MON-FRI\"", expr, count)
	}
	parsed, err := fields.Parse(expr)
	if err != nil {
		return Schedule{}, fmt.Errorf("%q is not a cron expression: %w; write it like \"*/5 8-17 * * MON-FRI\"", expr, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Schedule{}, fmt.Errorf("%q is not a cron expression of five fields", expr)
	}
	spec.Location = zone
	schedule := Schedule{spec: spec}
	if schedule.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("%q never comes due; there is no such day", expr)
	}
	return schedule, nil
}

// Zone looks a time zone up by its IANA name; empty means UTC. "Local" is
// refused, for it means something else on every machine.
func Zone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("%q is not a known time zone; write a name like UTC, Europe/Madrid or America/New_York", name)
	}
	return zone, nil
}

// Next returns the first minute after t that is due, in t's location, or the
// zero time if there is none within five years.
func (s Schedule) Next(t time.Time) time.Time {
	if s.spec == nil {
		return time.Time{}
	}
	next := s.spec.Next(t)
	if next.IsZero() {
		return next
	}
	return next.In(t.Location())
}

// Matches reports whether the minute of t is due.
func (s Schedule) Matches(t time.Time) bool {
	if s.spec == nil {
		return false
	}
	local := t.In(s.spec.Location)
	return has(s.spec.Minute, local.Minute()) && has(s.spec.Hour, local.Hour()) &&
		has(s.spec.Month, int(local.Month())) && s.matchesDay(local)
}

// matchesDay follows the rule of cron: when both day fields are restricted, a
// day that satisfies either of them is due.
func (s Schedule) matchesDay(local time.Time) bool {
	dayOfMonth := has(s.spec.Dom, local.Day())
	dayOfWeek := has(s.spec.Dow, int(local.Weekday()))
	if s.spec.Dom&anyDay != 0 || s.spec.Dow&anyDay != 0 {
		return dayOfMonth && dayOfWeek
	}
	return dayOfMonth || dayOfWeek
}

func has(bits uint64, value int) bool { return bits&(1<<uint(value)) != 0 }
