package resolve

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// zone has names with TTLs of all sizes.
const zone = `
www 30 IN A 127.0.0.1
short 5 IN A 127.0.0.1
alias 600 IN CNAME short
long 86400 IN A 127.0.0.1
zero 0 IN A 127.0.0.1
three 60 IN A 127.0.0.1
three 60 IN A 127.0.0.2
three 60 IN A 127.0.0.3
both 60 IN A 127.0.0.1
both 60 IN AAAA ::1
`

// fixture is a dialer that asks a real server of names, by a clock of its own.
type fixture struct {
	*Dialer
	server *realtest.Process
	asked  atomic.Int64 // questions of all kinds
	byTCP  atomic.Int64
	mu     sync.Mutex
	ahead  time.Duration
}

func newFixture(t *testing.T, records string) *fixture {
	t.Helper()
	f := &fixture{Dialer: New(), server: realtest.DNS(t, "shop.test", records)}
	f.names.now = func() time.Time {
		f.mu.Lock()
		defer f.mu.Unlock()
		return time.Now().Add(f.ahead)
	}
	f.names.dialServer = func(ctx context.Context, network, _ string) (net.Conn, error) {
		f.asked.Add(1)
		if network == "tcp" {
			f.byTCP.Add(1)
		}
		return new(net.Dialer).DialContext(ctx, network, f.server.Addr)
	}
	return f
}

// pass lets time pass.
func (f *fixture) pass(span time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead += span
}

// questions returns how many were asked since it was last called.
func (f *fixture) questions() int { return int(f.asked.Swap(0)) }

// listen accepts connections on an address until the test or the returned
// function ends it.
func listen(t *testing.T, address string) (port string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	})
	stop = func() { _ = listener.Close(); accepting.Wait() }
	t.Cleanup(stop)
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port, stop
}

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// reach connects to host:port and returns the address at the other end.
func (f *fixture) reach(t *testing.T, host, port string) string {
	t.Helper()
	conn, err := f.DialContext(within(t, 10*time.Second), "tcp", net.JoinHostPort(host, port))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	return conn.RemoteAddr().(*net.TCPAddr).IP.String()
}

// Each look at a name is two questions, one for each family of addresses.
const look = 2

func TestAnswersAreKeptForAsLongAsTheySay(t *testing.T) {
	f := newFixture(t, zone)
	port, _ := listen(t, "127.0.0.1:0")
	for host, kept := range map[string]time.Duration{
		"www": 30 * time.Second, "alias": 5 * time.Second, "long": mostKept, "zero": leastKept,
	} {
		for range 20 {
			f.reach(t, host+".shop.test.", port)
		}
		require.Equal(t, look, f.questions(), host)
		f.pass(kept - 500*time.Millisecond)
		f.reach(t, host+".shop.test.", port)
		require.Zero(t, f.questions(), "%s was forgotten too early", host)
		f.pass(time.Second)
		f.reach(t, host+".shop.test.", port)
		require.Equal(t, look, f.questions(), "%s was kept too long", host)
	}
}

func TestAnswersByStreamAreHeardToo(t *testing.T) {
	var records strings.Builder
	for i := range 200 {
		fmt.Fprintf(&records, "many 40 IN A 127.0.1.%d\n", i+1)
	}
	f := newFixture(t, records.String())
	known, err := f.names.find(within(t, 10*time.Second), "many.shop.test.")
	require.NoError(t, err)
	require.Len(t, known.addresses, 200)
	require.Positive(t, f.byTCP.Load())
	require.WithinDuration(t, known.asked.Add(40*time.Second), known.until, 2*time.Second)
}

