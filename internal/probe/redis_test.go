package probe

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

func TestRedisReusesItsConnectionAndLeavesNothing(t *testing.T) {
	server := realtest.Redis(t, "--requirepass", "s3cr3t-pass")
	relay := newRelay(t, server.Addr)
	requireNoLeak(t, func() {
		prober, err := (&Redis{Address: relay.Addr, Password: option.NewSecret("s3cr3t-pass"), DB: 3, Write: true, Key: "paramedic:probe"}).Open()
		require.NoError(t, err)
		for range 5 {
			result := probe(t, prober, 5*time.Second)
			requireHealthy(t, result)
			require.Equal(t, "PING, write, read and delete passed", result.Message)
		}
		require.EqualValues(t, 1, relay.accepted.Load())
		require.NoError(t, prober.Close())
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 20*time.Second, time.Millisecond)
	})
	require.Empty(t, redisKeys(t, server.Addr, "s3cr3t-pass"))
}

func redisKeys(t *testing.T, address, password string) []string {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address, Password: password, DB: 3})
	defer func() { require.NoError(t, client.Close()) }()
	keys, err := client.Keys(context.Background(), "*").Result()
	require.NoError(t, err)
	return keys
}

func TestRedisSurvivesFreezeAndRestart(t *testing.T) {
	server := realtest.Redis(t)
	prober := open(t, &Redis{Address: server.Addr, DB: 3, Write: true, Key: "paramedic:probe"})
	requireHealthy(t, probe(t, prober, 5*time.Second))
	server.Stop()
	requireUnhealthy(t, probe(t, prober, 300*time.Millisecond), "timeout after 300ms while sending PING to "+server.Addr)
	server.Cont()
	requireHealthy(t, probe(t, prober, 5*time.Second))
	server.Kill()
	for range 8 { // more than the library's pool takes before it stops dialing
		requireUnhealthy(t, probe(t, prober, 5*time.Second), "connection refused while sending PING to "+server.Addr)
	}
	server.Start()
	requireHealthy(t, probe(t, prober, 5*time.Second))
	// The very next probe after a restart finds the old connection dead.
	server.Kill()
	server.Start()
	requireHealthy(t, probe(t, prober, 5*time.Second))
	require.Empty(t, redisKeys(t, server.Addr, ""))
}

func TestRedisSaysWhatTheServerRefuses(t *testing.T) {
	server := realtest.Redis(t, "--requirepass", "s3cr3t-pass")
	prober := open(t, &Redis{Address: server.Addr, Password: option.NewSecret("wrong-pass"), Write: true, Key: "k"})
	result := probe(t, prober, 5*time.Second)
	require.Contains(t, result.Message, "WRONGPASS invalid username-password pair")
	prober = open(t, &Redis{Address: server.Addr, Write: true, Key: "k"})
	requireUnhealthy(t, probe(t, prober, 5*time.Second), "NOAUTH Authentication required while sending PING to "+server.Addr)
}

// redisWithout relays to a real server and answers one command itself.
func redisWithout(t *testing.T, address, command string, answer func(client io.Writer)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = client.Close() }()
				server, err := net.Dial("tcp", address)
				if err != nil {
					return
				}
				defer func() { _ = server.Close() }()
				relayCommands(client, server, command, answer)
			}()
		}
	}()
	return listener.Addr().String()
}

// relayCommands passes commands on one at a time, each an array of bulk strings.
func relayCommands(client, server net.Conn, command string, answer func(client io.Writer)) {
	go func() { _, _ = io.Copy(client, server) }()
	reader := bufio.NewReader(client)
	for {
		text, err := reader.ReadString('\n')
		if err != nil {
			return
		}
		var parts int
		if _, err := fmt.Sscanf(text, "*%d", &parts); err != nil {
			return
		}
		name := ""
		for i := range parts * 2 {
			line, err := reader.ReadString('\n')
			if err != nil {
				return
			}
			if i == 1 {
				name = strings.TrimSpace(line)
			}
			text += line
		}
		if strings.EqualFold(name, command) {
			answer(client)
			continue
		}
		if _, err := io.WriteString(server, text); err != nil {
			return
		}
	}
}

func TestRedisLeavesNothingWhenReadingFails(t *testing.T) {
	server := realtest.Redis(t)
	cases := map[string]struct {
		answer func(client io.Writer)
		want   string
	}{
		"error": {
			answer: func(client io.Writer) { _, _ = io.WriteString(client, "-LOADING not now\r\n") },
			want:   "LOADING not now while reading the test key",
		},
		"other value": {
			answer: func(client io.Writer) { _, _ = io.WriteString(client, "$5\r\nother\r\n") },
			want:   `the test key reads "other", not `,
		},
		"gone": {
			answer: func(client io.Writer) { _, _ = io.WriteString(client, "$-1\r\n") },
			want:   "the test key is gone right after it was written",
		},
		"silence": {
			answer: func(io.Writer) {},
			want:   "timeout after 2s while reading the test key",
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			address := redisWithout(t, server.Addr, "GET", test.answer)
			prober := open(t, &Redis{Address: address, DB: 3, Write: true, Key: "paramedic:probe"})
			result := probe(t, prober, 2*time.Second)
			require.Contains(t, result.Message, test.want)
			require.Empty(t, redisKeys(t, server.Addr, ""))
		})
	}
	t.Run("delete refused", func(t *testing.T) {
		address := redisWithout(t, server.Addr, "DEL", func(client io.Writer) { _, _ = io.WriteString(client, "-NOPERM no\r\n") })
		prober := open(t, &Redis{Address: address, DB: 3, Write: true, Key: "paramedic:probe"})
		requireUnhealthy(t, probe(t, prober, 2*time.Second), "NOPERM no while deleting the test key")
	})
}

func TestRedisSurvivesSilence(t *testing.T) {
	requireSurvivesSilence(t, func(address string) Options { return &Redis{Address: address, Write: true, Key: "k"} },
		"timeout after 200ms while sending PING to @silent", "connection refused while sending PING to @deaf")
	requireSurvivesSilence(t, func(address string) Options { return &Redis{Address: address, Write: true, Key: "k", TLS: true} },
		"timeout after 200ms while sending PING to @silent", "connection refused while sending PING to @deaf")
}
