package probe

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"paramedic/internal/option"
)

const (
	// execOutput bounds what is kept of each output of a command, in bytes.
	execOutput = 64 << 10
	// execGrace is how long a command has at most between SIGTERM and SIGKILL;
	// a tenth of the probe's time if that is less.
	execGrace = time.Second
)

// execution is what a command has done.
type execution struct {
	// code is its exit code, -1 if a signal ended it.
	code           int
	end            string // "exit status 2", "signal: killed"
	stdout, stderr string
}

// words are the first line that the command has written, as plugins for Nagios
// do, after the way it ended if that was not well. Secrets go first: one that
// has several lines would be cut.
func (e execution) words(hide *option.Redactor) string {
	line := ""
	for _, output := range []string{e.stdout, e.stderr} {
		first, _, _ := strings.Cut(strings.TrimSpace(hide.Redact(output)), "\n")
		if line = strings.TrimSpace(first); line != "" {
			break
		}
	}
	switch {
	case line == "":
		return e.end
	case e.code == 0:
		return line
	default:
		return e.end + ": " + line
	}
}

// run starts the command and waits for its end. Whatever it has started is gone
// afterwards, unless it has left the command's process group. Errors other than
// those of ctx mean that the command could not be run.
func (p *execProber) run(ctx context.Context) (execution, error) {
	path, err := p.program.Find()
	if err != nil {
		return execution{}, err
	}
	grace := execGrace
	if deadline, ok := ctx.Deadline(); ok {
		grace = min(grace, time.Until(deadline)/10)
		limited, cancel := context.WithDeadline(ctx, deadline.Add(-grace))
		defer cancel()
		ctx = limited
	}
	cmd := p.program.Prepare(ctx, path)
	stdout, stderr, err := runGroup(cmd, grace)
	if ended := ctx.Err(); ended != nil && err != nil {
		return execution{}, ended
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return execution{}, err
	}
	return execution{
		code: cmd.ProcessState.ExitCode(), end: cmd.ProcessState.String(),
		stdout: stdout, stderr: stderr,
	}, nil
}

// runGroup runs a command in a process group of its own, and ends the group
// with the command. When the command's context ends first, the group gets
// SIGTERM, and after the grace SIGKILL.
//
// A worker that is killed takes the command along, where the system can do so.
func runGroup(cmd *exec.Cmd, grace time.Duration) (stdout, stderr string, err error) {
	out, err := newOutput(&cmd.Stdout)
	if err != nil {
		return "", "", err
	}
	defer out.close()
	mistakes, err := newOutput(&cmd.Stderr)
	if err != nil {
		return "", "", err
	}
	defer mistakes.close()
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = grace
	ended := false
	cmd.Cancel = func() error {
		ended = true
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
		return "", "", err
	}
	out.read()
	mistakes.read()
	err = cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if ended {
		return "", "", err
	}
	until := time.Now().Add(grace)
	return out.text(until), mistakes.text(until), err
}
