package probe

import "syscall"

// ownGroup puts a command into a process group of its own, and has the kernel
// end the command when the worker dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
