package probe

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mysqlServer is a server as the library knows it.
type mysqlServer struct {
	connector driver.Connector
	socket    *rationed // that was dialed last
}

// dial connects for the library.
func (s *mysqlServer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.socket = nil // how much was read from the last one explains nothing of this one
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	s.socket = newRationed(conn)
	return s.socket, nil
}

func (s *mysqlServer) connect(ctx context.Context) (databaseSession, error) {
	conn, err := s.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	able, ok := conn.(mysqlConn)
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("the library's connection is a %T, which cannot run queries", conn)
	}
	return mysqlSession{able, s.socket}, nil
}

// close has nothing to wait for.
func (s *mysqlServer) close() {}

// mysqlConn is what the library's connections can do.
type mysqlConn interface {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
}

// mysqlSession is a connection, and the transaction on it.
type mysqlSession struct {
	conn   mysqlConn
	socket *rationed
}

func (s mysqlSession) greet(ctx context.Context) error {
	s.socket.refill()
	return s.run(ctx, "SELECT 1")
}

func (s mysqlSession) begin(ctx context.Context) (databaseTransaction, error) {
	for _, statement := range mysqlBegin(ctx) {
		if err := s.run(ctx, statement); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s mysqlSession) end(ctx context.Context) error { return s.run(ctx, "ROLLBACK") }

// run runs a statement whose result does not matter.
func (s mysqlSession) run(ctx context.Context, statement string) error {
	_, err := s.conn.ExecContext(ctx, statement, nil)
	return err
}

func (s mysqlSession) closed() bool { return s.socket.closed.Load() }

// leave tells the server, unless something is left on the wire.
func (s mysqlSession) leave(failed bool) {
	if failed {
		_ = s.socket.Close()
	}
	_ = s.conn.Close()
}

// mysqlBegin returns the statements that begin a transaction which may only
// read. The session is told too: a statement that ends transactions, as those
// that change tables do, would not be in this one any more.
func mysqlBegin(ctx context.Context) []string {
	return []string{mysqlLimit(ctx), "SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY"}
}

// mysqlLimit returns the statement that has the server end each query when the
// time of ctx is over: it would not notice that its client has hung up. Each of
// the two servers reads the part that is meant for it.
func mysqlLimit(ctx context.Context) string {
	left := time.Hour
	if deadline, ok := ctx.Deadline(); ok {
		left = max(time.Until(deadline), time.Millisecond)
	}
	return fmt.Sprintf("SET @paramedic = 1 /*!50708 , SESSION max_execution_time = %d */ /*M!100101 , SESSION max_statement_time = %.3f */",
		left.Milliseconds()+1, left.Seconds())
}

// Numbers of the errors by which the servers say that a query took too long.
const (
	mysqlTimeout = 3024
	mariaTimeout = 1969
)

func (s *mysqlServer) plain(err error) error {
	var said *mysql.MySQLError
	switch {
	case errors.As(err, &said) && (said.Number == mysqlTimeout || said.Number == mariaTimeout):
		return context.DeadlineExceeded
	case errors.As(err, &said):
		return errors.New(said.Message)
	case s.socket != nil && s.socket.left.Load() <= 0:
		return errRation
	case errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, driver.ErrBadConn):
		return io.ErrUnexpectedEOF
	default:
		return err
	}
}

func (s mysqlSession) value(ctx context.Context, query string) (any, error) {
	rows, err := s.conn.QueryContext(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	columns := len(rows.Columns())
	if columns > 1 {
		return nil, fmt.Errorf("the query returned %d columns, not one value", columns)
	}
	row := make([]driver.Value, columns)
	if err := rows.Next(row); errors.Is(err, io.EOF) || columns == 0 {
		return nil, errors.New("the query returned no row")
	} else if err != nil {
		return nil, err
	}
	kind := ""
	if typed, ok := rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		kind = typed.ColumnTypeDatabaseTypeName(0)
	}
	value, err := mysqlPlain(row[0], kind)
	if err != nil {
		return nil, err
	}
	switch err := rows.Next(row); {
	case err == nil:
		return nil, errors.New("the query returned more than one row")
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return value, rows.Close()
}

// mysqlPlain turns what the library read of a column of some kind into a
// number, a time or a text; times of day into seconds.
func mysqlPlain(value driver.Value, kind string) (any, error) {
	if at, ok := value.(time.Time); ok && at.IsZero() {
		return nil, nil // 0000-00-00: no date
	}
	raw, ok := value.([]byte)
	if !ok {
		return value, nil
	}
	switch text := string(raw); kind {
	case "DECIMAL":
		return strconv.ParseFloat(text, 64)
	case "TIME":
		return mysqlSeconds(text)
	case "BIT":
		if len(raw) == 1 && raw[0] <= 1 { // BIT(1), by which MySQL keeps true and false
			return float64(raw[0]), nil
		}
		return text, nil
	default:
		return text, nil
	}
}

// mysqlSeconds reads a time of day, or the difference of two: -838:59:59.000000
// to 838:59:59.000000.
func mysqlSeconds(text string) (float64, error) {
	positive := strings.TrimPrefix(text, "-")
	seconds := 0.0
	for part := range strings.SplitSeq(positive, ":") {
		number, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a time of day", text)
		}
		seconds = seconds*60 + number
	}
	if positive != text {
		return -seconds, nil
	}
	return seconds, nil
}
