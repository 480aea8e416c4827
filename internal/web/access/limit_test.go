package access

import (
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

func from(address string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(address), 4711).String() }
}

// counted replaces bcrypt's comparison by one that counts.
func counted(g *Guard) *atomic.Int32 {
	var calls atomic.Int32
	g.inForce.Load().users.compare = func(hash, password []byte) error {
		calls.Add(1)
		return bcrypt.CompareHashAndPassword(hash, password)
	}
	return &calls
}

func clocked(t *testing.T, options Options) (*Guard, *clock) {
	t.Helper()
	c := newClock()
	options.Now = c.now
	return guard(t, options), c
}

func TestFailuresOfAnAddressAreLimited(t *testing.T) {
	for name, wrong := range map[string]func(*http.Request){
		"a token": bearer("wrong"), "a password": basic("ana", "wrong"), "a name": basic("eve", "wrong"),
		"nothing that can be read": func(r *http.Request) { r.Header.Set("Authorization", "?") },
	} {
		g, clock := clocked(t, known())
		api := g.Require(Viewer, false, who)
		for range addressFailures {
			require.Equal(t, 401, ask(api, wrong).Code, name)
		}
		calls := counted(g)
		limited := ask(api, wrong)
		require.Equal(t, 429, limited.Code, name)
		require.Equal(t, "application/problem+json", limited.Header().Get("Content-Type"))
		seconds, err := strconv.Atoi(limited.Header().Get("Retry-After"))
		require.NoError(t, err)
		require.Equal(t, 10, seconds)
		require.Equal(t, 429, ask(g.Require(Viewer, true, who), wrong).Code)
		require.Equal(t, 429, ask(api, basic("ana", adminPassword)).Code, "a guess tells nothing any more")
		require.Zero(t, calls.Load(), "and costs nothing")

		require.Equal(t, 200, ask(api, wrong, from("198.51.100.1"), basic("ana", adminPassword)).Code, "elsewhere nothing has changed")
		require.Equal(t, 200, ask(api, bearer(viewerToken)).Code, "a token cannot be guessed, so it is always let in")
		require.Equal(t, 200, ask(g.Require(Public, false, who), wrong).Code, "what is public stays so")

		clock.add(time.Duration(seconds) * time.Second)
		require.Equal(t, 401, ask(api, wrong).Code, "one more try")
		require.Equal(t, 429, ask(api, wrong).Code, name)
		clock.add(addressFailures * addressRecovers)
		require.Equal(t, 200, ask(api, basic("ana", adminPassword)).Code, name)
	}
}

func TestSuccessIsNotLimited(t *testing.T) {
	g, clock := clocked(t, known())
	api := g.Require(Viewer, false, who)
	for range 5 * addressFailures {
		require.Equal(t, 200, ask(api, basic("ana", adminPassword)).Code)
		require.Equal(t, 200, ask(api, bearer(viewerToken)).Code)
		clock.add(verifiedFor) // so that the password is verified each time
	}
	for range 5 * addressFailures { // also without time to recover
		g.inForce.Load().users.verified = newShelf[Identity](verifiedSize, clock.now)
		require.Equal(t, 200, ask(api, basic("ana", adminPassword)).Code)
	}
}

// Whoever tries somebody's name from many addresses shuts that name to new
// addresses, not to those that somebody has logged in from.
func TestFailuresOfANameAreLimited(t *testing.T) {
	g, clock := clocked(t, known())
	api := g.Require(Viewer, false, who)
	require.Equal(t, 200, ask(api, from("203.0.113.1"), basic("ana", adminPassword)).Code)
	for i := range nameFailures {
		require.Equal(t, 401, ask(api, from(fmt.Sprintf("198.51.100.%d", i+1)), basic("ana", "wrong"+strconv.Itoa(i))).Code)
	}
	require.Equal(t, 429, ask(api, from("198.51.100.200"), basic("ana", "wrong")).Code)
	require.Equal(t, 429, ask(api, from("198.51.100.201"), basic("ana", adminPassword)).Code)
	g.inForce.Load().users.verified = newShelf[Identity](verifiedSize, clock.now)
	require.Equal(t, 200, ask(api, from("203.0.113.1"), basic("ana", adminPassword)).Code, "her own address")
	require.Equal(t, 200, ask(api, from("198.51.100.200"), bearer(operatorToken)).Code, "tokens have no name to try")
	require.Equal(t, 401, ask(api, from("203.0.113.1"), basic("ana", "wrong")).Code)

	// Names that nobody has are limited alike, or the limit would tell them apart.
	for i := range nameFailures {
		require.Equal(t, 401, ask(api, from(fmt.Sprintf("198.51.100.%d", i+1)), basic("eve", "wrong")).Code)
		clock.add(time.Second)
	}
	require.Equal(t, 429, ask(api, from("198.51.100.202"), basic("eve", "wrong")).Code)
}

// Many at once do not slip through before the first has failed.
func TestLimitHoldsAtOnce(t *testing.T) {
	g, _ := clocked(t, known())
	api := g.Require(Viewer, false, who)
	calls := counted(g)
	var group sync.WaitGroup
	for i := range 20 * addressFailures {
		group.Go(func() { ask(api, basic("ana", "guess"+strconv.Itoa(i))) })
	}
	group.Wait()
	require.EqualValues(t, addressFailures, calls.Load())
}

