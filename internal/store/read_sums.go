package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Points returns the response times of a target from the span that holds from
// to until, oldest first. Spans are counted from 1970 in UTC, so that days
// begin at midnight and the same chart does not change with every look; a span
// without a probe is absent. Spans of a day and longer are made of sums of
// days, those of an hour and longer of sums of hours, shorter ones of single
// results, as far back as each of them is kept.
func (s *Store) Points(ctx context.Context, key Key, from, until time.Time, span time.Duration) ([]Point, error) {
	step := max(span.Milliseconds(), 1)
	first := floor(from.UnixMilli(), step)
	sums, err := s.sums(ctx, key, step, first, until.UnixMilli())
	if err != nil {
		return nil, s.failed("read response times", err)
	}
	var points []Point
	var current sum
	flush := func() {
		if current.probes > 0 {
			points = append(points, current.point())
		}
	}
	for _, part := range sums {
		at := floor(part.at, step)
		if at != current.at {
			flush()
			current = sum{at: at}
		}
		current.merge(part)
	}
	flush()
	return points, nil
}

// floor is the beginning of the span that holds at.
func floor(at, span int64) int64 {
	rest := at % span
	if rest < 0 {
		rest += span
	}
	return at - rest
}

func (s *sum) merge(other sum) {
	s.probes += other.probes
	s.failed += other.failed
	s.degraded += other.degraded
	s.latencySum += other.latencySum
	s.latencyMax = max(s.latencyMax, other.latencyMax)
}

func (s sum) point() Point {
	point := Point{
		At: time.UnixMilli(s.at).UTC(), Probes: int(s.probes), Failed: int(s.failed), MaxMS: float64(s.latencyMax) / 1000,
	}
	if passed := s.probes - s.failed; passed > 0 {
		point.MeanMS = float64(s.latencySum) / 1000 / float64(passed)
	}
	return point
}

// spanSums lists the spans in which the sums of a target may lie: time leads
// the key of the sums, and so each is found by itself. CROSS JOIN tells SQLite to
// begin with the list.
const spanSums = `WITH RECURSIVE spans (at) AS (SELECT CAST(? AS BIGINT) UNION ALL SELECT at + %[2]d FROM spans WHERE at + %[2]d < ?)
	SELECT s.at, s.probes, s.failed, s.degraded, s.latency_sum, s.latency_max
	FROM spans CROSS JOIN %[1]s s WHERE s.at = spans.at AND s.target = ? ORDER BY spans.at`

// sums returns what there is of a target in [from, until), in time's order,
// and no coarser than span.
func (s *Store) sums(ctx context.Context, key Key, span, from, until int64) (sums []sum, err error) {
	if until <= from {
		return nil, nil
	}
	var id int64
	err = s.read.QueryRowContext(ctx, s.bound(`SELECT id FROM targets WHERE service = ? AND target = ?`),
		cleanText(key.Service), cleanText(key.Target)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	read := func(rows *sql.Rows) error {
		var part sum
		err := rows.Scan(&part.at, &part.probes, &part.failed, &part.degraded, &part.latencySum, &part.latencyMax)
		sums = append(sums, part)
		return err
	}
	switch {
	case span >= dayMS:
		err = s.tableSums(ctx, read, "days", dayMS, id, from, until)
	case span >= hourMS:
		err = s.tableSums(ctx, read, "hours", hourMS, id, from, until)
	default:
		err = s.query(ctx, read, resultSums, span, id, from, until)
	}
	return sums, err
}

// resultSums adds up single results.
const resultSums = `SELECT at - at % ? AS span, count(*), sum(CASE WHEN status = 2 THEN 1 ELSE 0 END),
		sum(CASE WHEN status = 1 THEN 1 ELSE 0 END), sum(CASE WHEN status = 2 THEN 0 ELSE latency END),
		max(CASE WHEN status = 2 THEN 0 ELSE latency END)
	FROM results WHERE target = ? AND at >= ? AND at < ? GROUP BY span ORDER BY span`

// tableSums reads sums of hours or days.
func (s *Store) tableSums(ctx context.Context, read func(*sql.Rows) error, table string, spanMS, id, from, until int64) error {
	return s.query(ctx, read, fmt.Sprintf(spanSums, table, spanMS), floor(from, spanMS), until, id)
}

// Days returns the state timeline of a target from the day that holds from to
// until, oldest first.
func (s *Store) Days(ctx context.Context, key Key, from, until time.Time) ([]Day, error) {
	sums, err := s.sums(ctx, key, dayMS, floor(from.UnixMilli(), dayMS), until.UnixMilli())
	if err != nil {
		return nil, s.failed("read days", err)
	}
	days := make([]Day, len(sums))
	for n, sum := range sums {
		days[n] = Day{
			At: time.UnixMilli(sum.at).UTC(), Probes: int(sum.probes), Degraded: int(sum.degraded), Failed: int(sum.failed),
		}
	}
	return days, nil
}

// Uptimes returns the uptimes of every target that was probed in the last 30
// days: those of this hour and the 23 before, of today and the six days before,
// of today and the 29 days before, in UTC.
func (s *Store) Uptimes(ctx context.Context, now time.Time) (map[Key]Uptime, error) {
	hour, today := floor(now.UnixMilli(), hourMS), floor(now.UnixMilli(), dayMS)
	uptimes := map[Key]Uptime{}
	read := func(rows *sql.Rows) error {
		var key Key
		var day, dayFailed, week, weekFailed, month, monthFailed int64
		if err := rows.Scan(&key.Service, &key.Target, &day, &dayFailed, &week, &weekFailed, &month, &monthFailed); err != nil {
			return err
		}
		uptimes[key] = Uptime{share(day, dayFailed), share(week, weekFailed), share(month, monthFailed)}
		return nil
	}
	err := s.query(ctx, read, allUptimes, today-6*dayMS, today-6*dayMS, today-29*dayMS, today+dayMS, hour-23*hourMS, hour+hourMS)
	if err != nil {
		return nil, s.failed("read uptimes", err)
	}
	return uptimes, nil
}

const allUptimes = `SELECT t.service, t.target, coalesce(h.probes, 0), coalesce(h.failed, 0), d.week, d.week_failed, d.month, d.month_failed
	FROM (SELECT target, sum(CASE WHEN at >= ? THEN probes ELSE 0 END) AS week, sum(CASE WHEN at >= ? THEN failed ELSE 0 END) AS week_failed,
			sum(probes) AS month, sum(failed) AS month_failed
		FROM days WHERE at >= ? AND at < ? GROUP BY target) d
	JOIN targets t ON t.id = d.target
	LEFT JOIN (SELECT target, sum(probes) AS probes, sum(failed) AS failed FROM hours WHERE at >= ? AND at < ? GROUP BY target) h ON h.target = d.target`

// share is what passed of probes.
func share(probes, failed int64) float64 {
	if probes == 0 {
		return -1
	}
	return float64(probes-failed) / float64(probes)
}
