package patient

import "syscall"

// dieWithParent makes sure that a worker that is killed leaves no patient
// behind. A group of its own keeps Ctrl-C at the terminal from hurting the
// patient while its worker still watches it.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
