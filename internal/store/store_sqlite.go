package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver
)

const (
	fileMode = 0o600
	dirMode  = 0o700
	// readers bounds the connections that read from a file.
	readers = 4
)

// pragmas hold for every connection to a file. The write-ahead log with
// synchronous=normal survives the death of the process at any line; only a
// power cut may lose the last transactions, never the file. The log may grow
// to 32 MB before it moves into the file, because batches touch the same pages
// again and again.
var pragmas = [...]string{
	"busy_timeout=10000", "journal_mode=wal", "synchronous=normal",
	"wal_autocheckpoint=8000", "journal_size_limit=67108864", "temp_store=memory",
}

func openSQLite(path string) (*Store, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	s := &Store{kind: kindSQLite, name: absolute}
	if err := createFile(absolute); err != nil {
		return nil, s.failed("make the file", err)
	}
	if s.write, err = openFile(absolute, 1, "&_txlock=immediate", append(pragmas[:], "cache_size=-65536")); err != nil {
		return nil, s.failed("open", err)
	}
	if s.read, err = openFile(absolute, readers, "", append(pragmas[:], "cache_size=-16384", "query_only=true")); err != nil {
		return nil, errors.Join(s.failed("open", err), s.write.Close())
	}
	return s, nil
}

// inspect refuses a file that is not a store's. It looks at it with a connection
// that changes nothing in it, not even its mode.
func (s *Store) inspect(ctx context.Context) error {
	look, err := openFile(s.name, 1, "", pragmas[:1])
	if err != nil {
		return err
	}
	return errors.Join(recognise(ctx, look), look.Close())
}

// openFile makes a pool of connections to a file, to which pragmas apply.
func openFile(path string, size int, option string, pragmas []string) (*sql.DB, error) {
	query := url.Values{"mode": {"rw"}, "_pragma": pragmas}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode()+option)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// createFile makes the file if there is none, so that its mode is ours. SQLite
// takes the modes of its other files from this one. A file that is there is not
// touched: to close it would give up the locks that this process has on it.
func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}
