package realtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Ports are taken from below the range that systems give to outgoing
// connections, which would otherwise take them again.
const (
	firstPort = 10000
	lastPort  = 32000
)

// FreeAddress returns a loopback address that nobody listens on, and that no
// other test on this machine is given until t ends: packages are tested in
// parallel, and a port that was only looked at goes to two servers.
func FreeAddress(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("paramedic-test-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatalf("make a place for port locks: %v", err)
	}
	for range 1000 {
		port := strconv.Itoa(firstPort + rand.IntN(lastPort-firstPort))
		lock, err := lockFile(filepath.Join(dir, port))
		if err != nil {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", port)
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			// Closing the file gives the lock back.
			t.Cleanup(func() { _ = lock.Close() })
			return address
		}
		_ = lock.Close()
	}
	t.Fatalf("no free port between %d and %d", firstPort, lastPort)
	return ""
}

// lockFile locks a file without waiting. The file stays: removing it would let
// two processes lock two files of the same name.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
