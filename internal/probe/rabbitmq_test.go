package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

// All tests of this file that need a server share one, which takes seconds to
// start; the last one stops it.
func TestRabbitMQ(t *testing.T) {
	server := realtest.RabbitMQ(t)
	fillRabbit(t, server)
	for _, test := range []struct {
		name string
		run  func(t *testing.T, server *realtest.RabbitMQServer)
	}{
		{"observes what is pending", rabbitObserves},
		{"judges what is pending", rabbitJudges},
		{"declares nothing and leaves nothing", rabbitLeavesNothing},
		{"says what the server refuses", rabbitRefused},
		{"verifies certificates", rabbitVerifies},
		{"ends with an endless server", rabbitEndless},
		{"survives freeze and cut", rabbitSurvivesFreezeAndCut},
		{"is gone", rabbitGone},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, server) })
	}
}

// rabbitOptions returns the options that lead to a server.
func rabbitOptions(t *testing.T, server *realtest.RabbitMQServer) *RabbitMQ {
	t.Helper()
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	password, _ := address.User.Password()
	options := rabbitKind().Options().(*RabbitMQ)
	options.Address, options.Username, options.Password = address.Host, address.User.Username(), option.NewSecret(password)
	return options
}

// fillRabbit makes a queue of seven messages and one of three, which a consumer
// holds two of.
func fillRabbit(t *testing.T, server *realtest.RabbitMQServer) {
	t.Helper()
	conn, err := amqp.Dial(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	channel, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, channel.Confirm(false))
	for name, count := range map[string]int{"jobs.Mail": 7, "events": 3} {
		_, err := channel.QueueDeclare(name, true, false, false, false, nil)
		require.NoError(t, err)
		for range count {
			sent, err := channel.PublishWithDeferredConfirmWithContext(context.Background(), "", name, false, false, amqp.Publishing{Body: []byte("x")})
			require.NoError(t, err)
			require.True(t, sent.Wait())
		}
	}
	require.NoError(t, channel.Qos(2, 0, false))
	deliveries, err := channel.Consume("events", "", false, false, false, false, nil)
	require.NoError(t, err)
	<-deliveries
	<-deliveries
}

func rabbitObserves(t *testing.T, server *realtest.RabbitMQServer) {
	options := rabbitOptions(t, server)
	relay := newRelay(t, options.Address)
	options.Address, options.Queues = relay.Addr, []string{"jobs.Mail", "events"}
	options.Expect, options.ExpectDegraded = []string{"consumers_events == 1"}, []string{"pending < 1000 && latency < duration('5s')"}
	requireNoLeak(t, func() {
		prober, err := options.Open()
		require.NoError(t, err)
		for range 5 {
			result := probe(t, prober, 5*time.Second)
			requireHealthy(t, result)
			require.Equal(t, "connected, 8 pending", result.Message)
			require.Equal(t, map[string]float64{
				"pending": 8, "pending_jobs_mail": 7, "pending_events": 1, "consumers": 1, "consumers_jobs_mail": 0, "consumers_events": 1,
			}, result.Observations)
		}
		require.EqualValues(t, 1, relay.accepted.Load())
		require.NoError(t, prober.Close())
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 20*time.Second, time.Millisecond)
	})
}

func rabbitJudges(t *testing.T, server *realtest.RabbitMQServer) {
	both := []string{"jobs.Mail", "events"}
	for name, test := range map[string]struct {
		options RabbitMQ
		status  health.Status
		want    string
	}{
		"no queue":   {RabbitMQ{}, health.Healthy, "connected"},
		"at limit":   {RabbitMQ{Queues: both, DegradedPast: 7}, health.Healthy, "connected, 8 pending"},
		"no limit":   {RabbitMQ{Queues: both}, health.Healthy, "connected, 8 pending"},
		"degraded":   {RabbitMQ{Queues: both, DegradedPast: 6, UnhealthyPast: 7}, health.Degraded, "7 pending in jobs.Mail, more than 6"},
		"unhealthy":  {RabbitMQ{Queues: both, DegradedPast: 1, UnhealthyPast: 6}, health.Unhealthy, "7 pending in jobs.Mail, more than 6"},
		"missing":    {RabbitMQ{Queues: []string{"nowhere", "jobs.Mail", "Nobody"}, DegradedPast: 1}, health.Unhealthy, "there is no queue nowhere in the virtual host /; there is no queue Nobody in the virtual host /"},
		"conditions": {RabbitMQ{Queues: both, Expect: []string{"consumers_jobs_mail > 0"}}, health.Unhealthy, "consumers_jobs_mail > 0: consumers_jobs_mail is 0"},
		"concerns":   {RabbitMQ{Queues: both, ExpectDegraded: []string{"pending < 8"}}, health.Degraded, "pending < 8: pending is 8"},
	} {
		t.Run(name, func(t *testing.T) {
			options := rabbitOptions(t, server)
			relay := newRelay(t, options.Address)
			options.Address, options.Queues, options.DegradedPast, options.UnhealthyPast = relay.Addr, test.options.Queues, test.options.DegradedPast, test.options.UnhealthyPast
			options.Expect, options.ExpectDegraded = test.options.Expect, test.options.ExpectDegraded
			prober := open(t, options)
			for range 3 {
				result := probe(t, prober, 5*time.Second)
				require.Equal(t, test.status, result.Status, result.Message)
				require.Equal(t, test.want, result.Message)
			}
			require.EqualValues(t, 1, relay.accepted.Load(), "a finding is no reason for a new connection")
		})
	}
	options := rabbitOptions(t, server)
	options.Queues = []string{"nowhere", "jobs.Mail"}
	require.Equal(t, map[string]float64{
		"pending": 7, "pending_jobs_mail": 7, "consumers": 0, "consumers_jobs_mail": 0,
	}, probe(t, open(t, options), 5*time.Second).Observations)
}

