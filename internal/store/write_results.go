package store

import (
	"cmp"
	"context"
	"slices"

	"paramedic/internal/health"
)

const (
	minuteMS = int64(60 * 1000)
	hourMS   = 60 * minuteMS
	dayMS    = 24 * hourMS
)

// The statuses in the database.
const (
	healthy   = 0
	degraded  = 1
	unhealthy = 2
)

func statusNumber(s health.Status) int64 {
	switch s {
	case health.Healthy:
		return healthy
	case health.Degraded:
		return degraded
	default:
		return unhealthy
	}
}

func statusOf(number int64) health.Status {
	return [...]health.Status{health.Healthy, health.Degraded, health.Unhealthy}[min(max(number, healthy), unhealthy)]
}

// row is a result in the database.
type row struct {
	target, at, status, latency int64
	message                     string
}

var (
	insertResults  = into("results", numbers("target at status latency")...).on("ON CONFLICT DO NOTHING")
	insertFailures = into("failures", append(numbers("target at status latency"), texts("message")...)...).on("ON CONFLICT DO NOTHING")
)

// results writes those results that are not there yet, and adds them to the sums.
func (w *writing) results(ctx context.Context, results []Result) error {
	rows := w.distinct(results)
	fresh, err := w.newRows(ctx, insertResults, rowColumns(rows)[:4])
	if err != nil {
		return err
	}
	kept := rows[:0]
	for n, row := range rows {
		if fresh[n] {
			kept = append(kept, row)
		}
	}
	failures := slices.DeleteFunc(slices.Clone(kept), func(r row) bool { return r.status == healthy })
	if err := w.rows(ctx, insertFailures, rowColumns(failures)); err != nil {
		return err
	}
	if err := w.addSums(ctx, "hours", kept, hourMS); err != nil {
		return err
	}
	return w.addSums(ctx, "days", kept, dayMS)
}

// distinct orders results by target and time; of two with the same, the first stays.
func (w *writing) distinct(results []Result) []row {
	rows := make([]row, len(results))
	for n, r := range results {
		rows[n] = rowOf(w.ids[r.Key], r.Result)
	}
	slices.SortStableFunc(rows, byTarget)
	return slices.CompactFunc(rows, func(a, b row) bool { return a.target == b.target && a.at == b.at })
}

func byTarget(a, b row) int {
	return cmp.Or(cmp.Compare(a.target, b.target), cmp.Compare(a.at, b.at))
}

func rowColumns(rows []row) columns {
	numbers := make([]int64, 4*len(rows))
	messages := make([]string, len(rows))
	count := len(rows)
	target, at, status, latency := numbers[:count], numbers[count:2*count], numbers[2*count:3*count], numbers[3*count:]
	for n, r := range rows {
		target[n], at[n], status[n], latency[n], messages[n] = r.target, r.at, r.status, r.latency, r.message
	}
	return columns{target, at, status, latency, messages}
}

// sum counts the probes of a target in an hour or a day.
type sum struct{ at, target, probes, failed, degraded, latencySum, latencyMax int64 }

func (s *sum) add(r row) {
	s.probes++
	switch r.status {
	case unhealthy:
		s.failed++
		return
	case degraded:
		s.degraded++
	}
	s.latencySum += r.latency
	s.latencyMax = max(s.latencyMax, r.latency)
}

// addSums adds rows, ordered by target and time, to the sums of spans of spanMS.
func (w *writing) addSums(ctx context.Context, table string, rows []row, spanMS int64) error {
	var sums []sum
	for _, r := range rows {
		at := r.at - r.at%spanMS
		if last := len(sums) - 1; last < 0 || sums[last].target != r.target || sums[last].at != at {
			sums = append(sums, sum{at: at, target: r.target})
		}
		sums[len(sums)-1].add(r)
	}
	slices.SortFunc(sums, func(a, b sum) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.target, b.target))
	})
	return w.rows(ctx, addTo(table), sumColumns(sums))
}

// addTo adds sums to those that a table has.
func addTo(table string) insert {
	return into(table, numbers("at target probes failed degraded latency_sum latency_max")...).on(
		`ON CONFLICT (at, target) DO UPDATE SET probes = ` + table + `.probes + excluded.probes,
			failed = ` + table + `.failed + excluded.failed, degraded = ` + table + `.degraded + excluded.degraded,
			latency_sum = ` + table + `.latency_sum + excluded.latency_sum,
			latency_max = CASE WHEN excluded.latency_max > ` + table + `.latency_max THEN excluded.latency_max ELSE ` + table + `.latency_max END`)
}

func sumColumns(sums []sum) columns {
	values := make([][]int64, 7)
	for n := range values {
		values[n] = make([]int64, len(sums))
	}
	for n, s := range sums {
		for column, value := range [...]int64{s.at, s.target, s.probes, s.failed, s.degraded, s.latencySum, s.latencyMax} {
			values[column][n] = value
		}
	}
	c := make(columns, len(values))
	for n := range values {
		c[n] = values[n]
	}
	return c
}
