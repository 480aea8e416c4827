package process

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// soon is how long a condition may take on a busy machine; poll is the pause
// between two looks.
const (
	soon = 90 * time.Second
	poll = 50 * time.Millisecond
)

// stopLimit is how long a worker may take to stop when asked to.
const stopLimit = 30 * time.Second

// run is one program, as a process, in a directory of its own.
type run struct {
	t       testing.TB
	command *exec.Cmd
	dir     string
	stdout  *stream
	stderr  *stream
	ended   chan struct{}
}

// start starts a program in dir. Whatever becomes of the test, the program and
// its process group are gone afterwards.
func start(t testing.TB, dir string, env []string, program string, args ...string) *run {
	t.Helper()
	r := &run{t: t, dir: dir, command: exec.Command(program, args...), stdout: &stream{}, stderr: &stream{}, ended: make(chan struct{})}
	r.command.Dir = dir
	r.command.Env = environment(dir, env)
	r.command.Stdout, r.command.Stderr = r.stdout, r.stderr
	r.command.WaitDelay = time.Second
	r.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, r.command.Start())
	go func() {
		defer close(r.ended)
		_ = r.command.Wait() // the state says how it ended
	}()
	t.Cleanup(func() {
		// The group is gone already unless something was left behind.
		_ = syscall.Kill(-r.pid(), syscall.SIGKILL)
		<-r.ended
		if t.Failed() {
			t.Logf("%s %s\nstdout:\n%s\nstderr:\n%s", program, strings.Join(args, " "), r.stdout, r.stderr)
		}
	})
	return r
}

// environment is that of a user who has set nothing of Temporal or Go's build,
// and what env adds.
func environment(home string, env []string) []string {
	own := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TEMPORAL_CONFIG_FILE=" + filepath.Join(home, "none.toml")}
	return append(own, env...)
}

func (r *run) pid() int { return r.command.Process.Pid }

// signal sends a signal to the process alone, as a service manager does.
func (r *run) signal(signal syscall.Signal) {
	r.t.Helper()
	require.NoError(r.t, syscall.Kill(r.pid(), signal))
}

// interrupt does what Ctrl-C at a terminal does: the whole foreground process
// group gets the signal.
func (r *run) interrupt() {
	r.t.Helper()
	require.NoError(r.t, syscall.Kill(-r.pid(), syscall.SIGINT))
}

// wait waits for the end, at most for limit, and returns the exit status, -1
// for a process that was killed.
func (r *run) wait(limit time.Duration) int {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(limit):
		require.Failf(r.t, "still running", "not ended within %s\n%s", limit, r.stderr)
	}
	return r.command.ProcessState.ExitCode()
}

// eventually waits for a condition, and no longer than the process lives.
func (r *run) eventually(what string, condition func() bool) {
	r.t.Helper()
	r.within(soon, what, condition)
}

// within is eventually for what takes longer than usual.
func (r *run) within(limit time.Duration, what string, condition func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(limit)
	for !condition() {
		select {
		case <-r.ended:
			require.Failf(r.t, "the process has ended", "waiting for %s\n%s%s", what, r.stdout, r.stderr)
		case <-time.After(poll):
		}
		require.True(r.t, time.Now().Before(deadline), "%s: not within %s\n%s%s", what, limit, r.stdout, r.stderr)
	}
}

// saying waits until the log holds a text.
func (r *run) saying(text string) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("%q in the log", text), func() bool { return strings.Contains(r.stderr.String(), text) })
}

// sayingAgain waits until the log holds a text once more than it does while
// act begins.
func (r *run) sayingAgain(text string, act func()) {
	r.t.Helper()
	before := strings.Count(r.stderr.String(), text)
	act()
	r.eventually(fmt.Sprintf("%q in the log once more", text), func() bool { return strings.Count(r.stderr.String(), text) > before })
}

// stream is one output of a process.
type stream struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.Write(p)
}

// String is what was written so far.
func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.String()
}

// lines are the complete lines that were written so far.
func (s *stream) lines() []string {
	text := s.String()
	lines := strings.Split(text[:strings.LastIndexByte(text, '\n')+1], "\n")
	return lines[:len(lines)-1]
}

// place is a directory with a configuration, and the ports of one worker.
type place struct {
	dir                  string
	listen, temporal, ui string
}

