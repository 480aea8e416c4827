//go:build !linux

package patient

import "syscall"

// dieWithParent has no counterpart here: a worker that is killed leaves its
// patient behind, and the next one says that the port is taken.
func dieWithParent() *syscall.SysProcAttr { return nil }
