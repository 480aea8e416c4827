package realtest

import "syscall"

// ownGroup puts a child into a process group of its own, so that its children
// end with it, and has the kernel end it when the test binary dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
