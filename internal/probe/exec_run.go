package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
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
	// execPath stands in for a PATH that the worker does not have.
	execPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
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
	program, err := p.find()
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
	cmd := exec.CommandContext(ctx, program, p.options.Command[1:]...)
	cmd.Args[0] = p.options.Command[0]
	cmd.Dir, cmd.Env = p.options.Dir, p.environment()
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

// find returns the program's path.
func (p *execProber) find() (string, error) {
	if dir := p.options.Dir; dir != "" {
		if info, err := os.Stat(dir); err != nil {
			return "", fmt.Errorf("dir: %w", err)
		} else if !info.IsDir() {
			return "", fmt.Errorf("dir: %s is not a directory", dir)
		}
	}
	name := p.options.Command[0]
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(p.options.Dir, name)
		if !filepath.IsAbs(name) {
			name = "./" + name
		}
	}
	path, err := exec.LookPath(name)
	switch {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no program %s on this machine; name one in the worker's PATH or give its full path", name)
	case err != nil:
		return "", err
	}
	return filepath.Abs(path)
}

// environment is that of the command. What env declares comes last and wins.
func (p *execProber) environment() []string {
	environment := []string{}
	for _, name := range []string{"PATH", "HOME", "LANG"} {
		value, set := os.LookupEnv(name)
		if name == "PATH" && value == "" {
			value, set = execPath, true
		}
		if set {
			environment = append(environment, name+"="+value)
		}
	}
	for name, value := range p.options.Env {
		environment = append(environment, name+"="+value.Reveal())
	}
	return environment
}
