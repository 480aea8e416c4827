package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"
)

// rationed is a connection of which one probe reads only so much, for libraries
// that take whatever a server sends.
type rationed struct {
	net.Conn
	left   atomic.Int64
	closed atomic.Bool
}

var errRation = fmt.Errorf("the server sends more than %d bytes", bodyLimit)

func newRationed(conn net.Conn) *rationed {
	r := &rationed{Conn: conn}
	r.refill()
	return r
}

// refill allows another bodyLimit bytes.
func (r *rationed) refill() { r.left.Store(bodyLimit) }

// Read implements net.Conn.
func (r *rationed) Read(b []byte) (int, error) {
	left := r.left.Load()
	if left <= 0 {
		return 0, errRation
	}
	n, err := r.Conn.Read(b[:min(int64(len(b)), left)])
	r.left.Add(-int64(n))
	return n, err
}

// Close implements net.Conn.
func (r *rationed) Close() error {
	r.closed.Store(true)
	return r.Conn.Close()
}

// dialRationed connects to address, by TLS if there is a configuration for it.
func dialRationed(ctx context.Context, address string, config *tls.Config) (net.Conn, *rationed, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	socket := newRationed(conn)
	if config == nil {
		return socket, socket, nil
	}
	secured := tls.Client(socket, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return secured, socket, nil
}
