package access

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"
)

// A proxy on this machine makes the whole world look like this machine.
func TestWithoutAccessNobodyComesInThroughAProxy(t *testing.T) {
	pages := guard(t, Options{}).Require(Viewer, false, who)
	here := func(r *http.Request) { r.RemoteAddr = "127.0.0.1:4711" }
	require.Equal(t, "local admin local", ask(pages, here).Body.String())
	for name, value := range map[string]string{
		"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "paramedic.example", "X-Real-IP": "203.0.113.9",
		"Forwarded": "for=203.0.113.9", "x-forwarded-for": "",
	} {
		require.Equal(t, 403, ask(pages, here, func(r *http.Request) { r.Header.Set(name, value) }).Code, name)
	}
}

// Whoever is held back cannot fill the log, nor with a long path.
func TestFailuresDoNotFloodTheLog(t *testing.T) {
	log := new(record)
	options := known()
	options.Log = log.logger()
	g := guard(t, options)
	h := g.SameOrigin(g.Require(Viewer, false, who))
	long := func(r *http.Request) { r.URL.Path = "/" + strings.Repeat("x", 10_000) }
	for range 10 * addressFailures {
		ask(h, bearer("wrong"), long)
	}
	require.Equal(t, addressFailures, strings.Count(log.String(), "log-in failed"))
	ask(h, long, func(r *http.Request) {
		r.Method = http.MethodPost
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	})
	ask(g.Require(Admin, false, who), bearer(viewerToken), long)
	require.Contains(t, log.String(), "another site")
	require.Contains(t, log.String(), "not allowed")
	require.Less(t, len(log.String()), 12*400)
}

// What is remembered of failures stays small, whatever is tried from wherever.
func TestFailuresAreRememberedInLittleRoom(t *testing.T) {
	g := guard(t, known())
	h := g.Require(Viewer, false, who)
	for i := range 5 {
		name := strings.Repeat(fmt.Sprint(i), 10_000)
		place := fmt.Sprintf("[2001:db8:%d::1]:4711", i)
		require.Equal(t, 401, ask(h, basic(name, "wrong"), func(r *http.Request) { r.RemoteAddr = place }).Code)
	}
	limits := g.inForce.Load().limits
	require.Len(t, limits.addresses.items, 5)
	for _, keys := range []int{len(limits.names.items), len(limits.known.items)} {
		require.Zero(t, keys)
	}
	require.Equal(t, 401, ask(h, basic(strings.Repeat("x", longestName), "wrong")).Code)
	require.Len(t, limits.names.items, 1)
}

func TestNamesAreOneVisibleLine(t *testing.T) {
	for given, want := range map[string]string{
		" ana\r\n\tpérez ": "ana pérez", "a\u202eb\u2066c\u200fd": "a b c d", "x\u009b31m\x1b[0m": "x 31m [0m", "a\xffb": "ab", "\u2028": "",
	} {
		require.Equal(t, want, plainName(given))
	}
}

// begin begins a log-in, and returns its state.
func begin(t *testing.T, client *http.Client, address string) string {
	t.Helper()
	response, _ := get(t, stopAt(client, mockoidc.AuthorizationEndpoint), address+"/login?to="+url.QueryEscape("/"+strings.Repeat("x", 900)))
	at, err := url.Parse(response.Header.Get("Location"))
	require.NoError(t, err)
	return at.Query().Get("state")
}

// Log-ins that are begun over and over must not make requests too long.
func TestLogInsThatAreNotCompletedAreForgotten(t *testing.T) {
	m := provide(t)
	s := open(t, m)
	ana := browser(t)
	home, err := url.Parse(s.URL)
	require.NoError(t, err)
	ana.Jar.SetCookies(home, []*http.Cookie{{Name: "paramedic-login-nonsense", Value: "nonsense"}, {Name: "other", Value: "stays"}})
	var states []string
	for range flowsAtOnce + 3 {
		states = append(states, begin(t, ana, s.URL))
		s.clock.add(time.Second)
	}
	names := map[string]bool{}
	for _, cookie := range ana.Jar.Cookies(home) {
		names[cookie.Name] = true
	}
	require.Len(t, names, flowsAtOnce+1)
	require.Contains(t, names, "other")
	for i, state := range states {
		require.Equal(t, i >= 3, names["paramedic-"+flowCookie(state)], "the latest are kept")
	}
}

// Nobody can have the provider asked as often as they like by asking many times
// at once.
func TestManyCallbacksAtOnceAreHeldBack(t *testing.T) {
	var asked atomic.Int64
	release := make(chan struct{})
	m := provide(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == mockoidc.TokenEndpoint {
				asked.Add(1)
				<-release
			}
			next.ServeHTTP(w, r)
		})
	})
	s := open(t, m)
	const many = 3 * addressFailures
	codes := make(chan int, many)
	var group sync.WaitGroup
	for range many {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		mallory := &http.Client{Jar: jar}
		state := begin(t, mallory, s.URL)
		group.Go(func() {
			response, err := mallory.Get(fmt.Sprintf("%s%s?code=guess&state=%s", s.URL, callbackPath, state))
			if err == nil {
				codes <- response.StatusCode
				_ = response.Body.Close()
			}
		})
	}
	for range many - addressFailures {
		require.Equal(t, http.StatusTooManyRequests, <-codes)
	}
	close(release)
	group.Wait()
	require.LessOrEqual(t, asked.Load(), int64(2*addressFailures), "a client tries two ways to show its secret")
}
