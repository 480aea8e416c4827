//go:build !noembed

package devserver

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

const loopback = "127.0.0.1"

// ports are the TCP ports of the parts of the server, all on loopback.
type ports struct {
	frontend, ui              int
	history, matching, worker int
}

// choosePorts checks the two ports that a user can choose, and finds free ones
// for everything else. All are held until all are known, so none is given twice.
// The check comes first because the Web UI ends the whole process when it
// cannot bind.
func choosePorts(frontend, ui int) (ports, error) {
	var (
		chosen ports
		held   []net.Listener
		errs   []error
	)
	for _, want := range []struct {
		port int
		flag string
		to   *int
	}{
		{frontend, "--temporal-port", &chosen.frontend},
		{ui, "--ui-port", &chosen.ui},
		{0, "", &chosen.history},
		{0, "", &chosen.matching},
		{0, "", &chosen.worker},
	} {
		listener, err := net.Listen("tcp", hostPort(want.port))
		if err != nil {
			errs = append(errs, portError(want.port, want.flag, err))
			continue
		}
		held = append(held, listener)
		*want.to = listener.Addr().(*net.TCPAddr).Port
		if want.port == 0 {
			errs = append(errs, reserve(listener))
		}
	}
	for _, listener := range held {
		errs = append(errs, listener.Close())
	}
	return chosen, errors.Join(errs...)
}

// reserve keeps the kernel from handing the listener's port to an outgoing
// connection between our check and the server's bind: a connection closed from
// the listening side leaves the port in TIME_WAIT, which only an explicit bind
// may take.
func reserve(listener net.Listener) error {
	outgoing, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return fmt.Errorf("reserve %s: %w", listener.Addr(), err)
	}
	defer func() { _ = outgoing.Close() }()
	incoming, err := listener.Accept()
	if err != nil {
		return fmt.Errorf("reserve %s: %w", listener.Addr(), err)
	}
	return incoming.Close()
}

func portError(port int, flag string, err error) error {
	if flag == "" || port == 0 {
		return fmt.Errorf("find a free port on %s: %w", loopback, err)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d on %s is taken by another program: choose another with %s, or %s 0 for any free one", port, loopback, flag, flag)
	}
	return fmt.Errorf("%s %d cannot be used: %w", flag, port, err)
}

func hostPort(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
