package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

const (
	// bulkRows are inserted by one statement.
	bulkRows = 25
	// bulkTargets share one transaction.
	bulkTargets = 200
)

// keep fills the store at path with all of the past before now that a store
// keeps, as if each result had been written when it was found. It returns how
// many probes of each service there were.
//
// Results and their sums go in by statements of many rows: one by one they
// would take hours. All else is written by the store itself, and pruned.
func (p *past) keep(ctx context.Context, path string, now time.Time, r store.Retention) (probes int, err error) {
	s, err := store.Open(ctx, path, discard)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	probes = p.probes(now)
	last := probes - 1
	var standings, results store.Batch
	for service := range p.services {
		standings.Standings = append(standings.Standings, p.standing(service, last))
		results.Results = append(results.Results, p.result(service, last))
	}
	if err := s.Write(ctx, standings); err != nil { // which gives every service an id
		return 0, err
	}
	if err := p.keepBulk(ctx, path, last, now, r); err != nil {
		return 0, fmt.Errorf("filling %s: %w", path, err)
	}
	for _, batch := range []store.Batch{results, p.incidents(last)} {
		if err := s.Write(ctx, batch); err != nil {
			return 0, err
		}
	}
	_, err = s.Prune(ctx, now, r)
	return probes, err
}

// incidents are those of the past as they are after a probe, with their alerts.
func (p *past) incidents(probe int) (b store.Batch) {
	for service, outages := range p.outages {
		for _, o := range outages {
			incident, ok := p.incident(service, o, probe)
			if !ok {
				continue
			}
			b.Incidents = append(b.Incidents, incident)
			b.Alerts = append(b.Alerts, store.Alert{
				DedupKey: incident.ID, Receiver: "ops", Service: incident.Service, Incident: incident.ID,
				Status: health.AlertDown, At: incident.OpenedAt, Outcome: store.AlertDelivered,
			})
		}
	}
	return b
}

// keepBulk writes results and sums of the first probes of every service.
func (p *past) keepBulk(ctx context.Context, path string, probes int, now time.Time, r store.Retention) (err error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+
		"?_pragma=busy_timeout=10000&_pragma=synchronous=off&_pragma=cache_size=-65536")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	ids, err := p.ids(ctx, db)
	if err != nil {
		return err
	}
	span := func(age, unit time.Duration) int {
		return max(0, int(now.Add(-age).Truncate(unit).Sub(p.begun)/pastInterval))
	}
	return errors.Join(
		p.keepResults(ctx, db, ids, span(r.Results, pastInterval), span(r.Failures, pastInterval), probes),
		p.keepSums(ctx, db, "hours", ids, span(r.Hours, time.Hour), probes, int(time.Hour/pastInterval)),
		p.keepSums(ctx, db, "days", ids, span(r.Days, 24*time.Hour), probes, int(24*time.Hour/pastInterval)),
	)
}

// ids are those that the store has given to the services.
func (p *past) ids(ctx context.Context, db *sql.DB) ([]int64, error) {
	ids := make([]int64, p.services)
	for service := range ids {
		err := db.QueryRowContext(ctx, `SELECT id FROM targets WHERE service = ? AND target = ''`, pastName(service)).Scan(&ids[service])
		if err != nil {
			return nil, fmt.Errorf("finding the id of %s: %w", pastName(service), err)
		}
	}
	return ids, nil
}

// keepResults writes single results from one probe on, and failures from
// another on. What is too old by less than an interval, Prune removes.
func (p *past) keepResults(ctx context.Context, db *sql.DB, ids []int64, results, failures, probes int) error {
	for from := 0; from < p.services; from += bulkTargets {
		err := inTransaction(ctx, db, func(tx *sql.Tx) error {
			kept := bulk{tx: tx, table: "results", columns: 4}
			failed := bulk{tx: tx, table: "failures", columns: 5}
			for service := from; service < min(from+bulkTargets, p.services); service++ {
				for probe := min(results, failures); probe < probes; probe++ {
					at := p.at(service, probe).UnixMilli()
					status, latency := p.row(service, probe)
					if probe >= results {
						if err := kept.add(ctx, ids[service], at, status, latency); err != nil {
							return err
						}
					}
					if probe < failures || status == 0 {
						continue
					}
					found, _ := p.found(service, probe)
					if err := failed.add(ctx, ids[service], at, status, latency, message(found)); err != nil {
						return err
					}
				}
			}
			return errors.Join(kept.flush(ctx), failed.flush(ctx))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// keepSums writes the sums of spans of so many probes each.
func (p *past) keepSums(ctx context.Context, db *sql.DB, table string, ids []int64, from, probes, span int) error {
	return inTransaction(ctx, db, func(tx *sql.Tx) error {
		sums := bulk{tx: tx, table: table, columns: 7}
		for ; from < probes; from += span {
			at := p.begun.Add(time.Duration(from) * pastInterval).UnixMilli()
			for service, id := range ids {
				count, failed, degraded, sum, most := p.sum(service, from, min(from+span, probes))
				if err := sums.add(ctx, at, id, count, failed, degraded, sum, most); err != nil {
					return err
				}
			}
		}
		return sums.flush(ctx)
	})
}

// sum adds up the probes from one to before another.
func (p *past) sum(service, from, until int) (count, failed, degraded, sum, most int64) {
	for probe := from; probe < until; probe++ {
		status, latency := p.row(service, probe)
		count++
		if status == 2 {
			failed++
			continue
		}
		degraded += status
		sum += latency
		most = max(most, latency)
	}
	return count, failed, degraded, sum, most
}

// row is a result in the units of the database.
func (p *past) row(service, probe int) (status, latency int64) {
	found, ms := p.found(service, probe)
	switch found {
	case health.Degraded:
		status = 1
	case health.Unhealthy:
		status = 2
	}
	return status, int64(ms * 1000)
}

// inTransaction does something in a transaction of its own.
func inTransaction(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// bulk inserts rows, many by one statement.
type bulk struct {
	tx      *sql.Tx
	table   string
	columns int
	full    *sql.Stmt
	values  []any
}

func (b *bulk) add(ctx context.Context, row ...any) (err error) {
	b.values = append(b.values, row...)
	if len(b.values) < bulkRows*b.columns {
		return nil
	}
	if b.full == nil {
		if b.full, err = b.tx.PrepareContext(ctx, b.statement(bulkRows)); err != nil {
			return err
		}
	}
	_, err = b.full.Exec(b.values...) // the driver pays for a context with a goroutine
	b.values = b.values[:0]
	return errors.Join(err, ctx.Err())
}

// flush inserts what is left. The transaction closes the statement.
func (b *bulk) flush(ctx context.Context) error {
	rest := len(b.values) / b.columns
	if rest == 0 {
		return nil
	}
	_, err := b.tx.ExecContext(ctx, b.statement(rest), b.values...)
	return err
}

func (b *bulk) statement(rows int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", b.columns), ", ") + ")"
	return "INSERT INTO " + b.table + " VALUES " + strings.TrimSuffix(strings.Repeat(row+", ", rows), ", ")
}
