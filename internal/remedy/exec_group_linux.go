package remedy

import "syscall"

// ownGroup puts a command into a process group of its own, and has the kernel
// end the command when the worker dies. It ends that one process and not what
// that has started, and nothing that runs with another user's rights, like sudo.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
