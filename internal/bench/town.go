package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// town stands for many web services, each with an address of its own on the
// loopback device: a prober can keep no connection between them. It notes when
// each was probed.
type town struct {
	listener net.Listener
	port     int
	visits   sync.WaitGroup
	// open are the connections, which closing the town ends.
	mu   sync.Mutex
	open map[net.Conn]struct{}
	// last is when each target was probed last, gap the longest time between two
	// probes of it, in nanoseconds; both since the window was opened.
	last, gap []atomic.Int64
	probes    atomic.Int64
	// failing is how many of the targets, from the first on, answer 503, or
	// nothing at all if they are silent.
	failing atomic.Int64
	silent  bool
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
		listener: listener, port: listener.Addr().(*net.TCPAddr).Port, open: map[net.Conn]struct{}{},
		last: make([]atomic.Int64, targets), gap: make([]atomic.Int64, targets),
	}
	s.visits.Go(s.serve)
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
	err := s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.visits.Wait()
	return err
}

// serve takes visitors until the town is closed. It is not net/http: what the
// targets cost is not to be measured, and they share the cores with the worker.
func (s *town) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		s.open[conn] = struct{}{}
		s.mu.Unlock()
		s.visits.Go(func() {
			s.visit(conn)
			s.mu.Lock()
			delete(s.open, conn)
			s.mu.Unlock()
			_ = conn.Close()
		})
	}
}

// visit answers the requests of one connection, which have no bodies.
func (s *town) visit(conn net.Conn) {
	local, _ := conn.LocalAddr().(*net.TCPAddr)
	target := index(local.IP)
	request, end := make([]byte, 0, 2048), []byte("\r\n\r\n")
	for {
		n, err := conn.Read(request[len(request):cap(request)])
		request = request[:len(request)+n]
		if bytes.HasSuffix(request, end) {
			request = request[:0]
			answer, fails := s.answer(target)
			if fails && s.silent {
				continue // until the visitor has had enough
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
		if err != nil || len(request) == cap(request) {
			return
		}
	}
}

// answer notes a probe of a target and is what it is told, and whether it fails.
func (s *town) answer(target int) (text []byte, fails bool) {
	now := time.Now().UnixNano()
	if before := s.last[target].Swap(now); before != 0 && now-before > s.gap[target].Load() {
		s.gap[target].Store(now - before)
	}
	s.probes.Add(1)
	status := "200 OK"
	if fails = int64(target) < s.failing.Load(); fails {
		status = "503 Service Unavailable"
	}
	body := fmt.Sprintf(`{"ok": true, "target": %d}`, target)
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body), fails
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
