package probe

import (
	"bufio"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
)

// echo greets with the first line that it is sent, and hangs up.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			_, _ = io.WriteString(conn, line)
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

func TestTCP(t *testing.T) {
	address := echo(t)
	cases := []struct{ send, expect, want string }{
		{"PING\n", "", ""},
		{"PONG\n", "PONG", ""},
		{"PANG\n", "PONG", `answer begins with "PANG…", not "PONG"`},
		{"PO\n", "PO\nNG", `answer begins with "PO\n", not "PO\nNG"`},
	}
	for _, test := range cases {
		options := &TCP{Address: address, Send: test.send, ExpectPrefix: test.expect}
		result := probe(t, open(t, options), 5*time.Second)
		if test.want == "" {
			requireHealthy(t, result)
			require.Equal(t, "connected to "+address, result.Message)
			continue
		}
		requireUnhealthy(t, result, test.want)
	}
}

func TestTCPOverTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake
	server.StartTLS()
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "https://")
	requireUnhealthy(t, probe(t, open(t, &TCP{Address: address, TLS: true}), 5*time.Second),
		"TLS: certificate signed by an unknown authority while connecting to "+address)
	plain := echo(t)
	result := probe(t, open(t, &TCP{Address: plain, TLS: true}), 5*time.Second)
	require.Contains(t, result.Message, "while connecting to "+plain)
}

func TestTCPSurvivesSilence(t *testing.T) {
	requireSurvivesSilence(t, func(address string) Options { return &TCP{Address: address, ExpectPrefix: "+PONG"} },
		"timeout after 200ms while waiting for the answer of @silent", "connection refused while connecting to @deaf")
	requireSurvivesSilence(t, func(address string) Options { return &TCP{Address: address, TLS: true} },
		"timeout after 200ms while connecting to @silent", "connection refused while connecting to @deaf")
}

func TestTCPOptions(t *testing.T) {
	for address, want := range map[string]string{
		"":               "",
		"127.0.0.1:9000": "",
		"[::1]:9000":     "",
		"127.0.0.1":      `"127.0.0.1" is not an address; write host:port, like 127.0.0.1:9000`,
		":9000":          `":9000" is not an address; write host:port, like 127.0.0.1:9000`,
		"host:70000":     `"host:70000" has no port between 1 and 65535`,
		"host:http":      `"host:http" has no port between 1 and 65535`,
	} {
		var want0 option.Problems
		if want != "" {
			want0 = option.Problems{{Path: "address", Text: want}}
		}
		require.Equal(t, want0, (&TCP{Address: address}).Validate())
	}
}