// A user without any permission can look, and what was asked for is still not
// there afterwards.
func rabbitLeavesNothing(t *testing.T, server *realtest.RabbitMQServer) {
	options := rabbitOptions(t, server)
	options.Username, options.Password = realtest.RabbitMQReader, option.NewSecret(realtest.RabbitMQReaderPassword)
	options.Queues = []string{"jobs.Mail", "events"}
	for range 2 {
		result := probe(t, open(t, options), 5*time.Second)
		requireHealthy(t, result)
		require.EqualValues(t, 8, result.Observations["pending"])
		require.EqualValues(t, 1, result.Observations["consumers"])
	}
	options = rabbitOptions(t, server)
	options.Queues = []string{"nowhere"}
	for range 2 {
		requireUnhealthy(t, probe(t, open(t, options), 5*time.Second), "there is no queue nowhere in the virtual host /")
	}
}

func rabbitRefused(t *testing.T, server *realtest.RabbitMQServer) {
	options := rabbitOptions(t, server)
	relay := newRelay(t, options.Address)
	options.Address = relay.Addr
	requireNoLeak(t, func() {
		for want, change := range map[string]func(o *RabbitMQ){
			"the server refuses the user or the password while connecting to " + relay.Addr: func(o *RabbitMQ) { o.Password = option.NewSecret("wrong-password") },
			"NOT_ALLOWED - vhost nowhere not found while connecting to " + relay.Addr:       func(o *RabbitMQ) { o.VHost = "nowhere" },
			"TLS: the server does not speak TLS while connecting to " + relay.Addr:          func(o *RabbitMQ) { o.TLS = true },
		} {
			changed := *options
			change(&changed)
			prober, err := changed.Open()
			require.NoError(t, err)
			requireUnhealthy(t, probe(t, prober, 10*time.Second), want)
			require.NoError(t, prober.Close())
		}
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 20*time.Second, time.Millisecond)
	})
}

func rabbitVerifies(t *testing.T, server *realtest.RabbitMQServer) {
	cert := certificate(t, time.Now().Add(time.Hour))
	options := rabbitOptions(t, server)
	options.Address, options.TLS = relayTLS(t, options.Address, cert), true
	requireUnhealthy(t, probe(t, open(t, options), 5*time.Second),
		"TLS: certificate signed by an unknown authority while connecting to "+options.Address)
	options.CA, options.Queues = certificateFile(t, cert), []string{"events"}
	prober := open(t, options)
	for range 2 {
		requireHealthy(t, probe(t, prober, 5*time.Second))
	}
}

// relayTLS speaks TLS for a server that does not.
func relayTLS(t *testing.T, address string, cert tls.Certificate) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
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
				go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
				_, _ = io.Copy(client, server)
			}()
		}
	}()
	return listener.Addr().String()
}

func rabbitEndless(t *testing.T, _ *realtest.RabbitMQServer) {
	address := recite(t, strings.Repeat("\x08\x00\x00\x00\x00\x00\x00\xce", bodyLimit/4)) // heartbeats
	options := &RabbitMQ{Address: address, VHost: "/"}
	requireUnhealthy(t, probe(t, open(t, options), 5*time.Second),
		fmt.Sprintf("the server sends more than %d bytes while connecting to %s", bodyLimit, address))
}