func TestLimitsAreBounded(t *testing.T) {
	l := newLimits(newClock().now)
	for i := range 3 * limitSize {
		l.begin(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), strconv.Itoa(i))
		l.welcome(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), strconv.Itoa(i))
	}
	require.LessOrEqual(t, len(l.addresses.items), limitSize)
	require.LessOrEqual(t, len(l.names.items), limitSize)
	require.LessOrEqual(t, len(l.known.items), limitSize)
}

func TestANeighbourhoodIsLimitedTogether(t *testing.T) {
	g, _ := clocked(t, known())
	api := g.Require(Viewer, false, who)
	for i := range addressFailures {
		require.Equal(t, 401, ask(api, from(fmt.Sprintf("2001:db8:1:2::%x", i+1)), bearer("wrong")).Code)
	}
	require.Equal(t, 429, ask(api, from("2001:db8:1:2:ffff::1"), bearer("wrong")).Code)
	require.Equal(t, 401, ask(api, from("2001:db8:1:3::1"), bearer("wrong")).Code)
}

// A password is verified once for many requests, and again after a while.
func TestPasswordsAreVerifiedOnce(t *testing.T) {
	g, clock := clocked(t, known())
	calls := counted(g)
	api := g.Require(Viewer, false, who)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if code := ask(api, basic("ana", adminPassword)).Code; code != 200 {
				t.Errorf("answered %d", code)
			}
		})
	}
	group.Wait()
	require.LessOrEqual(t, calls.Load(), int32(3), "who comes while it is verified waits for that")
	before := calls.Load()
	clock.add(verifiedFor - time.Second)
	require.Equal(t, 200, ask(api, basic("ana", adminPassword)).Code)
	require.Equal(t, before, calls.Load())
	clock.add(time.Second)
	require.Equal(t, 200, ask(api, basic("ana", adminPassword)).Code)
	require.Equal(t, before+1, calls.Load())

	require.Equal(t, 401, ask(api, basic("ana", adminPassword+"x")).Code)
	require.Equal(t, 401, ask(api, basic("an", "a"+adminPassword)).Code)
	require.Equal(t, before+3, calls.Load(), "what is wrong is not remembered, and an unknown name costs as much")
	for key := range g.inForce.Load().users.verified.items {
		require.NotContains(t, key, adminPassword)
	}
}

// bcrypt reads 72 bytes; what follows must not be taken for right.
func TestPasswordsAreReadToTheirEnd(t *testing.T) {
	long := strings.Repeat("x", longestPassword)
	hash, err := bcrypt.GenerateFromPassword([]byte(long), bcrypt.MinCost)
	require.NoError(t, err)
	api := guard(t, Options{Users: []User{{"ana", string(hash), Admin}}}).Require(Viewer, false, who)
	require.Equal(t, 200, ask(api, basic("ana", long)).Code)
	require.Equal(t, 401, ask(api, basic("ana", long+"y")).Code)
}

// The cost of a verified request is that of a lookup.
func TestVerifiedRequestsAreCheap(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte(adminPassword), 10)
	require.NoError(t, err)
	g := guard(t, Options{Users: []User{{"ana", string(hash), Admin}}})
	api := g.Require(Viewer, false, who)
	begin := time.Now()
	require.Equal(t, 200, ask(api, basic("ana", adminPassword)).Code)
	first := time.Since(begin)
	const times = 200
	begin = time.Now()
	for range times {
		require.Equal(t, 200, ask(api, basic("ana", adminPassword)).Code)
	}
	require.Less(t, time.Since(begin)/times, first/10, "the first took %s", first)
}

// Verifying passwords leaves CPU for everything else, and whoever would have to
// wait for long is told so.
func TestFewPasswordsAreVerifiedAtOnce(t *testing.T) {
	g := guard(t, known())
	const crowd = 40
	var running atomic.Int32
	release := make(chan struct{})
	g.inForce.Load().users.compare = func(hash, password []byte) error {
		running.Add(1)
		<-release
		return bcrypt.CompareHashAndPassword(hash, password)
	}
	logIn := func(i int) int {
		return ask(g.Require(Viewer, false, who), from(fmt.Sprintf("198.51.100.%d", i)), basic("user"+strconv.Itoa(i), "guess")).Code
	}
	var group sync.WaitGroup
	for i := range crowd {
		group.Go(func() { logIn(i) })
	}
	require.Eventually(t, func() bool {
		g.inForce.Load().limits.names.mu.Lock()
		defer g.inForce.Load().limits.names.mu.Unlock()
		return len(g.inForce.Load().limits.names.items) == crowd && int(running.Load()) >= cap(g.inForce.Load().users.slots)
	}, 5*time.Second, time.Millisecond)
	require.EqualValues(t, max(1, runtime.GOMAXPROCS(0)/2), running.Load())
	close(release)
	group.Wait()
	require.EqualValues(t, crowd, running.Load(), "all had their turn")

	for range cap(g.inForce.Load().users.slots) {
		g.inForce.Load().users.slots <- struct{}{}
	}
	g.inForce.Load().users.slotWait = time.Millisecond
	for range 2 * addressFailures {
		require.Equal(t, 503, logIn(crowd), "it is no failure of theirs")
	}
}
