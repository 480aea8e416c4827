package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"
)

// webIdle is how long an idle connection to a single service is kept; longer
// than the usual interval, so that one connection serves all probes.
const webIdle = 3 * time.Minute

// answerHeaders bounds the headers of an answer, in bytes.
const answerHeaders = 256 << 10

// dial connects to an address, as net.Dialer.DialContext does.
type dial func(ctx context.Context, network, address string) (net.Conn, error)

// openWeb makes the client of one service, and the page to ask it for.
//
// It asks for the service's name whenever it connects, and keeps no answers of
// DNS as probers of many do: one question a minute costs nothing, and a name
// that has gone is found at once.
func openWeb(r request) (*web, page, error) {
	address, wrong := readURL(r.url)
	if wrong != "" {
		return nil, page{}, fmt.Errorf("url %s", wrong)
	}
	transport, err := newTransport(r.tls, new(net.Dialer).DialContext)
	if err != nil {
		return nil, page{}, err
	}
	transport.MaxIdleConnsPerHost, transport.IdleConnTimeout = 1, webIdle
	return newWeb(r, transport), page{url: address, body: r.body}, nil
}

// dials connect without TLS and with it.
type dials struct{ plain, secure dial }

// newDials returns the dials of a client that speaks the given protocols. They
// end with the time limit of the probe that wanted them: net/http lets dials go
// on for requests to come, until all idle connections are closed, and servers
// that swallow packets would gather them.
func newDials(options HTTPTLS, connect dial, protocols ...string) (dials, error) {
	config, err := options.config()
	if err != nil {
		return dials{}, fmt.Errorf("tls.ca: %w", err)
	}
	config.NextProtos = protocols
	plain := func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := againWithLimit(ctx)
		defer cancel()
		return connect(ctx, network, address)
	}
	secure := func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := againWithLimit(ctx)
		defer cancel()
		conn, err := connect(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return handshake(ctx, conn, config, address)
	}
	return dials{plain: plain, secure: secure}, nil
}

// newTransport returns a transport of net/http, which speaks HTTP/2 too.
func newTransport(options HTTPTLS, connect dial) (*http.Transport, error) {
	dials, err := newDials(options, connect, "h2", "http/1.1")
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		DialContext: dials.plain, DialTLSContext: dials.secure, ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: answerHeaders,
	}, nil
}

// handshake makes a connection to address one by TLS, or closes it.
func handshake(ctx context.Context, conn net.Conn, config *tls.Config, address string) (net.Conn, error) {
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}

// againWithLimit returns a context with the time limit of the probe whose
// values ctx has, beginning now.
func againWithLimit(ctx context.Context) (context.Context, context.CancelFunc) {
	if limit, ok := ctx.Value(limitKey{}).(time.Duration); ok {
		return context.WithTimeout(ctx, limit)
	}
	return context.WithCancel(ctx)
}
