package access

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestForwardedAddresses(t *testing.T) {
	trusting := guard(t, Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}})
	plain := guard(t, Options{})
	for _, c := range []struct{ remote, forwarded, want string }{
		{"10.0.0.1:1", "192.0.2.7", "192.0.2.7"},
		{"10.0.0.1:1", "127.0.0.1, 192.0.2.7", "192.0.2.7"},
		{"10.0.0.1:1", "203.0.113.9, 192.0.2.7, 10.0.0.2", "192.0.2.7"},
		{"[fd00::1]:1", "2001:db8::7", "2001:db8::7"},
		{"10.0.0.1:1", "", "10.0.0.1"},
		{"10.0.0.1:1", "nonsense", "10.0.0.1"},
		{"10.0.0.1:1", "10.0.0.3", "10.0.0.3"},
		{"192.0.2.1:1", "127.0.0.1", "192.0.2.1"},
		{"nonsense", "127.0.0.1", "invalid IP"},
	} {
		r := request("/")
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		require.Equal(t, c.want, trusting.inForce.Load().address(r).String(), c)
		direct, err := netip.ParseAddrPort(c.remote)
		if err == nil {
			require.Equal(t, direct.Addr(), plain.inForce.Load().address(r), "nobody is believed unless it is configured")
		}
	}
	r := request("/")
	r.RemoteAddr = "192.0.2.1:1"
	r.Header.Set("X-Forwarded-For", "127.0.0.1")
	answer := httptest.NewRecorder()
	plain.Require(Admin, false, who).ServeHTTP(answer, r)
	require.Equal(t, 403, answer.Code)
}

func TestSameOrigin(t *testing.T) {
	g := guard(t, Options{PublicURL: "https://paramedic.example"})
	h := g.SameOrigin(who)
	for name, c := range map[string]struct {
		method  string
		headers map[string]string
		code    int
	}{
		"a program":              {"POST", nil, 200},
		"our own page":           {"POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		"typed by the user":      {"POST", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		"another site":           {"POST", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"a neighbour":            {"POST", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"another site deletes":   {"DELETE", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"another site looks":     {"GET", map[string]string{"Sec-Fetch-Site": "cross-site"}, 200},
		"an old browser":         {"POST", map[string]string{"Origin": "http://example.com"}, 200},
		"an old browser abroad":  {"PUT", map[string]string{"Origin": "https://evil.example"}, 403},
		"a sandbox":              {"POST", map[string]string{"Origin": "null"}, 403},
		"through a proxy":        {"POST", map[string]string{"Origin": "https://paramedic.example"}, 200},
		"through a proxy abroad": {"POST", map[string]string{"Origin": "https://paramedic.example.evil.example"}, 403},
	} {
		for _, accept := range []string{"application/json", "text/html,*/*"} {
			r := httptest.NewRequest(c.method, "http://example.com/api/v1/x", strings.NewReader("x=1"))
			r.Header.Set("Accept", accept)
			for key, value := range c.headers {
				r.Header.Set(key, value)
			}
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, r)
			require.Equal(t, c.code, answer.Code, name)
			if c.code == 403 && accept == "application/json" {
				require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
			} else if c.code == 403 {
				require.Contains(t, answer.Body.String(), "asked for by another site")
			}
		}
	}
}

// What people type is not logged, unless it is the name of somebody.
func TestFailedLogInsAreLogged(t *testing.T) {
	log := new(record)
	options := known()
	options.Log = log.logger()
	api := guard(t, options).Require(Viewer, false, who)
	ask(api, basic("ana", "wrong-word-1"))
	require.Contains(t, log.String(), `reason="wrong password" name=ana from=192.0.2.1 path=/api/v1/services`)
	ask(api, basic("typed-password-2", ""))
	ask(api, bearer("wrong-token-3"))
	for _, secret := range []string{"wrong-word-1", "typed-password-2", "wrong-token-3"} {
		require.NotContains(t, log.String(), secret)
	}
}

func TestEveryTextIsInBothLanguages(t *testing.T) {
	require.Len(t, texts["es"], len(texts["en"]))
	for reason, english := range texts["en"] {
		spanish := texts["es"][reason]
		require.NotEmpty(t, english.title+english.body, reason)
		require.NotEqual(t, english, spanish, reason)
		for _, hole := range []string{"{name}", "{role}"} {
			require.Equal(t, strings.Contains(english.body, hole), strings.Contains(spanish.body, hole), reason)
		}
	}
	require.Len(t, words["es"], len(words["en"]))
	r := request("/")
	r.Header.Set("Accept-Language", "en")
	r.AddCookie(&http.Cookie{Name: "language", Value: "es"})
	require.Equal(t, "es", languageOf(r))
}

func TestShelf(t *testing.T) {
	clock := newClock()
	s := newShelf[int](2, clock.now)
	until := clock.now().Add(time.Minute)
	require.True(t, s.put("a", 1, until))
	require.False(t, s.put("a", 2, until))
	s.put("b", 3, until)
	_, ok := s.get("a") // now b is the one that was used least recently
	require.True(t, ok)
	s.put("c", 4, until)
	_, ok = s.get("b")
	require.False(t, ok)
	value, ok := s.get("a")
	require.True(t, ok)
	require.Equal(t, 2, value)
	clock.add(time.Minute)
	_, ok = s.get("a")
	require.False(t, ok)
	require.True(t, s.put("c", 5, clock.now().Add(time.Minute)))
	require.Len(t, s.items, 1)
	require.Equal(t, 1, s.order.Len())
}

// The pages show notices once they are there, and go on after a replacement.
func TestNoticesAreShownByThePages(t *testing.T) {
	options := known()
	g := guard(t, options)
	pages := g.Require(Admin, true, who)
	require.Contains(t, ask(pages).Body.String(), "<h1>Sign in</h1>")

	g.ShowNotices(func(w http.ResponseWriter, r *http.Request, notice Notice) {
		w.WriteHeader(notice.Status)
		_, _ = w.Write([]byte(From(r.Context()).Name + ": " + notice.Title + " " + notice.Links[0].Address))
	})
	require.NoError(t, replace(g, options))
	require.Equal(t, ": Sign in /", ask(pages).Body.String())
	refused := ask(pages, bearer(operatorToken))
	require.Equal(t, 403, refused.Code)
	require.Equal(t, "ci: Not allowed /", refused.Body.String(), "the page knows who is logged in")
	require.Contains(t, ask(g.Require(Admin, false, who)).Header().Get("Content-Type"), "problem+json", "programs get none")
}
