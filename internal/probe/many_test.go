package probe

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

func openMany(t *testing.T, options Options) Many {
	t.Helper()
	many, err := OpenMany(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, many.Close()) })
	return many
}

func named(name string, labels ...string) health.Target {
	target := health.Target{Name: name, Labels: map[string]string{}}
	for i := 0; i < len(labels); i += 2 {
		target.Labels[labels[i]] = labels[i+1]
	}
	return target
}

// probeOne probes one target and requires that the probe keeps its limit.
func probeOne(t *testing.T, many Many, target health.Target, limit time.Duration) health.Result {
	t.Helper()
	start := time.Now()
	result := RunMany(context.Background(), many, target, limit)
	require.Less(t, time.Since(start), limit+overrun, "the probe outlived its limit: %s", result.Message)
	require.WithinDuration(t, start, result.At, limit+overrun)
	require.Positive(t, result.LatencyMS)
	return result
}

func TestManyHTTPAsksEachTargetForItsOwn(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		host := strings.ToUpper(r.Host) // which is a header, and masked as it was sent
		_, _ = fmt.Fprintf(w, `{"path":%q,"sent":%q,"host":%q,"key":%q,"more":%q}`,
			r.URL.String(), sent, host, r.Header.Get("X-Key"), r.Header.Get("Idempotency-Key")+r.Header.Get("Accept-Encoding"))
	})
	options := httpOptions(server.URL + `/{{target}}?zone={{label "zone"}}`)
	options.Method, options.Body = "POST", `{"zone":"{{label "zone"}}"}`
	options.Headers = map[string]option.Secret{"X-Key": option.NewSecret("k1"), "Host": option.NewSecret("shops.test")}
	options.Expect = []string{"status == 200"}
	options.Observe = map[string]string{"path": ".path", "sent": ".sent", "host": ".host", "key": ".key", "more": ".more"}
	many := openMany(t, options)
	require.IsType(t, &webMany{}, many)
	for _, zone := range []string{"eu", "us"} {
		result := probeOne(t, many, named("shop-"+zone, "zone", zone), 5*time.Second)
		requireHealthy(t, result)
		require.Equal(t, map[string]string{
			"path": "/shop-" + zone + "?zone=" + zone, "sent": `{"zone":"` + zone + `"}`, "host": "SHOPS.TEST", "key": "k1", "more": "",
		}, result.Facts)
	}
	requireNotProbed(t, probeOne(t, many, named("shop"), 5*time.Second),
		`cannot be probed: url: target "shop" has no label "zone"`)
	require.Equal(t, "127.0.0.1", many.Host(named("x", "zone", "eu")))
}

// Of what the conditions do not speak, nothing is made ready; what they say
// must not change for it.
func TestOnlyWhatIsSpokenOfIsRead(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Shop", "one")
		_, _ = io.WriteString(w, `{"ok":true,"at":"`+time.Now().UTC().Format(time.RFC3339)+`"}`)
	})
	for _, condition := range []string{
		"status == 200", "body.ok", `text contains "ok"`, `headers["x-shop"] == "one"`, "age(body.at) < duration('1h')",
		`$env["body"].ok && $env["text"] != ""`, `all(["a"], body.ok)`, `latency < duration("1m")`,
	} {
		options := httpOptions(server.URL)
		options.Expect = []string{condition}
		requireHealthy(t, probe(t, open(t, options), 5*time.Second))
	}
	rules, _ := compileRules(everyWord(httpWords), []string{"status == 200"}, []string{"body.text == ''"})
	require.Equal(t, needs{body: true}, needsOf(rules, nil))
}

func TestManyMasksSecrets(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "you sent "+r.Header.Get("Authorization"))
	})
	options := httpOptions(server.URL + "/{{target}}")
	options.Token = option.NewSecret("s3cret-of-all")
	options.Expect, options.Observe = []string{`text == "fine"`}, map[string]string{"said": "text"}
	result := probeOne(t, openMany(t, options), named("a"), 5*time.Second)
	requireUnhealthy(t, result, `text == "fine": text is "you sent Bearer ***"`)
	require.Equal(t, "you sent Bearer ***", result.Facts["said"])
}

func TestManySharesConnections(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) {})
	relay := newRelay(t, strings.TrimPrefix(server.URL, "http://"))
	requireNoLeak(t, func() {
		many, err := OpenMany(httpOptions("http://" + relay.Addr + "/{{target}}"))
		require.NoError(t, err)
		probeAll(t, many, targetsNamed(400, "shop-%d"), 8)
		require.LessOrEqual(t, relay.accepted.Load(), int64(8))
		require.NoError(t, many.Close())
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 5*time.Second, 5*time.Millisecond)
	})
}

