package store

import (
	"context"
	"database/sql"
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
var pragmas = []string{
	"busy_timeout=10000", "journal_mode=wal", "synchronous=normal",
	"wal_autocheckpoint=8000", "journal_size_limit=67108864", "temp_store=memory",
}

func openSQLite(_ context.Context, path string) (*Store, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	if err := createFile(absolute); err != nil {
		return nil, fmt.Errorf("database %s: cannot be written: %w", absolute, err)
	}
	write, err := sql.Open("sqlite", fileURI(absolute, "_txlock=immediate", "cache_size=-65536"))
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", absolute, err)
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", fileURI(absolute, "", "cache_size=-16384", "query_only=true"))
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", absolute, err)
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &Store{kind: kindSQLite, name: absolute, write: write, read: read}, nil
}

// createFile makes the file, so that its mode is ours. SQLite takes the modes
// of its other files from this one.
func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	return file.Close()
}

// fileURI names a file with what holds for the connections to it.
func fileURI(path, option string, more ...string) string {
	query := url.Values{"mode": {"rw"}}
	for _, pragma := range append(pragmas[:len(pragmas):len(pragmas)], more...) {
		query.Add("_pragma", pragma)
	}
	uri := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
	if option != "" {
		uri += "&" + option
	}
	return uri
}
