package process

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// call is one request as it goes over the wire; nothing cleans its path.
type call struct {
	method, path, token, host, contentType, body string
	// header is more of the head, each line with its end.
	header string
	// stranger has the call come from an address of its own, so that failed
	// log-ins do not add up.
	stranger bool
}

// reply is what came back; of a stream only the head.
type reply struct {
	status int
	header http.Header
	body   string
}

// replyLimit bounds one call.
const replyLimit = 30 * time.Second

// strangers counts the addresses that were used for calls.
var strangers atomic.Uint32

// make sends the call to address and reads the answer.
func (c call) make(t testing.TB, address string) reply {
	t.Helper()
	dialer := net.Dialer{Timeout: replyLimit}
	if c.stranger {
		n := strangers.Add(1)
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n))}
	}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(replyLimit)))
	// A server that has seen enough answers before all is sent.
	_, _ = io.WriteString(conn, c.wire(address))
	return readReply(t, conn, c)
}

// wire is the request in the form of HTTP/1.1.
func (c call) wire(address string) string {
	var text strings.Builder
	host := c.host
	if host == "" {
		host = address
	}
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s", c.method, c.path, host, c.header)
	if c.token != "" {
		fmt.Fprintf(&text, "Authorization: Bearer %s\r\n", c.token)
	}
	if c.contentType != "" {
		fmt.Fprintf(&text, "Content-Type: %s\r\n", c.contentType)
	}
	if c.method != http.MethodGet {
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(c.body))
	}
	return text.String() + "\r\n" + c.body
}

func readReply(t testing.TB, from io.Reader, c call) reply {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(from), &http.Request{Method: c.method})
	require.NoError(t, err, "%s %.100s", c.method, c.path)
	got := reply{status: answer.StatusCode, header: answer.Header}
	if answer.Header.Get("Content-Type") == "text/event-stream" {
		return got // closing its body would wait for its end
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err, "%s %.100s", c.method, c.path)
	got.body = string(body)
	return got
}

// tokenHash is what the configuration holds of a token.
func tokenHash(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }
