package patient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// socketName and linkName stand in the data directory: where the ward hears
// the bell, and the command that rings it.
const (
	socketName = "patient.sock"
	linkName   = "patient"
)

// bellTimeout bounds one ring of the bell: killing the old process, starting
// the new one, and its first answer.
const bellTimeout = 10 * time.Second

// Ward owns the patient's process. It starts it once, and again only when the
// bell rings: a dead patient stays dead until a remedy is applied.
type Ward struct {
	// Dir is where the socket and the command "patient" are put.
	Dir string
	// Address is where the patient listens, on loopback.
	Address string
	// Log receives the patient's process id at each start.
	Log *slog.Logger

	mu      sync.Mutex
	process *exec.Cmd
	exited  chan struct{}
}

// Run starts the patient and answers the bell until ctx ends.
func (w *Ward) Run(ctx context.Context, ready func()) error {
	listener, err := w.hang()
	if err != nil {
		return err
	}
	defer w.discharge()
	if err := w.admit(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	ready()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the patient's bell: %w", err)
		}
		w.answer(ctx, conn)
	}
}

// hang puts the bell and the command that rings it in the data directory.
func (w *Ward) hang() (net.Listener, error) {
	if err := os.MkdirAll(w.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the patient's directory: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the worker's own program for the patient: %w", err)
	}
	link, socket := filepath.Join(w.Dir, linkName), filepath.Join(w.Dir, socketName)
	for _, old := range []string{link, socket} {
		if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("clearing the patient's last ward: %w", err)
		}
	}
	if err := os.Symlink(self, link); err != nil {
		return nil, fmt.Errorf("making the command that restarts the patient: %w", err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("the patient's bell: %w", err)
	}
	return listener, nil
}

// admit starts a fresh process and waits until it answers.
func (w *Ward) admit(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	process := exec.Command(filepath.Join(w.Dir, linkName), "serve", w.Address)
	process.Stderr = os.Stderr
	process.SysProcAttr = dieWithParent()
	if err := process.Start(); err != nil {
		return fmt.Errorf("starting the patient: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		// How it ended is no news to the ward: to be hurt is what it is for.
		_ = process.Wait()
		close(exited)
	}()
	w.process, w.exited = process, exited
	if err := w.awaitAnswer(ctx, process.Process.Pid, exited); err != nil {
		return err
	}
	w.Log.Debug("the patient is up", "pid", process.Process.Pid, "address", w.Address)
	return nil
}

func (w *Ward) awaitAnswer(ctx context.Context, pid int, exited <-chan struct{}) error {
	deadline := time.NewTimer(bellTimeout / 2)
	defer deadline.Stop()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-exited:
			return fmt.Errorf("the patient ended at once; is %s taken? (patient.listen in the configuration)", w.Address)
		case <-deadline.C:
			return fmt.Errorf("the patient does not answer on %s", w.Address)
		case <-poll.C:
			// Another program may have the port, and answer.
			if answers(ctx, w.Address, pid) {
				return nil
			}
		}
	}
}

// discharge ends the process, if it still lives, and waits for its end.
func (w *Ward) discharge() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process == nil {
		return
	}
	// It fails only for a process that has ended already.
	_ = w.process.Process.Kill()
	<-w.exited
	w.process = nil
}

// PID is the patient's process id, 0 if it has none.
func (w *Ward) PID() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process == nil {
		return 0
	}
	return w.process.Process.Pid
}

// answer replaces the process and says so.
func (w *Ward) answer(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	w.discharge()
	if err := w.admit(ctx); err != nil {
		fmt.Fprintf(conn, "error: %v\n", err)
		return
	}
	fmt.Fprintf(conn, "the patient is up again as process %d\n", w.PID())
}

// Ring asks the ward in dir to restart the patient, and writes its answer.
func Ring(ctx context.Context, dir string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, bellTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, socketName))
	if err != nil {
		return fmt.Errorf("nobody hears the patient's bell; is the worker running? %w", err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("the patient's bell: %w", err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return fmt.Errorf("waiting for the patient: %w", err)
	}
	if reason, failed := cutError(answer); failed {
		return errors.New(reason)
	}
	_, err = io.WriteString(out, answer)
	return err
}