func targetsNamed(count int, format string) []health.Target {
	targets := make([]health.Target, count)
	for i := range targets {
		targets[i] = named(fmt.Sprintf(format, i))
	}
	return targets
}

// probeAll probes targets, so many at the same time, and requires that all are
// healthy.
func probeAll(t *testing.T, many Many, targets []health.Target, parallel int) {
	t.Helper()
	var next atomic.Int64
	var probing sync.WaitGroup
	for range parallel {
		probing.Go(func() {
			for i := next.Add(1); i <= int64(len(targets)); i = next.Add(1) {
				if result := RunMany(context.Background(), many, targets[i-1], 10*time.Second); result.Status != health.Healthy {
					t.Errorf("%s: %s", targets[i-1].Name, result.Message)
				}
			}
		})
	}
	probing.Wait()
}

// Hosts that have one target each must not pile up connections.
func TestManyHostsKeepFewConnections(t *testing.T) {
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	var open, most atomic.Int64
	server := &http.Server{Handler: http.NotFoundHandler(), ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			most.Store(max(most.Load(), open.Add(1)))
		case http.StateClosed:
			open.Add(-1)
		}
	}}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { _ = server.Close(); serving.Wait() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	options := httpOptions("http://{{target}}:" + port)
	options.Expect = []string{"status == 404"}
	many := openMany(t, options)
	targets := make([]health.Target, 0, 600)
	for i := range cap(targets) {
		targets = append(targets, named(fmt.Sprintf("127.1.%d.%d", i/250, i%250+1)))
	}
	require.Equal(t, "127.1.2.7", many.Host(targets[506]))
	waiting := &many.(*webMany).ways.kept.transport.(*wire).idle
	require.Equal(t, idleMost, waiting.most, "files are scarce")
	waiting.most = 100
	probeAll(t, many, targets, 8)
	require.Equal(t, 100, waiting.all.Len())
	const closing = 100 // that the server has not noticed yet
	require.Less(t, most.Load(), int64(100+closing))
	require.NoError(t, many.Close())
	require.Eventually(t, func() bool { return open.Load() == 0 }, 5*time.Second, 5*time.Millisecond)
}

func TestAnUnhappyTargetLeavesTheOthersTheirConnections(t *testing.T) {
	var together sync.WaitGroup
	together.Add(8)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hangs":
			<-r.Context().Done()
		case "/breaks":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
		case "/first-0", "/first-1", "/first-2", "/first-3", "/first-4", "/first-5", "/first-6", "/first-7":
			together.Done()
			together.Wait() // so that there are eight connections
		}
	})
	relay := newRelay(t, strings.TrimPrefix(server.URL, "http://"))
	many := openMany(t, httpOptions("http://"+relay.Addr+"/{{target}}"))
	probeAll(t, many, targetsNamed(8, "first-%d"), 8)
	for range 3 {
		before := relay.accepted.Load()
		requireUnhealthy(t, probeOne(t, many, named("hangs"), 100*time.Millisecond),
			"timeout after 100ms while waiting for the answer of "+relay.Addr)
		requireUnhealthy(t, probeOne(t, many, named("breaks"), 5*time.Second),
			"connection closed by the server while reading the answer of "+relay.Addr)
		probeAll(t, many, targetsNamed(50, "shop-%d"), 2)
		require.LessOrEqual(t, relay.accepted.Load()-before, int64(2), "more connections than those of the unhappy were made")
	}
}

// One target that hangs does not keep the others waiting.
func TestOneSlowTargetHoldsNobody(t *testing.T) {
	release := make(chan struct{})
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	})
	many := openMany(t, httpOptions(server.URL+"/{{target}}"))
	var slow sync.WaitGroup
	for range 20 {
		slow.Go(func() { RunMany(context.Background(), many, named("slow"), 30*time.Second) })
	}
	start := time.Now()
	probeAll(t, many, targetsNamed(200, "shop-%d"), 4)
	require.Less(t, time.Since(start), 20*time.Second, "the others waited")
	close(release)
	slow.Wait()
}

// frozen passes connections on to a server, and can swallow what is sent on
// those that are open, as a firewall does that has forgotten them.
type frozen struct {
	addr  string
	mu    sync.Mutex
	conns []net.Conn
	ice   []chan struct{}
}

