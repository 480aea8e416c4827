package probe

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/resolve"
)

// scriptedWeb answers the requests of each connection by the next text for it,
// and closes the connection after the last. It counts connections and requests.
type scriptedWeb struct {
	addr                  string
	connections, requests atomic.Int64
	bodies                sync.Map      // of all requests
	open                  chan net.Conn // the first connections
}

func newScriptedWeb(t *testing.T, answers ...string) *scriptedWeb {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &scriptedWeb{addr: listener.Addr().String(), open: make(chan net.Conn, 10)}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if s.connections.Add(1) <= int64(cap(s.open)) {
				s.open <- conn
			}
			serving.Go(func() { s.answer(conn, answers) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	return s
}

func (s *scriptedWeb) answer(conn net.Conn, answers []string) {
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	for _, text := range answers {
		asked, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		body, _ := io.ReadAll(asked.Body)
		s.bodies.Store(fmt.Sprint(s.requests.Add(1)), string(body))
		_, _ = io.WriteString(conn, text)
	}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestWireReadsAnswersOfAllForms(t *testing.T) {
	for name, test := range map[string]struct {
		answer      string
		connections int64 // for three probes
		want        string
	}{
		"with a length":      {ok, 1, "status 200"},
		"without a body":     {"HTTP/1.1 204 No Content\r\n\r\n", 1, "status 204"},
		"in chunks":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", 1, "status 200"},
		"after a notice":     {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok, 1, "status 200"},
		"until it is closed": {"HTTP/1.0 200 OK\r\n\r\nok", 3, "status 200"},
		"with a farewell":    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 3, "status 200"},
		"cut short":          {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 3, "connection closed by the server while reading the answer of @"},
		"with endless headers": {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", answerHeaders) + "\r\n\r\n", 3,
			"the headers of the answer are longer than 262144 bytes while waiting for the answer of @"},
		"in another language": {"220 mail.test ESMTP\r\n", 3, `malformed HTTP status code "mail.test" while waiting for the answer of @`},
		"none":                {"", 3, "connection closed by the server while waiting for the answer of @"},
	} {
		t.Run(name, func(t *testing.T) {
			answers := []string{test.answer, test.answer, test.answer}
			if test.connections > 1 {
				answers = answers[:1]
			}
			server := newScriptedWeb(t, answers...)
			many := openMany(t, httpOptions("http://"+server.addr+"/{{target}}"))
			for i := range 3 {
				result := probeOne(t, many, named(fmt.Sprint(i)), 10*time.Second)
				require.Equal(t, strings.ReplaceAll(test.want, "@", server.addr), result.Message)
			}
			require.Equal(t, test.connections, server.connections.Load())
		})
	}
}

// What a server sends without being asked must not pass for the answer to the
// next request, which is that of another target.
func TestWireTakesNothingForAnAnswerThatIsNone(t *testing.T) {
	const other = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
	for _, answer := range []string{ok + other, "HTTP/1.1 204 No\r\n\r\n" + other} {
		server := newScriptedWeb(t, answer, other, other)
		many := openMany(t, httpOptions("http://"+server.addr+"/{{target}}"))
		for i := range 3 {
			requireHealthy(t, probeOne(t, many, named(fmt.Sprint(i)), 10*time.Second))
		}
		require.EqualValues(t, 3, server.connections.Load())
	}
	// It comes while the connection is idle.
	server := newScriptedWeb(t, ok, ok, ok)
	many := openMany(t, httpOptions("http://"+server.addr+"/{{target}}"))
	for i := range 3 {
		requireHealthy(t, probeOne(t, many, named(fmt.Sprint(i)), 10*time.Second))
		_, err := io.WriteString(<-server.open, other)
		require.NoError(t, err)
	}
	require.EqualValues(t, 3, server.connections.Load())
}

func TestWireEndsWithItsContext(t *testing.T) {
	address := silent(t)
	many := openMany(t, httpOptions("http://{{target}}/"))
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	result := RunMany(ctx, many, named(address), time.Minute)
	requireUnhealthy(t, result, "cancelled while waiting for the answer of "+address)
	require.Less(t, time.Since(start), 10*time.Second)
}

func TestWireReadsNoBodyOfHeads(t *testing.T) {
	answer := "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
	server := newScriptedWeb(t, answer, answer)
	options := httpOptions("http://" + server.addr + "/{{target}}")
	options.Method = "HEAD"
	many := openMany(t, options)
	for range 2 {
		requireHealthy(t, probeOne(t, many, named("a"), 10*time.Second))
	}
	require.EqualValues(t, 1, server.connections.Load())
}

// Servers close connections that are idle, and a request may cross that.
func TestWireSendsAgainWhatNobodyRead(t *testing.T) {
	server := newScriptedWeb(t, ok)
	options := httpOptions("http://" + server.addr + "/{{target}}")
	options.Method, options.Body = "POST", "I am {{target}}"
	many := openMany(t, options)
	for i := range 4 {
		requireHealthy(t, probeOne(t, many, named(fmt.Sprint("shop-", i)), 10*time.Second))
		body, _ := server.bodies.Load(fmt.Sprint(i + 1))
		require.Equal(t, fmt.Sprint("I am shop-", i), body)
	}
	require.EqualValues(t, 4, server.connections.Load())
}

func TestWireClosesWhatWaitsTooLong(t *testing.T) {
	server := newScriptedWeb(t, ok, ok, ok)
	many := openMany(t, httpOptions("http://"+server.addr+"/{{target}}"))
	waiting := &many.(*webMany).ways.kept.transport.(*wire).idle
	requireHealthy(t, probeOne(t, many, named("a"), 10*time.Second))
	waiting.all.Front().Value.(*link).since = time.Now().Add(-idleFor)
	requireHealthy(t, probeOne(t, many, named("b"), 10*time.Second))
	require.EqualValues(t, 2, server.connections.Load())
	require.Equal(t, 1, waiting.all.Len())
	require.Len(t, waiting.hosts, 1)
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	i := idle{most: 3, perHost: 2, keep: time.Minute, room: resolve.NewSlots(4)}
	put := func(key string) net.Conn {
		one, other := net.Pipe()
		t.Cleanup(func() { _ = other.Close() })
		i.put(&link{Conn: one, key: key})
		return other
	}
	isClosed := func(other net.Conn) bool {
		_ = other.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, err := other.Read(make([]byte, 1))
		return err == io.EOF
	}
	a1, a2, a3 := put("a"), put("a"), put("a")
	require.True(t, isClosed(a3), "a third of one host")
	b, c := put("b"), put("c")
	require.True(t, isClosed(a1), "the oldest")
	require.False(t, isClosed(a2))
	require.NotNil(t, i.take("a"))
	require.Nil(t, i.take("a"))
	require.NotContains(t, i.hosts, "a")
	require.Equal(t, 2, i.room.InUse())
	for range 2 {
		require.True(t, i.room.Try())
	}
	require.True(t, isClosed(put("e")), "others have taken the room")
	i.room.Give()
	i.room.Give()
	i.close()
	require.True(t, isClosed(b))
	require.True(t, isClosed(c))
	require.Zero(t, i.room.InUse())
	require.True(t, isClosed(put("d")), "kept after the end")
}
