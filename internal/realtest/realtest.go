// Package realtest starts the real servers that tests run against: on free
// loopback ports, with their data in the test's temporary directory, gone when
// the test ends. A server that is not installed skips the test and says why;
// with PARAMEDIC_TEST_REAL=all that is a failure, so that a run which is meant
// to prove everything cannot pass by leaving out half of it.
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

// Environment variables that steer the tests on real servers.
const (
	// RequireVariable set to "all" turns every skip of this package into a failure.
	RequireVariable = "PARAMEDIC_TEST_REAL"
	// BinVariable names a directory that is searched before PATH.
	BinVariable = "PARAMEDIC_BIN"
)

// startLimit is how long a server may take until it answers; generous, since
// test machines are busy.
const startLimit = 30 * time.Second

// Skip ends the test because something it needs is missing, and fails it
// instead when everything is required.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	why := fmt.Sprintf(format, args...)
	if os.Getenv(RequireVariable) == "all" {
		t.Fatalf("%s=all, but %s", RequireVariable, why)
	}
	t.Skipf("SKIP %s", why)
}

// Binary returns the path of a program: from $PARAMEDIC_BIN, the bin directory
// of this module, PATH, or the system directories that PATH often leaves out.
// It skips the test when there is none; install says how to get it.
func Binary(t testing.TB, name, install string) string {
	t.Helper()
	for _, dir := range []string{os.Getenv(BinVariable), moduleBin()} {
		if dir == "" {
			continue
		}
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	Skip(t, "%s is not installed (%s)", name, install)
	return ""
}

// moduleBin returns the bin directory beside go.mod, empty when there is no module.
func moduleBin() string {
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return filepath.Join(dir, "bin")
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// Process is a running server. Its methods end the test when they fail.
type Process struct {
	// Addr is where it listens, as host:port; the same after every Start.
	Addr string

	t      testing.TB
	path   string
	args   []string
	env    []string
	dir    string
	ready  func(ctx context.Context) error
	cmd    *exec.Cmd
	log    *bytes.Buffer
	exited chan struct{}
}

// run starts the process, waits until it is ready and sees to its end.
func (p *Process) run(t testing.TB) {
	t.Helper()
	p.t = t
	t.Cleanup(p.Kill)
	p.Start()
}

// Start starts the process, again after Kill, and returns once it is ready.
func (p *Process) Start() {
	p.t.Helper()
	p.log = &bytes.Buffer{}
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Dir, p.cmd.Env = p.dir, append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = ownGroup()
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
		p.t.Fatalf("start %s: %v", p.path, err)
	}
	if err := p.waitReady(); err != nil {
		p.Kill()
		p.t.Fatalf("%s is not ready: %v\n%s", p.path, err, tail(p.log.Bytes()))
	}
}

func (p *Process) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.ready(ctx)
		if err == nil {
			return p.alive()
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return errors.New("it has ended")
		case <-ctx.Done():
			return fmt.Errorf("after %v: %w", startLimit, err)
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
			p.t.Fatalf("%s does not stop", p.path)
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
		p.t.Errorf("send %v to %s: %v", signal, p.path, err)
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
func tail(log []byte) []byte {
	const limit = 4 << 10
	return log[max(0, len(log)-limit):]
}