// newPlace makes a place. Its directory has a short name: a socket's path has
// little room.
func newPlace(t testing.TB, configuration string) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "place")
	require.NoError(t, err)
	t.Cleanup(func() {
		// A remedy outlives a worker that was killed; not the test, though.
		for _, left := range processesOf(t, dir) {
			pid, err := strconv.Atoi(strings.Fields(left)[0])
			require.NoError(t, err)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	p := &place{dir: dir, listen: freeAddress(t), temporal: freeAddress(t), ui: freeAddress(t)}
	p.configure(t, configuration)
	return p
}

// file is the configuration's path.
func (p *place) file() string { return filepath.Join(p.dir, "paramedic.yml") }

// configure writes the configuration as editors do: a new file takes the place
// of the old one.
func (p *place) configure(t testing.TB, configuration string) {
	t.Helper()
	require.NoError(t, os.WriteFile(p.file()+".new", []byte(configuration), 0o600))
	require.NoError(t, os.Rename(p.file()+".new", p.file()))
}

// flags are those that put a worker with an embedded server here.
func (p *place) flags(more ...string) []string {
	return append([]string{"--listen", p.listen, "--temporal-port", port(p.temporal), "--ui-port", port(p.ui)}, more...)
}

// start starts a worker with an embedded server and waits until all of it is
// ready.
func (p *place) start(t testing.TB, env ...string) *run {
	t.Helper()
	r := start(t, p.dir, env, workerProgram(t), p.flags()...)
	r.ready()
	return r
}

// ready waits until the worker has said where to look.
func (r *run) ready() {
	r.t.Helper()
	r.readyWithin(soon)
}

func (r *run) readyWithin(limit time.Duration) {
	r.t.Helper()
	r.within(limit, "the worker to be ready", func() bool { return strings.Contains(r.stdout.String(), "Status ") })
}

// answer is what one command line gave.
type answer struct {
	code        int
	out, errors string
}

// starter runs one command line of the operator here.
func (p *place) starter(t testing.TB, args ...string) answer {
	t.Helper()
	return execute(t, p.dir, []string{"TEMPORAL_ADDRESS=" + p.temporal}, starterProgram(t), args...)
}

// execute runs a program to its end, at most for soon.
func execute(t testing.TB, dir string, env []string, program string, args ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.Dir, command.Env = dir, environment(dir, env)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); command.ProcessState == nil {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "%s %v did not end", program, args)
	return answer{command.ProcessState.ExitCode(), out.String(), problems.String()}
}

// requireNothingLeft checks that a worker here has left no process and no port.
func (p *place) requireNothingLeft(t testing.TB) {
	t.Helper()
	require.Empty(t, processesOf(t, p.dir))
	for _, address := range []string{p.listen, p.temporal, p.ui} {
		require.True(t, isFree(address), address)
	}
	require.NoFileExists(t, filepath.Join(p.dir, "data", "patient.sock"))
}

var ports struct {
	sync.Mutex
	last int
}

// freeAddress returns a loopback address on which nobody listens, different
// each time. It lies below the ports that the kernel gives to outgoing
// connections, so that it is still free when a worker wants it.
func freeAddress(t testing.TB) string {
	t.Helper()
	const first, count = 20000, 10000
	ports.Lock()
	defer ports.Unlock()
	if ports.last == 0 {
		ports.last = os.Getpid() * 37 // test processes side by side look in different places
	}
	for range count {
		ports.last++
		address := fmt.Sprintf("127.0.0.1:%d", first+ports.last%count)
		if isFree(address) {
			return address
		}
	}
	require.Fail(t, "no port is free")
	return ""
}

func isFree(address string) bool {
	listener, err := net.Listen("tcp", address)
	return err == nil && listener.Close() == nil
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// processesOf lists the processes whose command line or working directory
// names dir: everything that a worker there has started.
func processesOf(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	var found []string
	for _, entry := range entries {
		// Processes end while they are looked at.
		cmdline, _ := os.ReadFile(filepath.Join(entry, "cmdline"))
		cwd, _ := os.Readlink(filepath.Join(entry, "cwd"))
		if strings.Contains(string(cmdline), dir) || cwd == dir {
			found = append(found, filepath.Base(entry)+" "+strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	slices.Sort(found)
	return found
}

// read runs a command of the operator with --json and decodes its answer, if
// there is one.
func (p *place) read(t testing.TB, into any, args ...string) {
	t.Helper()
	got := p.starter(t, append(args, "--json")...)
	if got.out != "" {
		require.NoError(t, json.Unmarshal([]byte(got.out), into), got.out)
	}
}

// requireTimeline waits until the story of the latest incident has these texts,
// in this order.
func (p *place) requireTimeline(t testing.TB, worker *run, texts ...string) {
	t.Helper()
	worker.eventually(fmt.Sprintf("%q in the incident's story", texts), func() bool {
		var incidents []struct {
			RunID string `json:"run_id"`
		}
		p.read(t, &incidents, "incidents", "--limit", "1")
		if len(incidents) == 0 {
			return false
		}
		rest := p.starter(t, "incident", incidents[0].RunID).out
		for _, text := range texts {
			_, after, found := strings.Cut(rest, text)
			if !found {
				return false
			}
			rest = after
		}
		return true
	})
}

// listening opens a free address.
func listening(t testing.TB) net.Listener { return listen(t, "127.0.0.1:0") }

// listen opens an address, on which connections are accepted by the kernel.
func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}
