//go:build !noembed

package devserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

const (
	lockFile = "worker.lock"
	dirMode  = fs.FileMode(0o700)
	fileMode = fs.FileMode(0o600)
)

// openDir creates dir if it is missing and locks it for this process. SQLite
// would let a second server open the same file, and both would lose history.
func openDir(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, dirError(dir, err)
	}
	path := filepath.Join(dir, lockFile)
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(fileMode))
	held, err := lock.TryLock()
	if err != nil {
		return nil, dirError(dir, err)
	}
	if !held {
		return nil, fmt.Errorf("data directory %s is in use by another worker%s: stop that one, or give this one its own directory with --data",
			dir, holder(path))
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), fileMode); err != nil {
		return nil, errors.Join(dirError(dir, err), lock.Close())
	}
	return lock, nil
}

// holder reads who holds the lock at path, as " (pid 42)", or "" if that cannot be known.
func holder(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

func dirError(dir string, err error) error {
	if isDiskFull(err) {
		return fmt.Errorf("data directory %s: the disk is full: make room, or choose another place with --data: %w", dir, err)
	}
	return fmt.Errorf("data directory %s cannot be used: make it writable, or choose another with --data: %w", dir, err)
}
