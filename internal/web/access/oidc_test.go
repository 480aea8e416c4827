package access

import (
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
)

// provide starts an OpenID Connect provider.
func provide(t *testing.T, middleware ...func(http.Handler) http.Handler) *mockoidc.MockOIDC {
	t.Helper()
	m, err := mockoidc.NewServer(nil)
	require.NoError(t, err)
	m.AccessTTL = 24 * time.Hour // tests move the clock of the website alone
	for _, around := range middleware {
		require.NoError(t, m.AddMiddleware(around))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, m.Start(listener, nil))
	t.Cleanup(func() { _ = m.Shutdown() })
	return m
}

// site is a guarded website and the people who visit it.
type site struct {
	*httptest.Server
	guard *Guard
	log   *record
	clock *clock
}

// open starts a website whose people sign in at m. It has pages for everybody
// from viewers up, and an endpoint of operators for programs.
func open(t *testing.T, m *mockoidc.MockOIDC, prepare ...func(*Options)) *site {
	t.Helper()
	s := &site{log: new(record), clock: newClock()}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux := http.NewServeMux()
		mux.Handle("/", s.guard.SameOrigin(s.guard.Require(Viewer, true, who)))
		mux.Handle("/api/", s.guard.Require(Operator, false, who))
		for path, handler := range s.guard.Routes() {
			mux.Handle(path, handler)
		}
		mux.ServeHTTP(w, r)
	}))
	server.Start()
	t.Cleanup(server.Close)
	s.Server = server
	options := Options{
		PublicURL: server.URL, Log: s.log.logger(), Now: s.clock.now,
		OIDC: &OIDC{
			Issuer: m.Issuer(), ClientID: m.ClientID, ClientSecret: option.NewSecret(m.ClientSecret),
			Roles: map[string]Role{"ops": Operator, "engineering": Viewer, "root": Admin},
		},
	}
	for _, p := range prepare {
		p(&options)
	}
	s.guard = guard(t, options)
	return s
}

// browser keeps cookies and follows redirects.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Jar: jar, Timeout: 10 * time.Second}
}

