package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// lines knows every open connection of a client whose library cannot be
// stopped otherwise, so that closing them stops it.
type lines struct {
	dial func(ctx context.Context) (net.Conn, error)
	// farewell is sent before hanging up: it tells a server that would not
	// notice the closed connection to stop what it is doing.
	farewell []byte
	mu       sync.Mutex
	open     map[*line]struct{}
}

// line is one connection. It shows its file descriptor, which the library
// needs to see whether the other end has hung up.
type line struct {
	net.Conn
	of *lines
}

// farewellLimit is how long hanging up may wait for a full socket.
const farewellLimit = 10 * time.Millisecond

type probeKey struct{}

// withProbe returns a context that never ends and carries ctx to connect.
func withProbe(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), probeKey{}, ctx)
}

// carried returns the context of the probe that carrier came from.
func carried(carrier context.Context) context.Context {
	if ctx, ok := carrier.Value(probeKey{}).(context.Context); ok {
		return ctx
	}
	return carrier
}

// connect dials within the probe that carrier came from.
func (l *lines) connect(carrier context.Context, _ string) (net.Conn, error) {
	ctx := carried(carrier)
	conn, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	opened := &line{Conn: conn, of: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil { // hangUp has been and will not come again
		_ = conn.Close()
		return nil, ctx.Err()
	}
	if l.open == nil {
		l.open = map[*line]struct{}{}
	}
	l.open[opened] = struct{}{}
	return opened, nil
}

// during hangs up when ctx ends. The caller calls release when it no longer
// wants that; no hanging up of this ctx comes after it.
func (l *lines) during(ctx context.Context) (release func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		l.hangUp()
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// hangUp says farewell on every open connection and closes it.
func (l *lines) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for opened := range l.open {
		_ = opened.SetWriteDeadline(time.Now().Add(farewellLimit))
		_, _ = opened.Write(l.farewell)
		_ = opened.socket().Close() // closing TLS politely could block
	}
	clear(l.open)
}

// Close implements net.Conn.
func (l *line) Close() error {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	delete(l.of.open, l)
	return l.Conn.Close()
}

// SyscallConn implements syscall.Conn.
func (l *line) SyscallConn() (syscall.RawConn, error) {
	if descriptor, ok := l.socket().(syscall.Conn); ok {
		return descriptor.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// socket returns the connection below TLS.
func (l *line) socket() net.Conn {
	if secured, ok := l.Conn.(*tls.Conn); ok {
		return secured.NetConn()
	}
	return l.Conn
}

// dialer returns a function that connects to address, by TLS if wanted.
func dialer(address string, secure bool) func(ctx context.Context) (net.Conn, error) {
	if secure {
		dialer := &tls.Dialer{Config: tlsFor(address)}
		return func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", address) }
	}
	return func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
}
