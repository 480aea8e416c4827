package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Store is a database with the schema of this program. It may be used by many
// goroutines, and the database by many processes.
type Store struct {
	kind string
	// name is what errors call the database; it holds no password.
	name string
	// write and read may be one pool. SQLite has one connection that writes.
	write, read *sql.DB
	log         *slog.Logger
	targets     targets
}

// The kinds of databases.
const (
	kindSQLite   = "sqlite"
	kindPostgres = "postgres"
)

// Open opens a database and brings its schema up to date: a SQLite file, which
// is made if there is none, or a PostgreSQL database by its connection string
// ("postgres://user@host/name?sslmode=verify-full"). A database whose schema is
// newer than this program is refused, and so is a file of something else.
// Several processes may open the same database at once.
func Open(ctx context.Context, location string, log *slog.Logger) (*Store, error) {
	s, err := At(location, log)
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// At returns the store at a location, as Open does, without asking a server or
// reading a file: it is of use once Migrate has succeeded.
func At(location string, log *slog.Logger) (*Store, error) {
	open, err := opener(location)
	if err != nil {
		return nil, err
	}
	s, err := open(location)
	if err != nil {
		return nil, err
	}
	s.log = log.With("store", s.name)
	return s, nil
}

// Migrate brings the schema up to date. It may be called again, and has to be
// after an error that MayPass.
func (s *Store) Migrate(ctx context.Context) error {
	if s.kind == kindSQLite {
		if err := s.inspect(ctx); err != nil {
			return s.failed("open", err)
		}
	}
	if err := s.migrate(ctx); err != nil {
		return s.failed("open", err)
	}
	return nil
}

// opener finds who opens a location. The location itself may hold a password,
// and is in no error.
func opener(location string) (func(string) (*Store, error), error) {
	scheme, _, isURL := strings.Cut(location, "://")
	switch {
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		return openPostgres, nil
	case isURL, location == "":
		return nil, errors.New("database: unknown location: it is the path of a SQLite file, or postgres://USER:PASSWORD@HOST:PORT/NAME")
	default:
		return openSQLite, nil
	}
}

// Close waits for what is under way and closes the database.
func (s *Store) Close() error {
	err := s.write.Close()
	if s.read != s.write {
		err = errors.Join(s.read.Close(), err)
	}
	if err != nil {
		return s.failed("close", err)
	}
	return nil
}

// Kind is "sqlite" or "postgres".
func (s *Store) Kind() string { return s.kind }

// failed names the database, and what was asked of it, in an error.
func (s *Store) failed(what string, err error) error {
	if isCorrupt(err) {
		return fmt.Errorf("database %s: is damaged or no SQLite file, move it away and a new one is made: %s: %w", s.name, what, err)
	}
	return fmt.Errorf("database %s: %s: %w%s", s.name, what, err, hint(err))
}

// bound gives a statement with question marks the placeholders of its database.
func (s *Store) bound(statement string) string {
	if s.kind == kindSQLite {
		return statement
	}
	var b strings.Builder
	for number := 1; ; number++ {
		before, after, found := strings.Cut(statement, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		fmt.Fprintf(&b, "$%d", number)
		statement = after
	}
}

// query reads rows and hands each to scan.
func (s *Store) query(ctx context.Context, scan func(*sql.Rows) error, statement string, args ...any) error {
	return s.queryOn(ctx, s.read, scan, statement, args...)
}

// querier is a pool, or a transaction.
type querier interface {
	QueryContext(ctx context.Context, statement string, args ...any) (*sql.Rows, error)
}

// snapshot reads several times from one moment of the database.
func (s *Store) snapshot(ctx context.Context, do func(querier) error) error {
	options := &sql.TxOptions{}
	if s.kind == kindPostgres {
		options.Isolation = sql.LevelRepeatableRead
	}
	tx, err := s.read.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	err = do(tx)
	if back := tx.Rollback(); err == nil && back != nil && !errors.Is(back, sql.ErrTxDone) {
		err = back
	}
	return err
}

func (s *Store) queryOn(ctx context.Context, from querier, scan func(*sql.Rows) error, statement string, args ...any) error {
	rows, err := from.QueryContext(ctx, s.bound(statement), args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
