package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

//go:embed migrations
var migrations embed.FS

// versionTable holds what was migrated and when.
const versionTable = "paramedic_version"

// migrate brings the schema up to date. On PostgreSQL a lock lets one process
// migrate while the others wait.
func (s *Store) migrate(ctx context.Context) error {
	provider, err := s.migrator()
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	done, err := s.apply(ctx, provider)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	found, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if found > newest {
		return fmt.Errorf("has schema %d of a newer paramedic, this one knows schema %d: "+
			"use the newer paramedic, or choose another database", found, newest)
	}
	if done > 0 {
		s.log.Debug("schema migrated", "to", newest)
	}
	return nil
}

// apply does the migrations that are missing. There is no lock for a file: of
// two processes that do the same migration one fails, finds it done, and goes on.
func (s *Store) apply(ctx context.Context, provider *goose.Provider) (done int, err error) {
	tries := 1
	if s.kind == kindSQLite {
		tries += len(provider.ListSources())
	}
	for range tries {
		results, failure := provider.Up(ctx)
		done, err = done+len(results), failure
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return done, err
}

func (s *Store) migrator() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+s.kind)
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true)}
	dialect := goose.DialectSQLite3
	if s.kind == kindPostgres {
		dialect = goose.DialectPostgres
		// Tried every second for five minutes.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, s.write, files, options...)
}

// recognise refuses a file that is no database, or the database of something
// else. It changes nothing in it.
func recognise(ctx context.Context, db *sql.DB) error {
	var tables, ours int
	err := db.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(name = ?), 0) FROM sqlite_master WHERE type = 'table'`,
		versionTable).Scan(&tables, &ours)
	if err != nil || tables == 0 {
		return err
	}
	if ours == 0 {
		return errors.New("was not written by paramedic: choose another file")
	}
	return db.QueryRowContext(ctx, `SELECT count(*) FROM `+versionTable).Scan(&ours)
}

// isCorrupt recognises a file that SQLite cannot make sense of.
func isCorrupt(err error) bool {
	code := codeOf(err)
	return code == codes.SQLITE_NOTADB || code == codes.SQLITE_CORRUPT
}

// MayPass recognises a file that is none the worse for what has happened, so
// that it is worth trying again: no room on the disk, or others at work.
func MayPass(err error) bool {
	switch codeOf(err) {
	case codes.SQLITE_FULL, codes.SQLITE_IOERR, codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return true
	}
	return false
}

// hint says what to look at where SQLite says little.
func hint(err error) string {
	switch codeOf(err) {
	case codes.SQLITE_IOERR:
		return ": look whether the disk is full or damaged"
	case codes.SQLITE_CANTOPEN, codes.SQLITE_READONLY:
		return ": look whether the file and its directory may be written, and the file system too"
	}
	return ""
}

// codeOf is SQLite's code of an error, without what extended ones say besides;
// 0 for an error of something else.
func codeOf(err error) int {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return 0
	}
	return failure.Code() & 0xff
}
