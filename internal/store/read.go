package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"paramedic/internal/health"
)

// Changed returns the newest of every target that a transaction has written to
// since the one that left the stamp after; all targets for a zero time. Who
// passes the highest UpdatedAt of the answer as the next after misses nothing,
// also of what other processes write.
func (s *Store) Changed(ctx context.Context, after time.Time) (changed []Latest, err error) {
	stamp := int64(-1)
	if !after.IsZero() {
		stamp = after.UnixMicro()
	}
	err = s.snapshot(ctx, func(from querier) error {
		err := s.queryOn(ctx, from, func(rows *sql.Rows) error {
			latest, err := scanLatest(rows)
			changed = append(changed, latest)
			return err
		}, `SELECT t.service, t.target, l.stamp, l.result, l.standing FROM latest l JOIN targets t ON t.id = l.target WHERE l.stamp > ?`, stamp)
		if err != nil {
			return err
		}
		newest := newestOf{}
		return s.queryOn(ctx, from, func(rows *sql.Rows) error {
			latest, err := scanSurveyed(rows, newest)
			changed = append(changed, latest...)
			return err
		}, `SELECT stamp, service, hour, code FROM surveys WHERE stamp > ? ORDER BY stamp DESC, id DESC`, stamp)
	})
	if err != nil {
		return nil, s.failed("read the latest", err)
	}
	return changed, nil
}

// scanSurveyed reads what is newer in a survey than in those before. The last
// one of a stamp stands first, so that older ones are hardly looked at.
func scanSurveyed(rows *sql.Rows, newest newestOf) ([]Latest, error) {
	var survey Survey
	var stamp int64
	if err := rows.Scan(&stamp, &survey.service, &survey.hour, &survey.data); err != nil {
		return nil, err
	}
	return survey.latest(time.UnixMicro(stamp).UTC(), newest.wanted(survey.service))
}

func scanLatest(rows *sql.Rows) (latest Latest, err error) {
	var stamp int64
	var result, standing string
	if err := rows.Scan(&latest.Service, &latest.Target, &stamp, &result, &standing); err != nil {
		return latest, err
	}
	latest.UpdatedAt = time.UnixMicro(stamp).UTC()
	if err := decode(result, &latest.Result); err != nil {
		return latest, fmt.Errorf("result of %s/%s: %w", latest.Service, latest.Target, err)
	}
	if err := decode(standing, &latest.Standing); err != nil {
		return latest, fmt.Errorf("standing of %s/%s: %w", latest.Service, latest.Target, err)
	}
	return latest, nil
}

// decode reads a record, if there is one.
func decode(record string, into any) error {
	if record == "" {
		return nil
	}
	return json.Unmarshal([]byte(record), into)
}

// recentResults are the latest results of each target. Both databases would
// begin at the wrong end if they were not told.
var recentResults = map[string]string{
	kindSQLite: `SELECT t.service, t.target, r.status, r.latency FROM targets t CROSS JOIN results r
		WHERE r.target = t.id AND r.at >= coalesce((SELECT at FROM results WHERE target = t.id ORDER BY at DESC LIMIT 1 OFFSET ? - 1), 0)
		ORDER BY t.id, r.at`,
	kindPostgres: `SELECT t.service, t.target, r.status, r.latency FROM targets t CROSS JOIN LATERAL
		(SELECT at, status, latency FROM results WHERE target = t.id ORDER BY at DESC LIMIT ?) r
		ORDER BY t.id, r.at`,
}

// recentMinutes are the latest minutes of each service with targets.
const recentMinutes = `SELECT t.service, m.probes, m.failed, m.latency_sum FROM targets t CROSS JOIN minutes m
	WHERE t.target = '' AND m.target = t.id
		AND m.at >= coalesce((SELECT at FROM minutes WHERE target = t.id ORDER BY at DESC LIMIT 1 OFFSET ? - 1), 0)
	ORDER BY t.id, m.at`

// Recent returns the latencies of the latest results of each service, at most
// per of them, in milliseconds and oldest first; -1 stands for a failure. Of a
// service with targets they are the means of minutes.
func (s *Store) Recent(ctx context.Context, per int) (map[Key][]float32, error) {
	recent := map[Key][]float32{}
	if per <= 0 {
		return recent, nil
	}
	err := s.query(ctx, func(rows *sql.Rows) error {
		var key Key
		var status, latency int64
		if err := rows.Scan(&key.Service, &key.Target, &status, &latency); err != nil {
			return err
		}
		value := float32(-1)
		if status != unhealthy {
			value = float32(float64(latency) / 1000)
		}
		recent[key] = append(recent[key], value)
		return nil
	}, recentResults[s.kind], per)
	if err == nil {
		err = s.query(ctx, func(rows *sql.Rows) error {
			var service string
			var minute sum
			err := rows.Scan(&service, &minute.probes, &minute.failed, &minute.latencySum)
			recent[Key{Service: service}] = append(recent[Key{Service: service}], minute.mean())
			return err
		}, recentMinutes, per)
	}
	if err != nil {
		return nil, s.failed("read recent results", err)
	}
	return recent, nil
}

// mean is the mean latency of what passed, in milliseconds; -1 if nothing did.
func (s sum) mean() float32 {
	if s.probes == s.failed {
		return -1
	}
	return float32(float64(s.latencySum) / 1000 / float64(s.probes-s.failed))
}

// Failures returns the latest results of a target that were unhealthy or
// degraded, newest first. They carry neither observations nor facts.
func (s *Store) Failures(ctx context.Context, key Key, most int) (failures []health.Result, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var at, status, latency int64
		var result health.Result
		if err := rows.Scan(&at, &status, &latency, &result.Message); err != nil {
			return err
		}
		result.At, result.Status, result.LatencyMS = time.UnixMilli(at).UTC(), statusOf(status), float64(latency)/1000
		failures = append(failures, result)
		return nil
	}, `SELECT at, status, latency, message FROM failures WHERE target = `+targetID+` ORDER BY at DESC LIMIT ?`,
		cleanText(key.Service), cleanText(key.Target), limit(most))
	if err != nil {
		return nil, s.failed("read failures", err)
	}
	return failures, nil
}

// targetID is the id of a target in a statement, null if there is none.
const targetID = `(SELECT id FROM targets WHERE service = ? AND target = ?)`
