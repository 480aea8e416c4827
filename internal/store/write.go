package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// writeLimits bound how long a writer that hangs can keep the others waiting.
const writeLimits = `SET LOCAL idle_in_transaction_session_timeout = '30s'; SET LOCAL lock_timeout = '60s'`

// Write takes in a batch: all of it or nothing. Writing it twice is the same as
// writing it once. What cannot be told apart is left out and logged: a result
// without a service or a time, an incident without an id.
func (s *Store) Write(ctx context.Context, b Batch) error {
	clean := cleaned(b)
	if left := size(b) - size(clean); left > 0 {
		s.log.Warn("left out what names no service or no time", "count", left)
	}
	if size(clean) == 0 {
		return nil
	}
	if err := s.transact(ctx, func(w *writing) error { return w.batch(ctx, clean) }); err != nil {
		return s.failed("write", err)
	}
	return nil
}

// writing is a transaction that writes.
type writing struct {
	*Store
	tx *sql.Tx
	// stamp is later than that of every transaction before, in microseconds.
	stamp int64
	// ids are those of the targets that were new to this process.
	ids map[Key]int64
}

// transact does something in a transaction of its own. Transactions of all
// processes come one after another.
//
// After a failure no id is taken for granted: a server that comes back may have
// lost what it had acknowledged, and the ids of targets with it.
func (s *Store) transact(ctx context.Context, do func(*writing) error) error {
	return s.transactOn(ctx, s.write, do)
}

// durably is transact for what has been promised to somebody once it returns:
// in a file, too, a power cut does not undo it.
func (s *Store) durably(ctx context.Context, do func(*writing) error) (err error) {
	if s.kind != kindSQLite {
		return s.transact(ctx, do)
	}
	connection, err := s.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	if _, err := connection.ExecContext(ctx, `PRAGMA synchronous = full`); err != nil {
		return err
	}
	defer func() {
		_, back := connection.ExecContext(context.WithoutCancel(ctx), `PRAGMA synchronous = normal`)
		err = errors.Join(err, back)
	}()
	return s.transactOn(ctx, connection, do)
}

// beginner is a pool of connections, or one of them.
type beginner interface {
	BeginTx(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error)
}

func (s *Store) transactOn(ctx context.Context, on beginner, do func(*writing) error) (err error) {
	defer func() {
		if err != nil {
			s.targets.forgetBefore(unknownRemovals)
		}
	}()
	tx, err := on.BeginTx(ctx, s.isolation())
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if back := tx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) {
			err = errors.Join(err, fmt.Errorf("roll back: %w", back))
		}
	}()
	w := &writing{Store: s, tx: tx, ids: map[Key]int64{}}
	removals, err := w.takeTurn(ctx)
	if err != nil {
		return fmt.Errorf("take a turn: %w", err)
	}
	s.targets.forgetBefore(removals)
	if err := do(w); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.targets.learn(w.ids, removals)
	return nil
}

// isolation is what taking turns relies on, whatever the database's default: who
// has waited sees what was written meanwhile.
func (s *Store) isolation() *sql.TxOptions {
	if s.kind == kindPostgres {
		return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	return nil
}

// takeTurn waits for the transactions before, and takes a stamp. The row stays
// locked until the end, so that stamps become visible in their order.
func (w *writing) takeTurn(ctx context.Context) (removals int64, err error) {
	now, args := "?", []any{time.Now().UnixMicro()}
	if w.kind == kindPostgres {
		if _, err := w.tx.ExecContext(ctx, writeLimits); err != nil {
			return 0, err
		}
		now, args = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint", nil
	}
	err = w.tx.QueryRowContext(ctx, w.bound(`UPDATE clock SET stamp = CASE WHEN stamp >= `+now+` THEN stamp + 1 ELSE `+now+` END
		RETURNING stamp, removals`), append(args, args...)...).Scan(&w.stamp, &removals)
	return removals, err
}

func (w *writing) batch(ctx context.Context, b Batch) error {
	if err := w.findTargets(ctx, b); err != nil {
		return fmt.Errorf("targets: %w", err)
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"results", func() error { return w.results(ctx, b.Results) }},
		{"surveys", func() error { return w.surveys(ctx, b.Surveys) }},
		{"latest", func() error { return w.latest(ctx, b) }},
		{"incidents", func() error { return w.incidents(ctx, b.Incidents) }},
		{"alerts", func() error { return w.alerts(ctx, b.Alerts) }},
		{"outboxes", func() error { return w.outboxes(ctx, b.Outboxes) }},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func (w *writing) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	result, err := w.tx.ExecContext(ctx, w.bound(statement), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
