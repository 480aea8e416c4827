package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// town stands for many web services, each with an address of its own on the
// loopback device: a prober can keep no connection between them. It notes when
// each was probed.
type town struct {
	server *http.Server
	port   int
	ended  chan error
	// last is when each target was probed last, gap the longest time between two
	// probes of it, in nanoseconds; both since the window was opened.
	last, gap []atomic.Int64
	probes    atomic.Int64
	// failing is how many of the targets, from the first on, answer 503.
	failing atomic.Int64
}

// perNetwork is how many addresses share their first three numbers.
const perNetwork = 250

// openTown opens a town of so many targets.
func openTown(ctx context.Context, targets int) (*town, error) {
	config := net.ListenConfig{Control: onlyLoopback}
	// All addresses of 127.0.0.0/8 at once; only the loopback device reaches it.
	listener, err := config.Listen(ctx, "tcp4", "0.0.0.0:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the targets: %w", err)
	}
	s := &town{
		port: listener.Addr().(*net.TCPAddr).Port, ended: make(chan error, 1),
		last: make([]atomic.Int64, targets), gap: make([]atomic.Int64, targets),
	}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { s.ended <- s.server.Serve(listener) }()
	return s, nil
}

// onlyLoopback keeps a socket from being reached by any other device.
func onlyLoopback(_, _ string, connection syscall.RawConn) error {
	var err error
	control := connection.Control(func(fd uintptr) {
		err = syscall.SetsockoptString(int(fd), syscall.SOL_SOCKET, syscall.SO_BINDTODEVICE, "lo")
	})
	return errors.Join(control, err)
}

// close closes the town.
func (s *town) close() error {
	err := s.server.Close()
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// address is that of a target, counted from 0.
func (s *town) address(target int) string {
	network := target / perNetwork
	return fmt.Sprintf("127.%d.%d.%d:%d", 1+network/perNetwork, network%perNetwork, 1+target%perNetwork, s.port)
}

// index is the way back from the numbers of an address.
func index(ip net.IP) int {
	ip = ip.To4()
	return ((int(ip[1])-1)*perNetwork+int(ip[2]))*perNetwork + int(ip[3]) - 1
}

// ServeHTTP implements http.Handler.
func (s *town) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	target, now := index(local.IP), time.Now().UnixNano()
	if before := s.last[target].Swap(now); before != 0 && now-before > s.gap[target].Load() {
		s.gap[target].Store(now - before)
	}
	s.probes.Add(1)
	w.Header().Set("Content-Type", "application/json")
	if int64(target) < s.failing.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprintf(w, `{"ok": true, "target": %d}`, target)
}

// seen counts the targets that were ever probed.
func (s *town) seen() int {
	count := 0
	for i := range s.last {
		if s.last[i].Load() != 0 {
			count++
		}
	}
	return count
}

// openWindow begins to measure gaps anew.
func (s *town) openWindow() {
	s.probes.Store(0)
	for i := range s.gap {
		s.gap[i].Store(0)
	}
}

// gaps are the longest times between two probes of each target from first on,
// the time since the last one included.
func (s *town) gaps(first int) []time.Duration {
	now := time.Now().UnixNano()
	all := make([]time.Duration, 0, len(s.gap)-first)
	for i := first; i < len(s.gap); i++ {
		all = append(all, time.Duration(max(s.gap[i].Load(), now-s.last[i].Load())))
	}
	return all
}

// write lists the targets in a file as Prometheus reads it.
func (s *town) write(path string) error {
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	var groups []group
	for i := range s.last {
		if i%perNetwork == 0 {
			groups = append(groups, group{Labels: map[string]string{"network": fmt.Sprint(i / perNetwork)}})
		}
		last := &groups[len(groups)-1]
		last.Targets = append(last.Targets, s.address(i))
	}
	text, err := json.Marshal(groups)
	if err != nil {
		return fmt.Errorf("listing the targets: %w", err)
	}
	return os.WriteFile(path, text, 0o600)
}
