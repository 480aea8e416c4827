package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/idna"
)

// wire sends many short requests by HTTP/1.1, one at a time on a connection.
// net/http's own transport has two goroutines for each connection, which are
// woken one after the other for each request, which was a third of what a probe
// took. Here whoever asks also writes and reads, and a connection that
// is idle costs a file and a few hundred bytes.
type wire struct {
	dials dials
	idle  idle
}

var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}
	writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 1<<10) }}
)

// RoundTrip implements http.RoundTripper. A request that found its connection
// closed by the server, before a byte of an answer, is sent once more: probes
// change nothing.
func (w *wire) RoundTrip(asked *http.Request) (*http.Response, error) {
	ctx, key := asked.Context(), asked.URL.Scheme+"://"+asked.URL.Host
	for kept := w.idle.take(key); kept != nil; kept = w.idle.take(key) {
		response, err := w.exchange(kept, asked)
		if err == nil || kept.heard || isTimeout(err) || ctx.Err() != nil {
			return response, err
		}
		if asked.GetBody != nil {
			if asked.Body, err = asked.GetBody(); err != nil {
				return nil, err
			}
		}
	}
	conn, err := w.connect(ctx, asked.URL)
	if err != nil {
		return nil, cause(ctx, err)
	}
	return w.exchange(&link{Conn: conn, key: key}, asked)
}

// connect connects to the host of an address.
func (w *wire) connect(ctx context.Context, to *url.URL) (net.Conn, error) {
	connect, port := w.dials.plain, "80"
	if to.Scheme == "https" {
		connect, port = w.dials.secure, "443"
	}
	if own := to.Port(); own != "" {
		port = own
	}
	host, err := idna.Lookup.ToASCII(to.Hostname())
	if err != nil {
		host = to.Hostname() // an IPv6 address, or a name that nobody will know
	}
	return connect(ctx, "tcp", net.JoinHostPort(host, port))
}

// exchange sends a request and reads the beginning of the answer. The body of
// the answer gives the connection back once it was read to its end.
func (w *wire) exchange(l *link, asked *http.Request) (*http.Response, error) {
	ctx := asked.Context()
	l.heard, l.left, l.stop = false, answerHeaders, nil
	deadline, _ := ctx.Deadline() // zero: none
	if err := l.SetDeadline(deadline); err != nil {
		return nil, l.fail(ctx, err)
	}
	if !l.since.IsZero() && !isQuiet(l.Conn) {
		return nil, l.fail(ctx, errNotQuiet)
	}
	l.stop = context.AfterFunc(ctx, func() { _ = l.SetDeadline(longAgo) })
	if err := l.send(asked); err != nil {
		return nil, l.fail(ctx, err)
	}
	l.reader, _ = readers.Get().(*bufio.Reader)
	l.reader.Reset(l)
	response, err := http.ReadResponse(l.reader, asked)
	for err == nil && response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols {
		response, err = http.ReadResponse(l.reader, asked) // the one before was a notice
	}
	if err != nil {
		return nil, l.fail(ctx, err)
	}
	l.left = unlimited
	response.Body = &wireBody{ReadCloser: response.Body, ctx: ctx, link: l, idle: &w.idle, isLast: response.Close ||
		response.StatusCode == http.StatusSwitchingProtocols}
	return response, nil
}

// CloseIdleConnections closes the connections that are idle, now and later.
func (w *wire) CloseIdleConnections() { w.idle.close() }

var errNotQuiet = errors.New("the connection was closed, or more was sent than was asked for")

// longAgo is a deadline that ends whatever is under way.
var longAgo = time.Unix(1, 0)

const unlimited = 1 << 62

// link is a connection, used by one request at a time.
type link struct {
	net.Conn
	key    string
	since  time.Time // idle since; zero before the first answer
	heard  bool      // whether something of the answer has come
	left   int64     // how many bytes may come
	reader *bufio.Reader
	stop   func() bool
}

// Read implements io.Reader.
func (l *link) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("the headers of the answer are longer than %d bytes", answerHeaders)
	}
	count, err := l.Conn.Read(b)
	l.left -= int64(count)
	l.heard = l.heard || count > 0
	return count, err
}

func (l *link) send(asked *http.Request) error {
	writer, _ := writers.Get().(*bufio.Writer)
	defer func() { writer.Reset(nil); writers.Put(writer) }()
	writer.Reset(l.Conn)
	if err := asked.Write(writer); err != nil {
		return err
	}
	return writer.Flush()
}

// fail closes the connection and says why.
func (l *link) fail(ctx context.Context, err error) error {
	l.release()
	_ = l.Close()
	return cause(ctx, err)
}

// release gives back what a connection needs for a request only. It reports
// whether the request's time was not up before.
func (l *link) release() bool {
	if l.reader != nil {
		l.reader.Reset(nil)
		readers.Put(l.reader)
		l.reader = nil
	}
	return l.stop == nil || l.stop()
}

// wireBody is the body of an answer.
type wireBody struct {
	io.ReadCloser
	ctx    context.Context
	link   *link
	idle   *idle
	isLast bool // the server closes the connection
	ended  bool
	closed bool
}

// Read implements io.Reader.
func (b *wireBody) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	count, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.ended = true
	} else if err != nil {
		err = cause(b.ctx, err)
	}
	return count, err
}

// Close implements io.Closer.
func (b *wireBody) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	isClean := b.ended && !b.isLast && b.link.reader.Buffered() == 0
	if b.link.release() && isClean {
		b.idle.put(b.link)
		return nil
	}
	return b.link.Close()
}
