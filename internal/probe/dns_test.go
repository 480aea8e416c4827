package probe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

// records of the zone shop.test in these tests.
var records = `www 60 IN A 10.0.0.1
www 60 IN A 10.0.0.2
www 300 IN AAAA 2001:db8::1
shop 30 IN CNAME www
home 300 IN CNAME www
@ 300 IN MX 10 mail
@ 300 IN TXT "v=spf1 -all"
long 300 IN TXT "` + strings.Repeat("a", 200) + `" "` + strings.Repeat("b", 200) + `" "` + strings.Repeat("c", 200) + `"
@ 300 IN CAA 0 issue "letsencrypt.org"
_imap._tcp 300 IN SRV 5 10 143 mail
mail 300 IN A 10.0.0.3
1.0.0.10.in-addr 300 IN PTR www`

// askingDNS returns the default options, asking a server for a name.
func askingDNS(server, kind, name string) *DNS {
	options := dnsKind().Options().(*DNS)
	options.Server, options.Type, options.Name = server, kind, name
	return options
}

func TestDNSReadsEveryTypeOfRecord(t *testing.T) {
	t.Parallel()
	server := realtest.DNS(t, "shop.test", records)
	for _, test := range []struct {
		kind, name string
		want       string
		count, ttl float64
	}{
		{"A", "www.shop.test", "10.0.0.1, 10.0.0.2", 2, 60},
		{"A", "shop.shop.test.", "10.0.0.1, 10.0.0.2", 2, 30},
		{"A", "home.shop.test", "10.0.0.1, 10.0.0.2", 2, 60},
		{"AAAA", "www.shop.test", "2001:db8::1", 1, 300},
		{"CNAME", "shop.shop.test", "www.shop.test", 1, 30},
		{"MX", "shop.test", "10 mail.shop.test", 1, 300},
		{"TXT", "shop.test", "v=spf1 -all", 1, 300},
		{"NS", "shop.test", "ns.shop.test", 1, 300},
		{"SRV", "_imap._tcp.shop.test", "5 10 143 mail.shop.test", 1, 300},
		{"CAA", "shop.test", `0 issue "letsencrypt.org"`, 1, 300},
		{"PTR", "1.0.0.10.in-addr.shop.test", "www.shop.test", 1, 300},
		{"SOA", "shop.test", "ns.shop.test hostmaster.shop.test 7 3600 600 86400 60", 1, 300},
	} {
		t.Run(test.kind+" "+test.name, func(t *testing.T) {
			result := probe(t, open(t, askingDNS(server.Addr, test.kind, test.name)), 10*time.Second)
			requireHealthy(t, result)
			before, after, _ := strings.Cut(result.Message, ": ")
			require.Equal(t, test.name+" "+test.kind, before)
			require.ElementsMatch(t, strings.Split(test.want, ", "), strings.Split(after, ", "))
			require.Equal(t, map[string]float64{"answers": test.count, "ttl": test.ttl}, result.Observations)
		})
	}
}

// An answer of 600 bytes does not fit into a datagram of 512.
func TestDNSAsksAgainByTCP(t *testing.T) {
	t.Parallel()
	server := realtest.DNS(t, "shop.test", records)
	options := askingDNS(server.Addr, "TXT", "long.shop.test")
	options.Expect = append(options.Expect, "len(answers[0]) == 600")
	requireHealthy(t, probe(t, open(t, options), 10*time.Second))
}

func TestDNSJudgesTheAnswer(t *testing.T) {
	t.Parallel()
	server := realtest.DNS(t, "shop.test", records)
	for name, test := range map[string]struct {
		name, kind       string
		expect, degraded string
		status           health.Status
		want             string
	}{
		"no such name": {
			name: "ww.shop.test", kind: "A", status: health.Unhealthy,
			want: `rcode == "NOERROR": rcode is "NXDOMAIN"; count > 0: count is 0`,
		},
		"no such record": {name: "mail.shop.test", kind: "AAAA", status: health.Unhealthy, want: "count > 0: count is 0"},
		"refused": {
			name: "example.org", kind: "A", status: health.Unhealthy,
			want: `rcode == "NOERROR": rcode is "REFUSED"; count > 0: count is 0`,
		},
		"meant to be gone": {
			name: "ww.shop.test", kind: "A", expect: `rcode == "NXDOMAIN"`, status: health.Healthy,
			want: "ww.shop.test A: NXDOMAIN",
		},
		"another address": {
			name: "mail.shop.test", kind: "A", expect: `"10.0.0.4" in answers`, status: health.Unhealthy,
			want: `"10.0.0.4" in answers: answers is ["10.0.0.3"]`,
		},
		"ttl": {
			name: "mail.shop.test", kind: "A", degraded: "ttl >= 3600", status: health.Degraded,
			want: "ttl >= 3600: ttl is 300",
		},
		"no ttl": {
			name: "ww.shop.test", kind: "A", expect: "ttl > 10", status: health.Unhealthy,
			want: "ttl > 10: there is no answer",
		},
		"authority and latency": {
			name: "mail.shop.test", kind: "A", expect: "authoritative && latency < duration('9s')", status: health.Healthy,
			want: "mail.shop.test A: 10.0.0.3",
		},
	} {
		t.Run(name, func(t *testing.T) {
			options := askingDNS(server.Addr, test.kind, test.name)
			if test.expect != "" {
				options.Expect = []string{test.expect}
			}
			if test.degraded != "" {
				options.ExpectDegraded = []string{test.degraded}
			}
			result := probe(t, open(t, options), 10*time.Second)
			require.Equal(t, test.want, result.Message)
			require.Equal(t, test.status, result.Status)
		})
	}
}