// stopAt makes a browser stop before it goes to an address with path.
func stopAt(client *http.Client, path string) *http.Client {
	stopping := *client
	stopping.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == path {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &stopping
}

func get(t *testing.T, client *http.Client, address string) (*http.Response, string) {
	t.Helper()
	response, err := client.Get(address)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func somebody(groups ...string) *mockoidc.MockUser {
	return &mockoidc.MockUser{Subject: "4711", PreferredUsername: "ana", Email: "ana@example.org", Groups: groups}
}

func TestSignIn(t *testing.T) {
	m := provide(t)
	s := open(t, m)
	for groups, want := range map[string]string{
		"ops": "ana operator oidc", "engineering": "ana viewer oidc", "engineering root ops": "ana admin oidc",
	} {
		m.QueueUser(somebody(strings.Fields(groups)...))
		ana := browser(t)
		response, body := get(t, ana, s.URL+"/services/web?tab=log")
		require.Equal(t, 200, response.StatusCode, body)
		require.Equal(t, want, body)
		require.Equal(t, s.URL+"/services/web?tab=log", response.Request.URL.String(), "people come back to where they went")
		response, _ = get(t, ana, s.URL+"/api/v1/x")
		require.Equal(t, map[bool]int{true: 200, false: 403}[groups != "engineering"], response.StatusCode)
	}
	requireNoSecrets(t, s, m)
}

// requireNoSecrets looks for what must not be told through the log.
func requireNoSecrets(t *testing.T, s *site, m *mockoidc.MockOIDC) {
	t.Helper()
	require.NotContains(t, s.log.String(), m.ClientSecret)
	for code := range m.SessionStore.Store {
		require.NotContains(t, s.log.String(), code)
	}
}

// What goes to the provider and what is kept in the browser.
func TestSignInIsProtected(t *testing.T) {
	m := provide(t)
	s := open(t, m, func(o *Options) { o.TLS = true })
	response, _ := get(t, stopAt(browser(t), mockoidc.AuthorizationEndpoint), s.URL+"/login?to=/x")
	asked, err := response.Location()
	require.NoError(t, err)
	query := asked.Query()
	require.Equal(t, "code", query.Get("response_type"))
	require.Equal(t, "S256", query.Get("code_challenge_method"))
	require.Equal(t, "openid profile email groups", query.Get("scope"))
	require.Equal(t, s.URL+"/oidc/callback", query.Get("redirect_uri"))
	for _, name := range []string{"code_challenge", "state", "nonce"} {
		require.GreaterOrEqual(t, len(query.Get(name)), 26, name)
	}
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	cookie := response.Cookies()[0]
	require.True(t, strings.HasPrefix(cookie.Name, "__Host-paramedic-login-"), cookie.Name)
	require.True(t, cookie.HttpOnly && cookie.Secure)
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	require.Equal(t, "/", cookie.Path)
	for _, secret := range []string{query.Get("state"), query.Get("nonce"), "verifier"} {
		require.NotContains(t, cookie.Value, secret)
	}
	require.Equal(t, int(flowFor.Seconds()), cookie.MaxAge)
}

// signIn goes through the provider and stops before the callback, whose
// address it returns.
func (s *site) signIn(t *testing.T, client *http.Client) *url.URL {
	t.Helper()
	response, body := get(t, stopAt(client, callbackPath), s.URL+"/login?to=/x")
	callback, err := response.Location()
	require.NoError(t, err, body)
	return callback
}

func TestCallbackRefuses(t *testing.T) {
	m := provide(t)
	s := open(t, m)
	change := func(name, value string) func(*url.URL) {
		return func(u *url.URL) {
			query := u.Query()
			query.Set(name, value)
			u.RawQuery = query.Encode()
		}
	}
	for name, c := range map[string]struct {
		change func(*url.URL)
		wait   time.Duration
		want   string
	}{
		"another state":   {change("state", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 0, "Sign in again"},
		"no state":        {change("state", ""), 0, "Sign in again"},
		"a strange state": {change("state", "../../etc;x=1"), 0, "Sign in again"},
		"too late":        {func(*url.URL) {}, flowFor, "Sign in again"},
		"another code":    {change("code", "made-up-code"), 0, "Not signed in"},
		"no code":         {change("code", ""), 0, "Not signed in"},
		"a refusal":       {change("error", "access_denied"), 0, "Not signed in"},
	} {
		m.QueueUser(somebody("root"))
		ana := browser(t)
		callback := s.signIn(t, ana)
		c.change(callback)
		s.clock.add(c.wait)
		response, body := get(t, stopAt(ana, "/x"), callback.String())
		require.Equal(t, http.StatusForbidden, response.StatusCode, name)
		require.Contains(t, body, "<h1>"+c.want+"</h1>", name)
		require.Contains(t, body, `<a href="/login?to=%2F">Sign in</a>`, name)
		for _, cookie := range response.Cookies() {
			require.Empty(t, cookie.Value, "%s: no session", name)
		}
		s.clock.add(time.Minute)
	}
	require.NotContains(t, s.log.String(), "made-up-code")
	requireNoSecrets(t, s, m)
}

// A callback serves one browser, once.
func TestCallbackIsNotReplayed(t *testing.T) {
	m := provide(t)
	s := open(t, m)
	m.QueueUser(somebody("ops"))
	ana := browser(t)
	callback := s.signIn(t, ana)

	response, _ := get(t, browser(t), callback.String())
	require.Equal(t, http.StatusForbidden, response.StatusCode, "another browser did not begin this")

	home, err := url.Parse(s.URL)
	require.NoError(t, err)
	kept := ana.Jar.Cookies(home)
	response, body := get(t, ana, callback.String())
	require.Equal(t, 200, response.StatusCode, body)

	thief := browser(t) // with the cookies of the log-in, and the code from the address
	thief.Jar.SetCookies(home, kept)
	_, body = get(t, thief, callback.String())
	require.Contains(t, body, "Sign in again", "it is refused here, before the provider is asked")

	// The provider, too, takes a code once.
	f := flow{Verifier: "x"}
	_, err = s.guard.inForce.Load().provider.redeem(t.Context(), callback.Query().Get("code"), f)
	require.ErrorContains(t, err, "the provider answers 401")
	require.NotContains(t, err.Error(), callback.Query().Get("code"))
}

func TestLocalPath(t *testing.T) {
	for _, to := range []string{"/", "/x", "/services/web?tab=log&x=%2F%2Fevil", "/incidents/a%2Fb", "/x?u=https://example.org"} {
		require.Equal(t, to, localPath(to))
	}
	for _, to := range []string{
		"", "x", "//evil.example", "///evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example", "\\\\evil.example",
		"https://evil.example/", "javascript:alert(1)", "/./\\evil", "/.//evil.example", "/..//evil.example", "/%2e%2e//evil.example",
		"/login", "/login?to=/login", "/logout", "/oidc/callback?code=x", "/%zz", "/" + strings.Repeat("x", 1024), "/x//y",
	} {
		require.Equal(t, "/", localPath(to), to)
	}
}
