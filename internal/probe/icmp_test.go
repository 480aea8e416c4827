package probe

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

// pinging returns the default options for an address.
func pinging(address string) *ICMP {
	options := icmpKind().Options().(*ICMP)
	options.Address = address
	return options
}

// mayPing skips the test where neither kind of socket is allowed.
func mayPing(t *testing.T, address string) {
	t.Helper()
	socket, err := openEcho(netip.MustParseAddr(address))
	if err != nil {
		realtest.Skip(t, "there is no ICMP to %s here: %v", address, err)
	}
	require.NoError(t, socket.Close())
}

func TestICMPReachesThisMachine(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1", "::1", "localhost"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			if address != "localhost" {
				mayPing(t, address)
			}
			options := pinging(address)
			if address == "localhost" {
				options.Version = "4"
				mayPing(t, "127.0.0.1")
			}
			options.Expect = []string{"rtt_ms < 5000 && rtt_max_ms >= rtt_ms", "latency < duration('5s')", "loss == 0"}
			result := probe(t, open(t, options), 10*time.Second)
			requireHealthy(t, result)
			require.Regexp(t, `^3 replies to 3 requests in [0-9.e-]+ ms from `+address+`$`, result.Message)
			require.Zero(t, result.Observations["loss"])
			require.Positive(t, result.Observations["rtt_ms"])
		})
	}
}

func TestICMPCountsWhatIsLost(t *testing.T) {
	t.Parallel()
	mayPing(t, "127.0.0.1")
	for name, test := range map[string]struct {
		lost    int
		maxLoss float64
		status  health.Status
		want    string
	}{
		"as many as may be": {1, 50, health.Healthy, `^2 replies to 3 requests in .+ ms from 127\.0\.0\.1$`},
		"too many":          {2, 50, health.Unhealthy, `^loss 67 % > 50 %: 1 reply to 3 requests in .+ ms from 127\.0\.0\.1$`},
		"all, which may be": {3, 100, health.Unhealthy, `^no reply to 3 requests from 127\.0\.0\.1$`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := pinging("127.0.0.1")
			options.MaxLoss, options.Wait = test.maxLoss, health.Duration(100*time.Millisecond)
			prober := open(t, options).(*icmpProber)
			prober.open = losing(test.lost)
			result := probe(t, prober, 10*time.Second)
			require.Regexp(t, test.want, result.Message)
			require.Equal(t, test.status, result.Status)
			require.InDelta(t, 100*float64(test.lost)/3, result.Observations["loss"], 0.01)
		})
	}
}

// losing opens sockets that do not send the first requests.
func losing(count int) func(netip.Addr) (*echoSocket, error) {
	return func(target netip.Addr) (*echoSocket, error) {
		socket, err := openEcho(target)
		if err != nil {
			return nil, err
		}
		send := socket.send
		socket.send = func(message []byte) error {
			if socket.sequence <= count {
				return nil
			}
			return send(message)
		}
		return socket, nil
	}
}

// A late reply to an earlier request is not taken for that to the latest, nor
// is another prober's.
func TestICMPTellsRepliesApart(t *testing.T) {
	t.Parallel()
	mayPing(t, "127.0.0.1")
	target := netip.MustParseAddr("127.0.0.1")
	socket, err := openEcho(target)
	require.NoError(t, err)
	defer func() { require.NoError(t, socket.Close()) }()
	other := newEchoSocket(target)
	other.sequence = 1
	for _, from := range []*echoSocket{socket, other} {
		message, err := from.message(from.reply)
		require.NoError(t, err)
		require.Equal(t, from == socket, socket.isReply(message))
	}
	late, err := socket.message(socket.reply)
	require.NoError(t, err)
	socket.sequence++
	require.False(t, socket.isReply(late))
	require.False(t, socket.isReply(nil))
	_, err = socket.echo(time.Now().Add(5 * time.Second))
	require.NoError(t, err)
}

func TestICMPTellsWhatTheWorkerMayNot(t *testing.T) {
	t.Parallel()
	prober := open(t, pinging("127.0.0.1")).(*icmpProber)
	prober.open = func(netip.Addr) (*echoSocket, error) { return nil, errEchoForbidden }
	requireNotProbed(t, probe(t, prober, time.Second), "127.0.0.1 was not probed: this worker may not send ICMP; "+
		"let its group into the sysctl net.ipv4.ping_group_range, or give it CAP_NET_RAW")
	prober.open = func(netip.Addr) (*echoSocket, error) { return nil, syscall.ENETUNREACH }
	requireUnhealthy(t, probe(t, prober, time.Second), "no route to the host while sending echo requests to 127.0.0.1")
	prober = open(t, pinging("nobody.invalid")).(*icmpProber)
	requireUnhealthy(t, probe(t, prober, 10*time.Second), "host name nobody.invalid not found while looking up nobody.invalid")
}

func TestICMPLeavesNothingBehind(t *testing.T) {
	mayPing(t, "127.0.0.1")
	requireNoLeak(t, func() {
		for range 3 {
			prober := open(t, pinging("127.0.0.1"))
			requireHealthy(t, probe(t, prober, 10*time.Second))
		}
	})
}

func TestICMPOptions(t *testing.T) {
	t.Parallel()
	options := pinging("10.0.0.1:80")
	options.Count, options.Wait, options.Expect = 21, 0, []string{"rtt < 5"}
	require.Equal(t, option.Problems{
		{Path: "address", Text: `"10.0.0.1:80" has a port, which ICMP has not; write the host alone`},
		{Path: "count", Text: "21 is not between 1 and 20"},
		{Path: "wait", Text: "0s is too short; write more than 0s"},
		{Path: "expect[0]", Text: "unknown name rtt (line 1, column 1); known are latency, loss, rtt_max_ms, rtt_ms"},
	}, options.Validate())
	for _, address := range []string{"::1", "fe80::1%eth0", "db1.internal", "10.0.0.1"} {
		require.Empty(t, pinging(address).Validate(), address)
	}
}
