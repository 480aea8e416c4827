package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
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
	err = s.snapshot(ctx, func(on querier) error {
		r := sumReader{s, on, map[int64]*sum{}}
		if err := r.stored(ctx, key, span, from, until); err != nil {
			return err
		}
		if key.Target != "" {
			if err := r.surveyed(ctx, key, span, from, until); err != nil {
				return err
			}
		}
		sums = r.all()
		return nil
	})
	return sums, err
}

// sumReader gathers sums by their times.
type sumReader struct {
	*Store
	on   querier
	sums map[int64]*sum
}

// all are the sums in time's order.
func (r sumReader) all() []sum {
	all := make([]sum, 0, len(r.sums))
	for _, part := range r.sums {
		all = append(all, *part)
	}
	slices.SortFunc(all, func(a, b sum) int { return cmp.Compare(a.at, b.at) })
	return all
}

// at is the sum that begins at a time.
func (r sumReader) at(at int64) *sum {
	if r.sums[at] == nil {
		r.sums[at] = &sum{at: at}
	}
	return r.sums[at]
}

func (r sumReader) scan(rows *sql.Rows) error {
	var part sum
	err := rows.Scan(&part.at, &part.probes, &part.failed, &part.degraded, &part.latencySum, &part.latencyMax)
	r.at(part.at).merge(part)
	return err
}

// stored reads what the tables have of a target that they know.
func (r sumReader) stored(ctx context.Context, key Key, span, from, until int64) error {
	id, err := r.targetID(ctx, key)
	if err != nil || id == 0 {
		return err
	}
	switch {
	case span >= dayMS:
		err = errors.Join(r.table(ctx, "days", dayMS, id, from, until), r.ordered(ctx, "target_days", dayMS, dayMS, id, from, until))
	case span >= hourMS:
		err = errors.Join(r.table(ctx, "hours", hourMS, id, from, until), r.ordered(ctx, "target_hours", hourMS, hourMS, id, from, until))
	default:
		err = errors.Join(r.queryOn(ctx, r.on, r.scan, resultSums, span, id, from, until),
			r.ordered(ctx, "minutes", minuteMS, max(span, minuteMS), id, from, until), r.packs(ctx, span, id, from, until))
	}
	return err
}

// targetID is the id of a target, 0 if it has none.
func (r sumReader) targetID(ctx context.Context, key Key) (id int64, err error) {
	err = r.queryOn(ctx, r.on, func(rows *sql.Rows) error { return rows.Scan(&id) },
		`SELECT id FROM targets WHERE service = ? AND target = ?`, cleanText(key.Service), cleanText(key.Target))
	return id, err
}

// packs adds up the single results in packs.
func (r sumReader) packs(ctx context.Context, span, id, from, until int64) error {
	return r.queryOn(ctx, r.on, func(rows *sql.Rows) error {
		var hour int64
		var code []byte
		if err := rows.Scan(&hour, &code); err != nil {
			return err
		}
		return unpack(hour, code, func(at, status, latency int64) {
			r.add(span, from, until, row{at: at, status: status, latency: latency})
		})
	}, `SELECT at, code FROM packs WHERE target = ? AND at >= ? AND at < ?`, id, floor(from, hourMS), until)
}

// surveyed adds up what surveys have that are not folded yet.
func (r sumReader) surveyed(ctx context.Context, key Key, span, from, until int64) error {
	wanted := cleanText(key.Target)
	seen := map[int64]bool{} // a survey may have been made of the same probe twice
	return r.queryOn(ctx, r.on, func(rows *sql.Rows) error {
		var hour int64
		var code []byte
		if err := rows.Scan(&hour, &code); err != nil {
			return err
		}
		return scanSurvey(hour, code, func(g glance) {
			if string(g.target) == wanted && !seen[g.at] {
				seen[g.at] = true
				r.add(span, from, until, row{at: g.at, status: g.status, latency: g.latency})
			}
		})
	}, `SELECT hour, code FROM surveys WHERE hour >= ? AND hour < ? AND service = ?`, floor(from, hourMS), until, cleanText(key.Service))
}

func (r sumReader) add(span, from, until int64, found row) {
	if found.at >= from && found.at < until {
		r.at(floor(found.at, span)).add(found)
	}
}

// resultSums adds up single results.
const resultSums = `SELECT at - at % ? AS span, count(*), sum(CASE WHEN status = 2 THEN 1 ELSE 0 END),
		sum(CASE WHEN status = 1 THEN 1 ELSE 0 END), sum(CASE WHEN status = 2 THEN 0 ELSE latency END),
		max(CASE WHEN status = 2 THEN 0 ELSE latency END)
	FROM results WHERE target = ? AND at >= ? AND at < ? GROUP BY span ORDER BY span`

// table reads sums of hours or days of which time leads the key.
func (r sumReader) table(ctx context.Context, table string, spanMS, id, from, until int64) error {
	return r.queryOn(ctx, r.on, r.scan, fmt.Sprintf(spanSums, table, spanMS), floor(from, spanMS), until, id)
}

// ordered reads sums of which the target leads the key, in spans of step.
func (r sumReader) ordered(ctx context.Context, table string, spanMS, step, id, from, until int64) error {
	return r.queryOn(ctx, r.on, r.scan, fmt.Sprintf(`SELECT at - at %% %d, probes, failed, degraded, latency_sum, latency_max
		FROM %s WHERE target = ? AND at >= ? AND at < ?`, step, table), id, floor(from, spanMS), until)
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
