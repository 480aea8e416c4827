//go:build !noembed

package devserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/schema/sqlite"
	"golang.org/x/mod/semver"
	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

const storeFile = "temporal.db"

// pragmas hold for every connection to the file. The write-ahead log with
// synchronous=normal survives the death of the process at any line; only a
// power cut may lose the last transactions, never the file.
var pragmas = map[string]string{
	"mode":         "rwc",
	"journal_mode": "wal",
	"synchronous":  "normal",
	"busy_timeout": "5000", // ms
}

// storeConfig describes the file to the server. The server keeps to one
// connection, which serialises writers instead of letting them fail as busy.
func storeConfig(path string) *config.SQL {
	attributes := make(map[string]string, len(pragmas))
	for key, value := range pragmas {
		attributes[key] = value
	}
	return &config.SQL{
		PluginName:        sqliteplugin.PluginName,
		DatabaseName:      escapePath(path),
		ConnectAttributes: attributes,
	}
}

// escapePath makes a path safe inside a SQLite URI.
func escapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// stamp is what the server's own schema does not record: who wrote the file.
type stamp struct{ server, schema, visibility string }

func currentStamp() stamp {
	return stamp{server: headers.ServerVersion, schema: sqlite.Version, visibility: sqlite.VisibilityVersion}
}

// prepareStore creates the file in dir with its schema, or checks that this
// version of the server may use the one that is there. It returns the file's path.
func prepareStore(ctx context.Context, dir string, log *slog.Logger) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", dirError(dir, err)
	}
	path := filepath.Join(absolute, storeFile)
	// SQLite takes the modes of its other files from this one.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return "", dirError(dir, err)
	}
	if err := file.Close(); err != nil {
		return "", dirError(dir, err)
	}
	if err := withStore(path, func(db *sql.DB) error { return checkStore(ctx, db, path, log) }); err != nil {
		return "", fmt.Errorf("database %s: %w", path, err)
	}
	return path, nil
}

// withStore runs do on a connection of its own. The server's connections
// cannot be used for this: its pool never closes one.
func withStore(path string, do func(*sql.DB) error) error {
	query := url.Values{"mode": {pragmas["mode"]}}
	for _, key := range []string{"busy_timeout", "journal_mode", "synchronous"} {
		query.Add("_pragma", key+"="+pragmas[key])
	}
	db, err := sql.Open("sqlite", "file:"+escapePath(path)+"?"+query.Encode())
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(do(db), db.Close())
}

func checkStore(ctx context.Context, db *sql.DB, path string, log *slog.Logger) error {
	var tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE type = 'table'`).Scan(&tables); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if tables == 0 {
		return createStore(ctx, db)
	}
	var found stamp
	err := db.QueryRowContext(ctx, `SELECT server, schema, visibility FROM paramedic_stamp`).
		Scan(&found.server, &found.schema, &found.visibility)
	if err != nil {
		return fmt.Errorf("was not written by paramedic, it bears no version: move it away, or choose another directory with --data: %w", err)
	}
	return upgradeStore(ctx, db, path, found, currentStamp(), log)
}

// createStore writes schema and stamp in one transaction: a file is whole or empty.
func createStore(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := sqlite.SetupSchemaOnDB(schemaWriter{ctx: ctx, tx: tx}); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE paramedic_stamp (server TEXT NOT NULL, schema TEXT NOT NULL, visibility TEXT NOT NULL)`); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	now := currentStamp()
	if _, err := tx.ExecContext(ctx, `INSERT INTO paramedic_stamp VALUES (?, ?, ?)`, now.server, now.schema, now.visibility); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	return tx.Commit()
}

// upgradeStore lets a newer server take over the file, after a backup. Schema
// changes would go here, between the backup and the new stamp; there has been
// none since the first release, so a file with another schema is refused.
func upgradeStore(ctx context.Context, db *sql.DB, path string, found, now stamp, log *slog.Logger) error {
	switch {
	case found == now:
		return nil
	case newer(found.server, now.server) || newer(found.schema, now.schema) || newer(found.visibility, now.visibility):
		return fmt.Errorf("was written by the newer Temporal server %s (schema %s), this worker holds %s (schema %s): "+
			"use the newer worker, or choose another directory with --data", found.server, found.schema, now.server, now.schema)
	case found.schema != now.schema || found.visibility != now.visibility:
		return fmt.Errorf("has schema %s of Temporal server %s, this worker needs %s and knows no way from there: "+
			"use the worker that wrote it, or choose another directory with --data", found.schema, found.server, now.schema)
	}
	backup := path + "." + found.server + ".bak"
	if err := backUp(ctx, db, backup); err != nil {
		return fmt.Errorf("back up before the upgrade to Temporal server %s: %w", now.server, err)
	}
	if _, err := db.ExecContext(ctx, `UPDATE paramedic_stamp SET server = ?`, now.server); err != nil {
		return fmt.Errorf("stamp: %w", err)
	}
	log.Info("Temporal server upgraded", "from", found.server, "to", now.server, "backup", backup)
	return nil
}

// backUp writes a consistent copy. One that is there was made by an upgrade
// that did not finish, and the file has not been written to since: it is replaced.
func backUp(ctx context.Context, db *sql.DB, to string) error {
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// VACUUM INTO writes into an empty file, and so keeps its mode.
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, to)
	return err
}

func newer(a, b string) bool { return semver.Compare("v"+a, "v"+b) > 0 }

// checkpoint moves the write-ahead log into the file, so that a stopped
// server's file can be copied alone.
func checkpoint(ctx context.Context, path string) error {
	return withStore(path, func(db *sql.DB) error {
		if _, err := db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
			return fmt.Errorf("checkpoint %s: %w", path, err)
		}
		return nil
	})
}

// schemaWriter lets the server's schema be written inside our transaction.
// SetupSchemaOnDB calls nothing but Exec.
type schemaWriter struct {
	sqlplugin.AdminDB
	ctx context.Context
	tx  *sql.Tx
}

func (w schemaWriter) Exec(statement string, args ...any) error {
	_, err := w.tx.ExecContext(w.ctx, statement, args...)
	return err
}

// isDiskFull recognises a full disk in the errors of files and of the database.
func isDiskFull(err error) bool {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return true
	}
	var sqliteErr *driver.Error
	if errors.As(err, &sqliteErr) {
		return sqliteErr.Code()&0xff == codes.SQLITE_FULL
	}
	// The server passes on the texts of its errors only.
	return err != nil && strings.Contains(err.Error(), "database or disk is full")
}