func rabbitSurvivesFreezeAndCut(t *testing.T, server *realtest.RabbitMQServer) {
	options := rabbitOptions(t, server)
	relay := newRelay(t, options.Address)
	options.Address, options.Queues = relay.Addr, []string{"jobs.Mail"}
	prober := open(t, options)
	requireHealthy(t, probe(t, prober, 5*time.Second))
	// The very next probe after a restart finds the old connection dead.
	for cuts := range 3 {
		require.NoError(t, prober.(*rabbitProber).socket.Conn.Close())
		requireHealthy(t, probe(t, prober, 5*time.Second))
		require.EqualValues(t, cuts+2, relay.accepted.Load())
	}
	server.Stop() // takes connections, and answers none
	requireUnhealthy(t, probe(t, prober, 300*time.Millisecond), "timeout after 300ms while opening a channel at "+relay.Addr)
	requireUnhealthy(t, probe(t, prober, 300*time.Millisecond), "timeout after 300ms while connecting to "+relay.Addr)
	server.Cont()
	requireHealthy(t, probe(t, prober, 5*time.Second))
}

func rabbitGone(t *testing.T, server *realtest.RabbitMQServer) {
	options := rabbitOptions(t, server)
	prober := open(t, options)
	requireHealthy(t, probe(t, prober, 5*time.Second))
	server.Kill()
	for range 2 {
		requireUnhealthy(t, probe(t, prober, 5*time.Second), "connection refused while connecting to "+server.Addr)
	}
}

func TestRabbitMQSurvivesSilence(t *testing.T) {
	for _, secure := range []bool{false, true} {
		requireSurvivesSilence(t, func(address string) Options { return &RabbitMQ{Address: address, VHost: "/", TLS: secure} },
			"timeout after 200ms while connecting to @silent", "connection refused while connecting to @deaf")
	}
}

// What is no RabbitMQ, or closes the connection for its own reasons.
func TestRabbitMQOfOthers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for closing := 0; ; closing++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 8))
			if closing == 1 {
				_ = conn.(*net.TCPConn).SetLinger(0) // resets
			}
			_ = conn.Close()
		}
	}()
	prober := open(t, &RabbitMQ{Address: listener.Addr().String(), VHost: "/"})
	for _, want := range []string{"connection closed by the server", "connection reset by the server"} {
		requireUnhealthy(t, probe(t, prober, 5*time.Second), want+" while connecting to "+listener.Addr().String())
	}
	other := recite(t, "SSH-2.0-OpenSSH_9.2\r\n")
	requireUnhealthy(t, probe(t, open(t, &RabbitMQ{Address: other, VHost: "/"}), 5*time.Second),
		"the server does not speak AMQP 0-9-1 while connecting to "+other)
}

func TestRabbitMQOptions(t *testing.T) {
	problems := (&RabbitMQ{
		Address: "localhost", CA: "/no/such/file", DegradedPast: 100, UnhealthyPast: 100,
		Queues: []string{"a.b", "", "..", strings.Repeat("x", 51), "A b"},
		Expect: []string{"pending_a_b > consumers_a_b"}, ExpectDegraded: []string{"pending_c == 0"},
	}).Validate()
	require.Equal(t, option.Problems{
		{Path: "address", Text: `"localhost" is not an address; write host:port, like 127.0.0.1:9000`},
		{Path: "ca", Text: "needs tls: true"},
		{Path: "ca", Text: "open /no/such/file: no such file or directory"},
		{Path: "unhealthy_past", Text: "100 is not above degraded_past, which is 100"},
		{Path: "queues[1]", Text: "is empty; write the name of a queue"},
		{Path: "queues[2]", Text: `".." has no letter or digit that an observation could be named by`},
		{Path: "queues[3]", Text: strings.Repeat("x", 51) + " would be observed as consumers_" + strings.Repeat("x", 51) + ", which is longer than 60 bytes"},
		{Path: "queues[4]", Text: "would be observed as pending_a_b, as queues[0] is already"},
	}, problems[:8])
	require.Len(t, problems, 9)
	require.Equal(t, "expect_degraded[0]", problems[8].Path)

	require.Equal(t, option.Problems{
		{Path: "degraded_past", Text: "-1 is below 0"}, {Path: "unhealthy_past", Text: "-2 is below 0"},
		{Path: "queues", Text: "holds 10 names; at most 9 fit into one probe"},
		{Path: "expect[0]", Text: "unknown name jobs (line 1, column 1); known are " + strings.Join(manyRabbitNames(), ", ")},
	}, (&RabbitMQ{
		Address: "a:1", DegradedPast: -1, UnhealthyPast: -2,
		Queues: strings.Split("a,b,c,d,e,f,g,h,i,j", ","), Expect: []string{"jobs > 1"},
	}).Validate())
}

// manyRabbitNames are the words for queues a to j.
func manyRabbitNames() []string {
	var names []string
	for _, begin := range []string{consumersName, pendingName} {
		names = append(names, begin)
		for _, letter := range "abcdefghij" {
			names = append(names, begin+"_"+string(letter))
		}
		if begin == consumersName {
			names = append(names, "latency")
		}
	}
	return names
}
