package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// shutdownLimit is how long requests that are being answered may go on once
// the server is asked to stop.
const shutdownLimit = 5 * time.Second

// Listen opens address, "host:port"; port 0 takes a free one. Unless open, which
// says that everybody must say who they are and that nobody else hears it, it
// must be on loopback. Its errors name the option to change.
func Listen(ctx context.Context, address string, open bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: write it as host:port, like 127.0.0.1:8080 (--listen or http.listen)", address)
	}
	if !open && !isLoopback(host) {
		return nil, notLoopback(address)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("cannot listen on %s: another program has taken the port; stop it, or choose another port with --listen or http.listen", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("cannot listen on %s: this machine does not have that address; use one of its own in --listen or http.listen, or leave it out, as in :8080, for all", address)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("cannot listen on %s: this user may not; choose a port from 1024 on with --listen or http.listen", address)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s (--listen or http.listen): %w", address, err)
	}
	// A hosts file may lead "localhost" anywhere.
	if bound, ok := listener.Addr().(*net.TCPAddr); !open && (!ok || !bound.IP.IsLoopback()) {
		listener.Close()
		return nil, notLoopback(address)
	}
	return listener, nil
}

func notLoopback(address string) error {
	return fmt.Errorf("cannot listen on %s: other machines can reach it, so write down under http.access who may come in, and the certificate under http.tls or behind_proxy: true if a proxy ends TLS; or use 127.0.0.1 or localhost in --listen or http.listen", address)
}

// Serve answers requests on listener, and closes it, until ctx ends; then it
// lets the requests that are being answered finish. Clean stopping is no error.
// A handler whose answer takes longer than the limits here moves its deadlines
// with http.ResponseController.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, ready func()) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	unused := &unusedConns{conns: map[net.Conn]struct{}{}}
	server.ConnState = unused.follow
	server.RegisterOnShutdown(unused.close)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	ready()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", listener.Addr(), errors.Join(err, server.Close()))
	case <-ctx.Done():
	}
	err := shutdown(ctx, server)
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	if err != nil {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return nil
}

func shutdown(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("requests were cut off after %s", shutdownLimit)
	}
	return errors.Join(err, server.Close())
}

// unusedConns are the connections on which no request has come yet. Browsers
// open such in advance, and http.Server would wait five seconds for each when
// it stops.
type unusedConns struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

func (u *unusedConns) follow(conn net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(u.conns, conn)
	case u.closed:
		conn.Close()
	default:
		u.conns[conn] = struct{}{}
	}
}

func (u *unusedConns) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for conn := range u.conns {
		conn.Close()
	}
}
