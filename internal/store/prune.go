package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"
)

// pruneStep is about how many rows one transaction removes.
const pruneStep = 5000

// Prune moves the surveys of hours that are over to where they are kept for long,
// and removes what is older than its retention, in transactions of about
// 5,000 rows, between which others may write. It returns how many rows went,
// also when it was interrupted: the next one goes on. Sums are kept at least as
// long as what they are made of; a retention of zero is the default one.
func (s *Store) Prune(ctx context.Context, now time.Time, r Retention) (removed int, err error) {
	r = r.whole()
	before := func(age time.Duration) int64 { return now.Add(-age).UnixMilli() }
	days := floor(before(r.Days), dayMS)
	steps := []struct {
		name string
		do   func() (int, error)
	}{
		{"surveys", func() (int, error) { return 0, s.fold(ctx, now) }},
		{"results", func() (int, error) { return s.pruneTargets(ctx, "results", before(r.Results)) }},
		{"packs", func() (int, error) { return s.pruneTargets(ctx, "packs", floor(before(r.Results), hourMS)) }},
		{"minutes", func() (int, error) { return s.pruneTargets(ctx, "minutes", floor(before(r.Results), hourMS)) }},
		{"failures", func() (int, error) { return s.pruneTargets(ctx, "failures", before(r.Failures)) }},
		{"hours", func() (int, error) { return s.pruneSums(ctx, "hours", floor(before(r.Hours), hourMS)) }},
		{"hours of targets", func() (int, error) { return s.pruneTargets(ctx, "target_hours", floor(before(r.Hours), hourMS)) }},
		{"days of targets", func() (int, error) { return s.pruneTargets(ctx, "target_days", days) }},
		{"days", func() (int, error) { return s.pruneSums(ctx, "days", days) }},
		{"incidents", func() (int, error) { return s.pruneIncidents(ctx, before(r.Incidents)) }},
		{"answers", func() (int, error) { return s.forgetAnswers(ctx, before(rememberFor)) }},
		{"targets", func() (int, error) { return s.forgetTargets(ctx, days*1000) }},
		{"statistics", func() (int, error) { return 0, s.analyse(ctx) }},
	}
	for _, step := range steps {
		count, err := step.do()
		removed += count
		if err != nil {
			return removed, s.failed("remove old "+step.name, err)
		}
	}
	return removed, nil
}

// whole fills in defaults, and keeps sums at least as long as their parts.
func (r Retention) whole() Retention {
	choose := func(asked, fallback time.Duration) time.Duration { return cmp.Or(max(asked, 0), fallback) }
	r.Results = choose(r.Results, DefaultRetention.Results)
	r.Failures = choose(r.Failures, DefaultRetention.Failures)
	r.Hours = max(choose(r.Hours, DefaultRetention.Hours), r.Results)
	r.Days = max(choose(r.Days, DefaultRetention.Days), r.Hours, r.Failures)
	r.Incidents = choose(r.Incidents, DefaultRetention.Incidents)
	return r
}