func newFrozen(t *testing.T, address string) *frozen {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &frozen{addr: listener.Addr().String()}
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", address)
			if err != nil {
				_ = client.Close()
				continue
			}
			ice := make(chan struct{})
			f.mu.Lock()
			f.conns, f.ice = append(f.conns, client, server), append(f.ice, ice)
			f.mu.Unlock()
			passing.Go(func() { _, _ = io.Copy(client, server); _ = client.Close() })
			passing.Go(func() { thaw(server, client, ice) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		f.mu.Lock()
		for _, conn := range f.conns {
			_ = conn.Close()
		}
		f.mu.Unlock()
		passing.Wait()
	})
	return f
}

// thaw copies until ice is closed, and swallows from then on.
func thaw(to, from net.Conn, ice chan struct{}) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 4096)
	for {
		count, err := from.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-ice:
		default:
			_, _ = to.Write(buffer[:count])
		}
	}
}

// freeze swallows what is sent on the connections that are open.
func (f *frozen) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ice := range f.ice {
		close(ice)
	}
	f.ice = nil
}

// A connection that was kept and leads nowhere any more costs one try: the next
// must not meet with another of its kind.
func TestATargetWithoutAnswerIsAskedOnAConnectionOfItsOwn(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) {})
	wall := newFrozen(t, strings.TrimPrefix(server.URL, "http://"))
	many := openMany(t, httpOptions("http://"+wall.addr+"/{{target}}"))
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() { probeAll(t, many, targetsNamed(5, "shop-%d"), 1) })
	}
	together.Wait()
	wall.freeze()
	requireUnhealthy(t, probeOne(t, many, named("shop-1"), 200*time.Millisecond),
		"timeout after 200ms while waiting for the answer of "+wall.addr)
	for range 5 {
		requireHealthy(t, probeOne(t, many, named("shop-1"), 5*time.Second))
	}
}

func TestWaryForgets(t *testing.T) {
	var w wary
	require.False(t, w.of("a"))
	w.add("a")
	require.True(t, w.of("a"))
	require.False(t, w.of("b"))
	w.until["a"], w.tidy = time.Now().Add(-time.Second), time.Time{}
	require.False(t, w.of("a"))
	w.add("b")
	require.NotContains(t, w.until, "a")
}

// tlsMany returns a server that speaks TLS with the given settings, and options
// that trust it.
func tlsMany(t *testing.T, config *tls.Config, handler http.HandlerFunc) *HTTP {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	options := httpOptions(server.URL + "/{{target}}")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	options.TLS.CA = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(options.TLS.CA, pem.EncodeToMemory(block), 0o600))
	return options
}

func TestManyHTTPS(t *testing.T) {
	var asked sync.Map
	options := tlsMany(t, nil, func(_ http.ResponseWriter, r *http.Request) { asked.Store(r.Proto, true) })
	probeAll(t, openMany(t, options), targetsNamed(20, "shop-%d"), 2)
	_, isOld := asked.Load("HTTP/1.1")
	require.True(t, isOld)

	options.TLS.CA = ""
	address := strings.TrimSuffix(strings.TrimPrefix(options.URL, "https://"), "/{{target}}")
	requireUnhealthy(t, probeOne(t, openMany(t, options), named("a"), 5*time.Second),
		"TLS: certificate signed by an unknown authority while waiting for the answer of "+address)
}

// A server may speak nothing but HTTP/2.
func TestManyHTTP2Only(t *testing.T) {
	var asked sync.Map
	config := &tls.Config{}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if !slices.Contains(hello.SupportedProtos, "h2") {
			return nil, errors.New("no application protocol")
		}
		return nil, nil
	}
	options := tlsMany(t, config, func(_ http.ResponseWriter, r *http.Request) { asked.Store(r.Proto, true) })
	probeAll(t, openMany(t, options), targetsNamed(5, "shop-%d"), 2)
	_, isOld := asked.Load("HTTP/1.1")
	require.False(t, isOld)
}

func TestManyFollowsRedirects(t *testing.T) {
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "other got "+r.Header.Get("X-Key")+" for "+r.URL.Path)
	})
	var first atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		first.Add(1)
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	options := httpOptions(server.URL + "/{{target}}")
	options.Headers = map[string]option.Secret{"X-Key": option.NewSecret("k3y-of-the-first")}
	options.Observe = map[string]string{"said": "text"}
	result := probeOne(t, openMany(t, options), named("a"), 5*time.Second)
	requireHealthy(t, result)
	require.Equal(t, "other got  for /a", result.Facts["said"])
	require.EqualValues(t, 1, first.Load(), "the first server was asked again")
	options.FollowRedirects = false
	requireUnhealthy(t, probeOne(t, openMany(t, options), named("a"), 5*time.Second), "status >= 200 && status < 300: status is 307")
}

