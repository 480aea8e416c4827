package realtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// startLimit is how long a server may take until it answers; generous, since
// test machines are busy.
const startLimit = 30 * time.Second

// Command says how to start a server.
type Command struct {
	// Addr is where it listens, as host:port; the same at every start.
	Addr string
	Path string
	Args []string
	// Env is added to the environment of the test.
	Env []string
	Dir string
	// Credential is who runs it; nil means whoever runs the test.
	Credential *syscall.Credential
	// Ready fails for as long as the server does not answer yet; nil means that
	// it is ready once it accepts connections at Addr.
	Ready func(ctx context.Context) error
	// Limit is how long it may take until it is ready; zero means 30 s.
	Limit time.Duration
}

// Process is a running server. Its methods end the test when they fail.
type Process struct {
	Command

	t      testing.TB
	log    string
	cmd    *exec.Cmd
	exited chan struct{}
}

// Run starts a server, waits until it is ready and sees to its end.
func Run(t testing.TB, command Command) *Process {
	t.Helper()
	if command.Ready == nil {
		command.Ready = func(ctx context.Context) error { return accepts(ctx, command.Addr) }
	}
	if command.Limit == 0 {
		command.Limit = startLimit
	}
	p := &Process{Command: command, t: t, log: filepath.Join(t.TempDir(), "log")}
	t.Cleanup(p.Kill)
	p.Start()
	return p
}

// Start starts the process, again after its end, and returns once it is ready.
func (p *Process) Start() {
	p.t.Helper()
	// A file and not a buffer, so that Log may be called at any time.
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatalf("open the log of %s: %v", p.Path, err)
	}
	defer func() { _ = log.Close() }()
	p.cmd = exec.Command(p.Path, p.Args...)
	p.cmd.Dir, p.cmd.Env = p.Dir, append(os.Environ(), p.Env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = ownGroup()
	p.cmd.SysProcAttr.Credential = p.Credential
	p.exited = make(chan struct{})
	started := make(chan error, 1)
	go func() {
		defer close(p.exited)
		// The kernel ends the child with the thread that started it, not with
		// the process: the thread has to last as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		p.t.Fatalf("start %s: %v", p.Path, err)
	}
	if err := p.waitReady(); err != nil {
		p.Kill()
		p.t.Fatalf("%s is not ready: %v\n%s", p.Path, err, tail(p.Log()))
	}
}

// Log is what the process has written so far, over all its runs.
func (p *Process) Log() string {
	p.t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatalf("read the log of %s: %v", p.Path, err)
	}
	return string(text)
}

func (p *Process) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.Limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.Ready(ctx)
		if err == nil {
			return p.alive()
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return errors.New("it has ended")
		case <-ctx.Done():
			return fmt.Errorf("after %v: %w", p.Limit, err)
		}
	}
}

// alive fails when the process has ended: it was not ready then, something
// else answered.
func (p *Process) alive() error {
	select {
	case <-p.exited:
		return errors.New("it has ended")
	default:
		return nil
	}
}

// Stop freezes the process (SIGSTOP): it keeps its connections and answers
// nothing. It returns once every thread has stopped.
func (p *Process) Stop() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	for deadline := time.Now().Add(startLimit); !stopped(p.cmd.Process.Pid); {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s does not stop", p.Path)
		}
		time.Sleep(time.Millisecond)
	}
}

// stopped reports whether all threads of a process are stopped. Without /proc
// it trusts the signal.
func stopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		// The state follows the program's name, which is in parentheses.
		if end := bytes.LastIndexByte(stat, ')'); err == nil && end > 0 && stat[end+2] != 'T' {
			return false
		}
	}
	return true
}

// Cont lets a frozen process go on (SIGCONT).
func (p *Process) Cont() { p.signal(syscall.SIGCONT) }

// Terminate asks the process to end (SIGTERM), waits until it has, and returns
// its exit status.
func (p *Process) Terminate() int {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(startLimit):
		p.t.Fatalf("%s does not end within %v of SIGTERM\n%s", p.Path, startLimit, tail(p.Log()))
	}
	return p.cmd.ProcessState.ExitCode()
}

// Kill ends the process and its children at once (SIGKILL) and waits for the end.
func (p *Process) Kill() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	p.signal(syscall.SIGKILL)
	<-p.exited
}

func (p *Process) signal(signal syscall.Signal) {
	p.t.Helper()
	select {
	case <-p.exited:
		return
	default:
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Errorf("send %v to %s: %v", signal, p.Path, err)
	}
}

// accepts reports whether something accepts connections at address.
func accepts(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// tail returns the end of a log, for a failure's message.
func tail(log string) string {
	const limit = 4 << 10
	return log[max(0, len(log)-limit):]
}
