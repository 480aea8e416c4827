package probe

import (
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/realtest"
)

// roleVariable has this test binary play a worker in a network of its own; its
// value says what that worker may.
const roleVariable = "PARAMEDIC_TEST_ICMP"

// island is a network of this machine alone, where 198.51.100.0/24 swallows
// what is sent to it. Both ways to send are tried in it, and having none.
const island = `"$0" link set lo up && "$0" route add 198.51.100.0/24 dev lo
if [ "$1" != - ]; then echo "$1" > /proc/sys/net/ipv4/ping_group_range || exit; fi
shift && exec "$@"`

func TestICMPWithMoreAndFewerRights(t *testing.T) {
	t.Parallel()
	if role := os.Getenv(roleVariable); role != "" {
		playRole(t, role)
		return
	}
	unshare := realtest.Binary(t, "unshare", "apt-get install util-linux")
	setpriv := realtest.Binary(t, "setpriv", "apt-get install util-linux")
	ip := realtest.Binary(t, "ip", "apt-get install iproute2")
	self, err := os.Executable()
	require.NoError(t, err)
	space := []string{"--user", "--map-root-user", "--net"}
	if err := exec.CommandContext(t.Context(), unshare, append(space, "true")...).Run(); err != nil {
		realtest.Skip(t, "unshare is not allowed here: %v", err)
	}
	drop := []string{setpriv, "--bounding-set=-all", "--inh-caps=-all"}
	for role, worker := range map[string]struct {
		groups string   // for ping_group_range; - leaves it, so that it holds no group
		rights []string // what takes rights away
	}{"raw": {"-", nil}, "datagrams": {"0 0", drop}, "none": {"-", drop}} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			arguments := append(space[:3:3], "sh", "-c", island, ip, worker.groups)
			arguments = append(append(arguments, worker.rights...), self, "-test.run=^TestICMPWithMoreAndFewerRights$", "-test.v")
			command := exec.CommandContext(t.Context(), unshare, arguments...)
			command.Env = append(os.Environ(), roleVariable+"="+role)
			output, err := command.CombinedOutput()
			require.NoError(t, err, string(output))
			require.Contains(t, string(output), "--- PASS: TestICMPWithMoreAndFewerRights")
		})
	}
}

// playRole is what runs there.
func playRole(t *testing.T, role string) {
	t.Helper()
	target := netip.MustParseAddr("127.0.0.1")
	_, datagrams := openDatagrams(target)
	_, raw := openRaw(target)
	require.Equal(t, role == "datagrams", datagrams == nil, "datagrams: %v", datagrams)
	require.Equal(t, role == "raw", raw == nil, "raw: %v", raw)
	result := probe(t, open(t, pinging("127.0.0.1")), 10*time.Second)
	if role == "none" {
		require.ErrorIs(t, datagrams, syscall.EACCES)
		requireNotProbed(t, result, "127.0.0.1 was not probed: this worker may not send ICMP; "+
			"let its group into the sysctl net.ipv4.ping_group_range, or give it CAP_NET_RAW")
		return
	}
	requireHealthy(t, result)
	requireSilence(t)
	requireUnhealthy(t, probe(t, open(t, pinging("203.0.113.1")), 10*time.Second), map[string]string{
		"raw":       "no route to the host while sending echo requests to 203.0.113.1",
		"datagrams": "no reply to 3 requests (no route to the host) from 203.0.113.1",
	}[role])
}

// requireSilence probes an address that swallows everything.
func requireSilence(t *testing.T) {
	t.Helper()
	options := pinging("198.51.100.1")
	options.Expect = []string{"rtt_ms < 100"}
	for limit, wait := range map[time.Duration]time.Duration{
		10 * time.Second:       50 * time.Millisecond, // the waits end first
		300 * time.Millisecond: time.Minute,           // the probe's limit ends first
	} {
		options.Wait = health.Duration(wait)
		start := time.Now()
		requireUnhealthy(t, probe(t, open(t, options), limit),
			"no reply to 3 requests from 198.51.100.1; rtt_ms < 100: there was no reply")
		require.Less(t, time.Since(start), 5*time.Second)
	}
}
