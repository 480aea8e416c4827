package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// mortal is a connection that does not outlive its prober.
type mortal struct {
	net.Conn
	survive func() bool
}

// Close implements net.Conn.
func (m mortal) Close() error {
	m.survive()
	return m.Conn.Close()
}

// dial connects for the library. Both dialing and the connection end when the
// prober has hung up.
func (p *postgresProber) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return mortal{Conn: conn, survive: context.AfterFunc(p.life, func() { _ = conn.Close() })}, nil
}

// postgresValue runs a query that returns one value. After an error there may
// be rows left on the wire.
func postgresValue(ctx context.Context, tx pgx.Tx, query string) (any, error) {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	if columns := len(rows.FieldDescriptions()); columns > 1 {
		return nil, fmt.Errorf("the query returned %d columns, not one value", columns)
	}
	if !rows.Next() {
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, err
		}
		return nil, errors.New("the query returned no row")
	}
	values, err := rows.Values()
	if err != nil {
		return nil, err
	}
	if rows.Next() {
		return nil, errors.New("the query returned more than one row")
	}
	rows.Close()
	return postgresPlain(values[0]), rows.Err()
}

// postgresPlain turns the library's types into numbers, times and texts;
// intervals into seconds.
func postgresPlain(value any) any {
	const day = 24 * 60 * 60 // seconds
	switch v := value.(type) {
	case time.Time:
		return v
	case pgtype.Numeric:
		if number, err := v.Float64Value(); err == nil && number.Valid {
			return number.Float64
		}
	case pgtype.Interval:
		return (float64(v.Months)*30+float64(v.Days))*day + float64(v.Microseconds)/1e6
	case [16]byte:
		return pgtype.UUID{Bytes: v, Valid: true}.String()
	case fmt.Stringer:
		return v.String()
	}
	return value
}

// plainPostgres strips what the library puts around the words of the server.
func plainPostgres(err error) error {
	var (
		said    *pgconn.PgError
		connect *pgconn.ConnectError
	)
	switch {
	case errors.As(err, &said):
		return errors.New(said.Message)
	case errors.As(err, &connect):
		return innermost(connect)
	default:
		return err
	}
}

// innermost returns the error that others are wrapped around: of several
// addresses of a host, that of the last.
func innermost(err error) error {
	var joined interface{ Unwrap() []error }
	for errors.As(err, &joined) && len(joined.Unwrap()) > 0 {
		all := joined.Unwrap()
		err = all[len(all)-1]
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}
