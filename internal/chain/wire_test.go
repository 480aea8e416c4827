package chain

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// cut is where a wire is cut.
type cut int

const (
	// uncut: everything arrives.
	uncut cut = iota
	// cutAtOnce: nothing that the worker says arrives.
	cutAtOnce
	// cutAtRequest: all arrives but the request to restart a unit.
	cutAtRequest
	// cutAtAnswer: the request arrives, and nothing comes back from then on.
	cutAtAnswer
)

// restartCall is the method of systemd by which a restart is asked for, as it
// stands in the message on the wire.
var restartCall = []byte("RestartUnit")

// wire leads from the worker to systemd and can be cut in the middle of their
// talk, so that the worker stands at an exact place when it is killed.
type wire struct {
	// path is the socket on the side of the worker.
	path   string
	target string

	mu  sync.Mutex
	cut cut
	// reached is closed when the talk has come to the cut; silent is set from
	// then on if answers are held back.
	reached chan struct{}
	silent  bool
	relays  sync.WaitGroup
}

// newWire leads to the systemd behind a socket.
func newWire(t *testing.T, target string, where cut) *wire {
	t.Helper()
	dir, err := os.MkdirTemp("", "wire") // short: a socket's path has little room
	require.NoError(t, err)
	w := &wire{path: filepath.Join(dir, "private"), target: target, cut: where, reached: make(chan struct{})}
	listener, err := net.Listen("unix", w.path)
	require.NoError(t, err)
	w.relays.Go(func() { w.accept(listener) })
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		w.relays.Wait() // the worker, which was started later, has ended by now
		require.NoError(t, os.RemoveAll(dir))
	})
	return w
}

func (w *wire) accept(listener net.Listener) {
	for {
		worker, err := listener.Accept()
		if err != nil {
			return
		}
		w.relays.Go(func() { w.relay(worker) })
	}
}

// mend lets everything through again.
func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut, w.silent = uncut, false
}

// relay carries one connection until the worker ends it.
func (w *wire) relay(worker net.Conn) {
	defer func() { _ = worker.Close() }()
	systemd, err := net.Dial("unix", w.target)
	if err != nil {
		return
	}
	var answers sync.WaitGroup
	answers.Go(func() {
		carry(worker, systemd, w.passAnswer)
		_ = worker.Close()
	})
	carry(systemd, worker, w.passRequest)
	_ = systemd.Close()
	answers.Wait()
}

// carry copies what may pass, and reads to the end what may not.
func carry(to io.Writer, from io.Reader, pass func([]byte) bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && pass(buffer[:n]) {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// passRequest reports whether something that the worker says may arrive.
func (w *wire) passRequest(said []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := bytes.Contains(said, restartCall)
	switch {
	case w.cut == cutAtOnce, w.cut == cutAtRequest && asked:
		w.arrive()
		return false
	case w.cut == cutAtAnswer && asked:
		w.silent = true
		w.arrive()
	}
	return true
}

func (w *wire) arrive() {
	select {
	case <-w.reached:
	default:
		close(w.reached)
	}
}

// passAnswer reports whether something that systemd says may arrive.
func (w *wire) passAnswer([]byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.silent
}
