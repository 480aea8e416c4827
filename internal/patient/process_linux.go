package patient

import "syscall"

// dieWithParent makes sure that a worker that is killed leaves no patient behind.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
