package remedy

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// groupPause is the wait between two looks at whether a process group is gone.
const groupPause = 10 * time.Millisecond

// runGroup runs a command in a process group of its own and waits for its end.
// When the command's context ends first, the whole group, grandchildren
// included, gets SIGTERM and after the grace SIGKILL; ended reports that.
//
// What a command that ended by itself leaves running is its own affair: to
// start a service is what such commands are for. Such a process should not keep
// the command's output open, or it finds it closed after the grace.
//
// A worker that is killed takes the command along, where the system can do so:
// nobody would wait for it any more, and the steps that follow would meet it.
func runGroup(cmd *exec.Cmd) (ended bool, err error) {
	var deadline time.Time
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = termGrace
	cmd.Cancel = func() error {
		ended, deadline = true, time.Now().Add(termGrace)
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); !errors.Is(err, syscall.ESRCH) {
			return err
		}
		return os.ErrProcessDone
	}
	// The kernel ends the command with the thread that started it, not with the
	// process: the thread has to last as long as the command.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return false, err
	}
	err = cmd.Wait()
	if ended {
		endGroup(cmd.Process.Pid, deadline)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the command succeeded, and something of it lives on
	}
	return ended, err
}

// endGroup waits until a process group is gone and kills it at the deadline.
func endGroup(leader int, deadline time.Time) {
	for time.Now().Before(deadline) {
		if errors.Is(syscall.Kill(-leader, 0), syscall.ESRCH) {
			return
		}
		time.Sleep(groupPause)
	}
	_ = syscall.Kill(-leader, syscall.SIGKILL)
}