func TestOneNameIsAskedForOnce(t *testing.T) {
	f := newFixture(t, zone)
	port, _ := listen(t, "127.0.0.1:0")
	var together sync.WaitGroup
	for range 50 {
		together.Go(func() {
			conn, err := f.DialContext(within(t, 10*time.Second), "tcp", "www.shop.test.:"+port)
			if err == nil {
				err = conn.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	require.Equal(t, look, f.questions())
}

// Whoever asks may run out of time; those who wait for the same name must not
// fail for it.
func TestAnotherGoesOnAsking(t *testing.T) {
	f := newFixture(t, zone)
	ask := f.names.dialServer
	first := make(chan struct{})
	var once sync.Once
	f.names.dialServer = func(ctx context.Context, network, address string) (net.Conn, error) {
		isFirst := false
		once.Do(func() { isFirst = true; close(first) })
		if isFirst {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return ask(ctx, network, address)
	}
	hasty, giveUp := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	asking.Go(func() {
		if _, err := f.names.find(hasty, "www.shop.test."); err == nil {
			t.Error("the name was found in no time")
		}
	})
	<-first
	var found *answer
	var err error
	asking.Go(func() { found, err = f.names.find(within(t, 10*time.Second), "www.shop.test.") })
	giveUp()
	asking.Wait()
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{netip.MustParseAddr("127.0.0.1")}, found.addresses)
}

func TestFailuresAreKeptForASecond(t *testing.T) {
	f := newFixture(t, zone)
	for range 5 {
		_, err := f.DialContext(within(t, 10*time.Second), "tcp", "nobody.shop.test.:80")
		var unknown *net.DNSError
		require.ErrorAs(t, err, &unknown)
		require.True(t, unknown.IsNotFound)
		require.Equal(t, "nobody.shop.test.", unknown.Name)
	}
	require.Equal(t, look, f.questions())
	f.pass(leastKept)
	_, err := f.DialContext(within(t, 10*time.Second), "tcp", "nobody.shop.test.:80")
	require.Error(t, err)
	require.Equal(t, look, f.questions())
}

func TestNamesOfThisMachineAreGosOwn(t *testing.T) {
	f := newFixture(t, zone)
	port, _ := listen(t, "127.0.0.1:0")
	require.Equal(t, "127.0.0.1", f.reach(t, "127.0.0.1", port))
	require.Equal(t, "127.0.0.1", f.reach(t, "localhost", port))
	known, err := f.names.find(within(t, 10*time.Second), "localhost")
	require.NoError(t, err)
	require.WithinDuration(t, known.asked.Add(hostsKept), known.until, time.Second)
	require.Zero(t, f.questions())
}

func TestAddressesTakeTurns(t *testing.T) {
	f := newFixture(t, zone)
	port, _ := listen(t, "0.0.0.0:0")
	reached := map[string]int{}
	for range 9 {
		reached[f.reach(t, "three.shop.test.", port)]++
	}
	require.Equal(t, map[string]int{"127.0.0.1": 3, "127.0.0.2": 3, "127.0.0.3": 3}, reached)
}

func TestADeadAddressIsPassedOver(t *testing.T) {
	f := newFixture(t, zone)
	port, _ := listen(t, "127.0.0.2:0")
	for range 6 {
		require.Equal(t, "127.0.0.2", f.reach(t, "three.shop.test.", port))
	}
	require.Equal(t, look, f.questions(), "addresses that work were asked for again")
}

func TestAnAddressThatMovedIsAskedForAgain(t *testing.T) {
	f := newFixture(t, "www 300 IN A 127.0.0.1")
	port, stop := listen(t, "127.0.0.1:0")
	f.reach(t, "www.shop.test.", port)
	stop()
	_, _ = listen(t, "127.0.0.2:"+port)
	f.rewrite(t, "127.0.0.1", "127.0.0.2")
	f.names.answers["www.shop.test."].asked = time.Now().Add(-time.Minute)
	f.questions()
	require.Equal(t, "127.0.0.2", f.reach(t, "www.shop.test.", port))
	require.Equal(t, look, f.questions())
	require.Equal(t, "127.0.0.2", f.reach(t, "www.shop.test.", port))
	require.Zero(t, f.questions())
}

func TestADeadServerIsNotAskedForByEachProbe(t *testing.T) {
	f := newFixture(t, zone)
	address := realtest.FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	for range 20 {
		_, err := f.DialContext(within(t, 10*time.Second), "tcp", "www.shop.test.:"+port)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	}
	require.Equal(t, look, f.questions())
	f.names.answers["www.shop.test."].asked = time.Now().Add(-time.Minute)
	_, err := f.DialContext(within(t, 10*time.Second), "tcp", "www.shop.test.:"+port)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Equal(t, look, f.questions())
}

// rewrite changes the server's zone and starts it again.
func (f *fixture) rewrite(t *testing.T, from, to string) {
	t.Helper()
	file := filepath.Join(f.server.Dir, "zone")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	f.server.Kill()
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "www 300 IN A "+from, "www 300 IN A "+to)), 0o600))
	f.server.Start()
}

func TestBothFamiliesAreTried(t *testing.T) {
	f := newFixture(t, zone)
	port, _ := listen(t, "127.0.0.1:0")
	require.Equal(t, "127.0.0.1", f.reach(t, "both.shop.test.", port), "nobody listens on the other")

	// One family leads nowhere: that must not cost the whole time limit.
	f.dialer.ControlContext = func(ctx context.Context, network, _ string, _ syscall.RawConn) error {
		if network == "tcp6" {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	start := time.Now()
	conn, err := f.race(within(t, 10*time.Second), route{"tcp", port},
		[]netip.Addr{netip.MustParseAddr("::1")}, []netip.Addr{netip.MustParseAddr("127.0.0.1")})
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestNoMoreNamesAreKeptThanFit(t *testing.T) {
	n := newNames()
	n.limit = 10
	good := time.Now().Add(time.Minute)
	for i := range 100 {
		n.keep(fmt.Sprint(i), &answer{until: good})
		require.LessOrEqual(t, len(n.answers), 10)
		require.Contains(t, n.answers, fmt.Sprint(i))
	}
	n.answers = map[string]*answer{"good": {until: good}}
	for i := range 9 {
		n.answers[fmt.Sprint(i)] = &answer{until: time.Now().Add(-time.Minute)}
	}
	n.keep("new", &answer{until: good})
	require.Len(t, n.answers, 2, "what is out of date goes before what is good")
	require.Contains(t, n.answers, "good")
}

func TestNothingRunsOn(t *testing.T) {
	f := newFixture(t, zone)
	f.names.dialServer = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	before := runtime.NumGoroutine()
	for range 10 {
		_, err := f.DialContext(within(t, 20*time.Millisecond), "tcp", "www.shop.test.:80")
		require.ErrorContains(t, err, "www.shop.test.")
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "%d goroutines before, %d after", before, runtime.NumGoroutine())
	}
	require.Empty(t, f.names.asking)
}