// Nothing outlives the probes: neither dials nor handshakes.
func TestManySurvivesSilence(t *testing.T) {
	silentServer, deafServer := silent(t), deaf(t)
	for _, options := range []Options{
		httpOptions("http://{{target}}/"), httpOptions("https://{{target}}/"),
		&TCP{Address: "{{target}}", TLS: true, ExpectPrefix: "x"},
	} {
		many := openMany(t, options)
		requireNoLeak(t, func() {
			for range 3 {
				result := probeOne(t, many, named(silentServer), 200*time.Millisecond)
				require.Contains(t, result.Message, "timeout after 200ms while ")
				result = probeOne(t, many, named(deafServer), 10*time.Second)
				require.Contains(t, result.Message, "connection refused while ")
			}
		})
	}
}

func TestManyTCP(t *testing.T) {
	address := echo(t)
	_, port, _ := net.SplitHostPort(address)
	many := openMany(t, &TCP{Address: "{{target}}:" + port, Send: `{{label "say"}}` + "\n", ExpectPrefix: "PONG"})
	require.IsType(t, &tcpMany{}, many)
	requireHealthy(t, probeOne(t, many, named("127.0.0.1", "say", "PONG"), 5*time.Second))
	requireHealthy(t, probeOne(t, many, named("localhost", "say", "PONG"), 5*time.Second))
	requireUnhealthy(t, probeOne(t, many, named("127.0.0.1", "say", "PANG"), 5*time.Second), `answer begins with "PANG…", not "PONG"`)
	requireNotProbed(t, probeOne(t, many, named("127.0.0.1"), 5*time.Second), `cannot be probed: send: target "127.0.0.1" has no label "say"`)
	require.Equal(t, "localhost", many.Host(named("localhost")))
	many = openMany(t, &TCP{Address: "{{target}}:x"})
	requireNotProbed(t, probeOne(t, many, named("a"), 5*time.Second), `cannot be probed: address: "a:x" has no port between 1 and 65535`)
}

func TestManyPrometheus(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "up{shop=%q} 1\n", r.URL.Path[1:])
	})
	options := prometheusKind().Options().(*Prometheus)
	options.URL, options.Metric = server.URL+"/{{target}}", "up"
	many := openMany(t, options)
	require.IsType(t, &webMany{}, many)
	result := probeOne(t, many, named("a"), 5*time.Second)
	requireHealthy(t, result)
	require.Equal(t, `up{shop="a"} is 1`, result.Message)

	options.Labels = map[string]string{"shop": "{{target}}"}
	many = openMany(t, options)
	require.IsType(t, &general{}, many, "what differs by target is compiled for each")
	requireHealthy(t, probeOne(t, many, named("b"), 5*time.Second))
	options.URL = server.URL + "/c"
	requireUnhealthy(t, probeOne(t, openMany(t, options), named("b"), 5*time.Second), `there is no up{shop="b"}, only up{shop="c"}`)
}

func TestManyOfAnyKind(t *testing.T) {
	server := realtest.Redis(t)
	options := redisKind().Options().(*Redis)
	options.Address = "{{target}}"
	many := openMany(t, options)
	require.IsType(t, &general{}, many)
	requireNoLeak(t, func() {
		for range 3 {
			requireHealthy(t, probeOne(t, many, named(server.Addr), 10*time.Second))
		}
		result := probeOne(t, many, named(deaf(t)), 10*time.Second)
		require.Contains(t, result.Message, "connection refused")
	})
	requireNotProbed(t, probeOne(t, many, named("redis.test"), 5*time.Second),
		`cannot be probed: address: "redis.test" is not an address; write host:port, like 127.0.0.1:9000`)

	options.Address = "redis.test:6379"
	options.Password = option.NewSecret("s3cret-{{target}}")
	_, err := OpenMany(options)
	require.EqualError(t, err, `password: holds {{target}} or {{label "name"}}, and secrets and names are the same for all targets`)
}

func TestHostOfATarget(t *testing.T) {
	many := &general{}
	for name, want := range map[string]string{
		"10.0.0.1:80": "10.0.0.1", "10.0.0.1": "10.0.0.1", "[::1]:80": "::1", "::1": "::1", "[::1]": "::1",
		"shop.test": "shop.test", "https://shop.test:8443/a?b:c": "shop.test", "https://shop.test?x": "shop.test", "a/b": "a",
	} {
		require.Equal(t, want, many.Host(named(name)), name)
	}
}
