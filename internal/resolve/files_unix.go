//go:build unix

package resolve

import "syscall"

// openFiles is how many files the process may open. The soft limit is the one
// that counts, and Go raises it to the hard one when a program starts.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return assumedFiles
	}
	return int(min(uint64(limit.Cur), 2*slotsLimit)) //nolint:unconvert // signed on some systems
}
