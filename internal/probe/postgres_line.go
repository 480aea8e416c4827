package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// postgresServer is a server as the library knows it. The library tells a
// server to stop a query, and closes its connection, in the background; ending
// waits for that, and hangUp ends it.
type postgresServer struct {
	config *pgx.ConnConfig
	life   context.Context
	hangUp context.CancelFunc
	ending sync.WaitGroup
}

func newPostgresServer() *postgresServer {
	s := &postgresServer{}
	s.life, s.hangUp = context.WithCancel(context.Background())
	return s
}

func (s *postgresServer) connect(ctx context.Context) (databaseSession, error) {
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return nil, err
	}
	conn.PgConn().Frontend().SetMaxBodyLen(bodyLimit)
	return postgresSession{s, conn}, nil
}

func (s *postgresServer) close() {
	timer := time.AfterFunc(databaseFarewell, s.hangUp)
	defer timer.Stop()
	s.ending.Wait()
	s.hangUp()
}

// postgresSession is a connection.
type postgresSession struct {
	server *postgresServer
	conn   *pgx.Conn
}

func (s postgresSession) greet(ctx context.Context) error {
	_, err := s.conn.Exec(ctx, "SELECT 1")
	return err
}

func (s postgresSession) begin(ctx context.Context) (databaseTransaction, error) {
	tx, err := s.conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	return postgresTransaction{tx}, err
}

func (s postgresSession) closed() bool { return s.conn.IsClosed() }

// leave lets the library look after what is left on the wire.
func (s postgresSession) leave(bool) {
	s.server.ending.Go(func() {
		ctx, cancel := context.WithTimeout(s.server.life, databaseFarewell)
		defer cancel()
		_ = s.conn.Close(ctx)
		<-s.conn.PgConn().CleanupDone()
	})
}

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
func (s *postgresServer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return mortal{Conn: conn, survive: context.AfterFunc(s.life, func() { _ = conn.Close() })}, nil
}

type postgresTransaction struct{ tx pgx.Tx }

func (t postgresTransaction) end(ctx context.Context) error { return t.tx.Rollback(ctx) }

func (t postgresTransaction) value(ctx context.Context, query string) (any, error) {
	rows, err := t.tx.Query(ctx, query)
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

func (s *postgresServer) plain(err error) error {
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
