//go:build unix && !linux

package realtest

import "syscall"

// ownGroup puts a child into a process group of its own, so that its children
// end with it.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