// pruneTargets removes rows of a table that is clustered by target.
func (s *Store) pruneTargets(ctx context.Context, table string, before int64) (removed int, err error) {
	var ids []int64
	err = s.query(ctx, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT id FROM targets t WHERE EXISTS (SELECT 1 FROM `+table+` WHERE target = t.id AND at < ?)`, before)
	if err != nil {
		return 0, err
	}
	statement := fmt.Sprintf(`DELETE FROM %[1]s WHERE target = ? AND at < coalesce(
		(SELECT at FROM %[1]s WHERE target = ? AND at < ? ORDER BY at LIMIT 1 OFFSET ?), ?)`, table)
	for len(ids) > 0 {
		count := 0
		err := s.transact(ctx, func(w *writing) error {
			for count < pruneStep && len(ids) > 0 {
				gone, err := w.exec(ctx, statement, ids[0], ids[0], before, pruneStep, before)
				if err != nil {
					return err
				}
				count += int(gone)
				if gone < pruneStep {
					ids = ids[1:]
				}
			}
			return nil
		})
		if err != nil {
			return removed, err
		}
		removed += count
	}
	return removed, nil
}

// pruneSums removes sums, one hour or one day of all targets at a time.
func (s *Store) pruneSums(ctx context.Context, table string, before int64) (int, error) {
	return s.repeat(ctx, func(w *writing) (int64, error) {
		return w.exec(ctx, fmt.Sprintf(`DELETE FROM %[1]s WHERE at = (SELECT min(at) FROM %[1]s WHERE at < ?)`, table), before)
	})
}

// repeat does a step in transactions of its own until nothing is left to remove.
func (s *Store) repeat(ctx context.Context, step func(*writing) (int64, error)) (removed int, err error) {
	for {
		var count int64
		err := s.transact(ctx, func(w *writing) (err error) { count, err = step(w); return err })
		if err != nil || count == 0 {
			return removed, err
		}
		removed += int(count)
	}
}

const (
	// endedIncidents have long records, and so fewer go at once. What ended
	// before a time was opened before it, and by that they are ordered.
	endedIncidents = `SELECT id FROM incidents WHERE resolved_at > 0 AND resolved_at < ? AND opened_at < ? ORDER BY opened_at, id LIMIT 500`
	// looseAlerts belong to no incident that is kept.
	looseAlerts = `SELECT dedup_key, receiver FROM alerts a WHERE at < ?
		AND NOT EXISTS (SELECT 1 FROM incidents i WHERE i.id = a.incident) LIMIT 5000`
)

// pruneIncidents removes closed incidents with their alerts, alerts without an
// incident, and the Outboxes of receivers that say nothing any more.
func (s *Store) pruneIncidents(ctx context.Context, before int64) (removed int, err error) {
	steps := []func(*writing) (int64, error){
		func(w *writing) (int64, error) {
			alerts, err := w.exec(ctx, `DELETE FROM alerts WHERE incident IN (`+endedIncidents+`)`, before, before)
			if err != nil {
				return 0, err
			}
			incidents, err := w.exec(ctx, `DELETE FROM incidents WHERE id IN (`+endedIncidents+`)`, before, before)
			return alerts + incidents, err
		},
		func(w *writing) (int64, error) {
			return w.exec(ctx, `DELETE FROM alerts WHERE (dedup_key, receiver) IN (`+looseAlerts+`)`, before)
		},
		func(w *writing) (int64, error) { return w.exec(ctx, `DELETE FROM outboxes WHERE at < ?`, before) },
	}
	for _, step := range steps {
		count, err := s.repeat(ctx, step)
		removed += count
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// silentTargets were last heard of so long ago that nothing else of them is left.
const silentTargets = `SELECT target FROM latest WHERE result_at < ? AND standing_at < ? ORDER BY target LIMIT 500`

// forgetTargets removes targets without anything left. Those who hold their ids
// learn of it by the count of removals.
func (s *Store) forgetTargets(ctx context.Context, beforeMicro int64) (int, error) {
	return s.repeat(ctx, func(w *writing) (int64, error) {
		for _, rest := range []string{
			"results WHERE target", "failures WHERE target", "packs WHERE target", "minutes WHERE target",
			"target_hours WHERE target", "target_days WHERE target", "targets WHERE id",
		} {
			if _, err := w.exec(ctx, `DELETE FROM `+rest+` IN (`+silentTargets+`)`, beforeMicro, beforeMicro); err != nil {
				return 0, err
			}
		}
		gone, err := w.exec(ctx, `DELETE FROM latest WHERE target IN (`+silentTargets+`)`, beforeMicro, beforeMicro)
		if err != nil || gone == 0 {
			return 0, err
		}
		_, err = w.exec(ctx, `UPDATE clock SET removals = removals + 1`)
		return gone, err
	})
}

// analyse lets SQLite look at its indexes where they have changed much;
// PostgreSQL does so by itself.
func (s *Store) analyse(ctx context.Context) error {
	if s.kind != kindSQLite {
		return nil
	}
	_, err := s.write.ExecContext(ctx, `PRAGMA optimize`)
	return err
}
