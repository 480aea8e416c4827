package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"paramedic/internal/health"
)

// fault is what a failed write says of the store and of what was written.
type fault int

const (
	// faultUnclear may be either.
	faultUnclear fault = iota
	// faultStore: the store cannot be written at the moment, whatever it is.
	faultStore
	// faultContent: the store does not take these rows, now or ever.
	faultContent
)

// faultOf looks at what the databases say, and at what encoding says before
// they are asked.
func faultOf(err error) fault {
	var postgres *pgconn.PgError
	var lite *sqlite.Error
	var network net.Error
	switch {
	case errors.As(err, &postgres):
		return faultOfPostgres(postgres.Code)
	case errors.As(err, &lite):
		return faultOfSQLite(lite.Code())
	case errors.As(err, new(*json.UnsupportedValueError)), errors.As(err, new(*json.UnsupportedTypeError)), errors.As(err, new(*json.MarshalerError)):
		return faultContent
	case errors.As(err, &network), errors.As(err, new(*pgconn.ConnectError)), pgconn.SafeToRetry(err),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone), errors.Is(err, driver.ErrBadConn):
		return faultStore
	}
	return faultUnclear
}

// faultOfPostgres reads an SQLSTATE: 22 are data exceptions, 23 violated
// constraints, 54 exceeded limits of the program.
func faultOfPostgres(code string) fault {
	if len(code) >= 2 {
		switch code[:2] {
		case "22", "23", "54":
			return faultContent
		}
	}
	return faultStore
}

func faultOfSQLite(code int) fault {
	switch code & 0xff { // the rest of an extended code only says more
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
		return faultContent
	}
	return faultStore
}

// refusal is a row that the store does not take, and why.
type refusal struct {
	row Batch
	err error
}

// blindWrites is how many writes may fail for an unclear reason, and none be
// taken, until it is the store that is thought to be at fault.
const blindWrites = 40

// isolation writes a batch in ever smaller parts to find the rows that the
// store refuses.
type isolation struct {
	write   func(Batch) error
	refused []refusal
	// unclear are rows that failed for a reason that may be the store's; they
	// are refused if another row was taken.
	unclear []refusal
	taken   bool
	failed  int
}

// isolate writes all of a batch but what the store refuses, after it failed as
// a whole. An error means that the store cannot be written, and that nothing is
// known of the batch.
func isolate(batch Batch, failure error, write func(Batch) error) ([]refusal, error) {
	i := isolation{write: write}
	if err := i.divide(batch, failure); err != nil {
		return nil, err
	}
	if err := i.clear(); err != nil {
		return nil, err
	}
	return i.refused, nil
}

// clear tries unclear rows once more by themselves, for it may have been the
// store that was away for a moment.
func (i *isolation) clear() error {
	for _, r := range i.unclear {
		err := i.write(r.row)
		switch {
		case err == nil:
		case !i.taken || faultOf(err) == faultStore:
			return err
		default:
			i.refused = append(i.refused, refusal{r.row, err})
		}
	}
	return nil
}

// divide looks into a part that failed. Both halves are tried before either is
// divided, so that a success is found soon wherever the bad rows are.
func (i *isolation) divide(batch Batch, failure error) error {
	i.failed++
	kind := faultOf(failure)
	switch {
	case kind == faultStore, kind == faultUnclear && !i.taken && i.failed > blindWrites:
		return failure
	case batch.size() == 1 && kind == faultContent:
		i.refused = append(i.refused, refusal{batch, failure})
		return nil
	case batch.size() == 1:
		i.unclear = append(i.unclear, refusal{batch, failure})
		return nil
	}
	first, second := batch.cut(batch.size() / 2)
	failures := [2]error{i.write(first), i.write(second)}
	i.taken = i.taken || failures[0] == nil || failures[1] == nil
	for half, part := range []Batch{first, second} {
		if failures[half] == nil {
			continue
		}
		if err := i.divide(part, failures[half]); err != nil {
			return err
		}
	}
	return nil
}

// cut divides a batch after its first n rows.
func (b Batch) cut(n int) (first, second Batch) {
	first.Results, second.Results, n = cut(b.Results, n)
	first.Surveys, second.Surveys, n = cut(b.Surveys, n)
	first.Standings, second.Standings, n = cut(b.Standings, n)
	first.Incidents, second.Incidents, n = cut(b.Incidents, n)
	first.Alerts, second.Alerts, n = cut(b.Alerts, n)
	first.Outboxes, second.Outboxes, _ = cut(b.Outboxes, n)
	return first, second
}

func cut[T any](rows []T, n int) (first, second []T, rest int) {
	at := min(n, len(rows))
	return rows[:at], rows[at:], n - at
}

// name says what a batch of one row is.
func (b Batch) name() string {
	switch {
	case len(b.Results) > 0:
		return "a result of " + b.Results[0].name()
	case len(b.Surveys) > 0:
		return "the results of targets of " + health.Clip(b.Surveys[0].service, 80)
	case len(b.Standings) > 0:
		return "the standing of " + Key{b.Standings[0].Service, b.Standings[0].Target}.name()
	case len(b.Incidents) > 0:
		return "the incident " + b.Incidents[0].ID
	case len(b.Alerts) > 0:
		return "an alert to " + b.Alerts[0].Receiver
	case len(b.Outboxes) > 0:
		return "the Outbox of " + b.Outboxes[0].Receiver
	}
	return "nothing"
}

// name is the service, with the target if there is one.
func (k Key) name() string {
	if k.Target == "" {
		return health.Clip(k.Service, 80)
	}
	return health.Clip(k.Service, 80) + "/" + health.Clip(k.Target, 80)
}