// A server that was frozen answers once it goes on; the probe asks again before
// it gives up.
func TestDNSEndsWithAServerThatHangs(t *testing.T) {
	t.Parallel()
	server := realtest.DNS(t, "shop.test", records)
	prober := open(t, askingDNS(server.Addr, "A", "www.shop.test"))
	requireHealthy(t, probe(t, prober, 10*time.Second))
	server.Stop()
	requireUnhealthy(t, probe(t, prober, 400*time.Millisecond),
		"timeout after 400ms while waiting for the answer of "+server.Addr)
	server.Cont()
	requireHealthy(t, probe(t, prober, 10*time.Second))
	server.Kill()
	requireUnhealthy(t, probe(t, prober, 10*time.Second),
		"connection refused while waiting for the answer of "+server.Addr)
}

func TestDNSAsksTheSystemsResolversInTurn(t *testing.T) {
	t.Parallel()
	server := realtest.DNS(t, "shop.test", records)
	host, port, _ := strings.Cut(server.Addr, ":")
	prober := open(t, askingDNS("", "A", "mail.shop.test")).(*dnsProber)
	prober.resolvers = filepath.Join(t.TempDir(), "resolv.conf")
	requireUnhealthy(t, probe(t, prober, time.Second),
		"there is no "+prober.resolvers+"; name a server in the option server")

	write := func(text string) { require.NoError(t, os.WriteFile(prober.resolvers, []byte(text), 0o600)) }
	write("search shop.test\n")
	requireUnhealthy(t, probe(t, prober, time.Second),
		prober.resolvers+" names no resolver; name a server in the option server")

	write("nameserver 127.0.0.9\nnameserver " + host + "\n")
	found, err := prober.servers()
	require.NoError(t, err)
	require.Equal(t, []string{"127.0.0.9:53", host + ":53"}, found)

	reply, err := prober.ask(t.Context(), begin(t.Context()), []string{deaf(t), host + ":" + port})
	require.NoError(t, err)
	require.Len(t, reply.Answer, 1)
}

func TestDNSSharesItsTimeBetweenTries(t *testing.T) {
	t.Parallel()
	ctx, cancel := withLimit(t.Context(), 10*time.Second)
	defer cancel()
	require.Equal(t, dnsPatience, patience(ctx, 3))
	require.InDelta(t, 1.0, patience(ctx, 10).Seconds(), 0.2)
	require.InDelta(t, 10.0, patience(ctx, 1).Seconds(), 0.5)
}

func TestDNSRefusesWhatIsNoAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(question *dns.Msg) *dns.Msg
		want   string
	}{
		"another question": {
			answer: func(question *dns.Msg) *dns.Msg {
				reply := new(dns.Msg).SetReply(question)
				reply.Question[0].Name = "evil.test."
				return reply
			}, want: "the server answered another question while waiting for the answer of ",
		},
		"unknown code": {
			answer: func(question *dns.Msg) *dns.Msg {
				reply := new(dns.Msg).SetReply(question)
				reply.Rcode = 13
				return reply
			}, want: `rcode == "NOERROR": rcode is "RCODE13"; count > 0: count is 0`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := answering(t, test.answer)
			result := probe(t, open(t, askingDNS(server, "A", "www.shop.test")), 10*time.Second)
			require.Equal(t, health.Unhealthy, result.Status)
			require.Contains(t, result.Message, test.want)
		})
	}
}

// answering starts a DNS server whose answers the test chooses.
func answering(t *testing.T, answer func(question *dns.Msg) *dns.Msg) string {
	t.Helper()
	ready := make(chan struct{})
	server := &dns.Server{
		Addr: realtest.FreeAddress(t), Net: "udp", NotifyStartedFunc: func() { close(ready) },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) { _ = w.WriteMsg(answer(question)) }),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case <-ready:
	case err := <-ended:
		require.NoError(t, err)
	}
	t.Cleanup(func() { require.NoError(t, server.Shutdown()); <-ended })
	return server.Addr
}

func TestDNSOptions(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"www.shop.test":               "",
		"_dmarc.shop.test.":           "",
		"10.0.0.1":                    `"10.0.0.1" is an address; only type PTR is asked by address`,
		"shop test":                   `"shop test" is not a name as DNS writes it; write it in ASCII without spaces, like xn--bcher-kva.example`,
		"bücher.example":              `"bücher.example" is not a name as DNS writes it; write it in ASCII without spaces, like xn--bcher-kva.example`,
		"www..test":                   `"www..test" is not a domain name: it is longer than 255 bytes, or a part of it is empty or longer than 63`,
		strings.Repeat("x", 64) + ".": `"` + strings.Repeat("x", 64) + `." is not a domain name: it is longer than 255 bytes, or a part of it is empty or longer than 63`,
	} {
		var problems option.Problems
		if want != "" {
			problems = option.Problems{{Path: "name", Text: want}}
		}
		require.Equal(t, problems, askingDNS("127.0.0.1:53", "A", name).Validate())
	}
	reverse, err := askingDNS("", "PTR", "10.0.0.1").asked()
	require.NoError(t, err)
	require.Equal(t, "1.0.0.10.in-addr.arpa.", reverse)

	options := askingDNS("127.0.0.1", "A", "www.shop.test")
	options.Expect = []string{"code == 0"}
	require.Equal(t, option.Problems{
		{Path: "server", Text: `"127.0.0.1" is not an address; write host:port, like 127.0.0.1:9000`},
		{Path: "expect[0]", Text: "unknown name code (line 1, column 1); known are answers, authoritative, count, latency, rcode, ttl"},
	}, options.Validate())
}
