package access

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
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

// claims are those of a person, changed before they are signed.
type claims struct {
	*mockoidc.MockUser
	change func(jwt.MapClaims)
}

func (c claims) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	all := jwt.MapClaims{
		"iss": base.Issuer, "aud": []string(base.Audience), "sub": base.Subject, "exp": base.ExpiresAt, "iat": base.IssuedAt,
		"jti": base.ID, "nonce": base.Nonce, "preferred_username": c.PreferredUsername, "groups": c.Groups,
	}
	c.change(all)
	return all, nil
}

func TestIDTokensAreVerified(t *testing.T) {
	m := provide(t)
	s := open(t, m)
	for name, c := range map[string]struct {
		change func(jwt.MapClaims)
		code   int
		log    string
	}{
		"good":                {func(jwt.MapClaims) {}, 200, "signed in"},
		"another nonce":       {func(c jwt.MapClaims) { c["nonce"] = "ABC" }, 403, "it belongs to another log-in (nonce)"},
		"no nonce":            {func(c jwt.MapClaims) { delete(c, "nonce") }, 403, "it belongs to another log-in (nonce)"},
		"another audience":    {func(c jwt.MapClaims) { c["aud"] = "somebody-else" }, 403, "expected audience"},
		"another issuer":      {func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }, 403, "issued by a different provider"},
		"expired":             {func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Hour).Unix() }, 403, "token is expired"},
		"another at_hash":     {func(c jwt.MapClaims) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, 403, "verify the access token"},
		"no role":             {func(c jwt.MapClaims) { c["groups"] = []string{"guests"} }, 403, "signed in without a role"},
		"groups in a text":    {func(c jwt.MapClaims) { c["groups"] = "ops" }, 200, "role=operator"},
		"strange groups":      {func(c jwt.MapClaims) { c["groups"] = []any{1, nil, map[string]any{"ops": 1}} }, 403, "signed in without a role"},
		"no groups":           {func(c jwt.MapClaims) { delete(c, "groups") }, 403, "userinfo"},
		"a name of two lines": {func(c jwt.MapClaims) { c["preferred_username"] = "ana\nlevel=ERROR" }, 200, `name="ana level=ERROR"`},
	} {
		m.QueueUser(claims{somebody("ops"), c.change})
		response, body := get(t, browser(t), s.URL+"/x")
		require.Equal(t, c.code, response.StatusCode, "%s: %s", name, body)
		require.Contains(t, s.log.String(), c.log, name)
		s.clock.add(time.Minute)
	}
	requireNoSecrets(t, s, m)
}

func TestForgedIDTokensAreRefused(t *testing.T) {
	m := provide(t)
	s := open(t, m)
	found, err := s.guard.inForce.Load().provider.discover(t.Context())
	require.NoError(t, err)
	now := time.Now()
	body := jwt.MapClaims{"iss": m.Issuer(), "aud": m.ClientID, "sub": "1", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "groups": "root"}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, body).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	symmetric, err := jwt.NewWithClaims(jwt.SigningMethodHS256, body).SignedString([]byte(m.ClientSecret))
	require.NoError(t, err)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	stranger, err := mockoidc.NewKeypair(key)
	require.NoError(t, err)
	foreign, err := stranger.SignJWT(body)
	require.NoError(t, err)
	for _, token := range []string{unsigned, symmetric, foreign, "x.y.z", ""} {
		_, err := found.verifier.Verify(t.Context(), token)
		require.Error(t, err)
	}
}

func TestSessionsEnd(t *testing.T) {
	m := provide(t)
	s := open(t, m)
	ana := browser(t)
	m.QueueUser(somebody("ops"))
	_, body := get(t, ana, s.URL+"/x")
	require.Equal(t, "ana operator oidc", body)
	home, err := url.Parse(s.URL)
	require.NoError(t, err)
	here := stopAt(ana, loginPath)

	s.clock.add(sessionFor - time.Second)
	response, _ := get(t, here, s.URL+"/x")
	require.Equal(t, 200, response.StatusCode)
	s.clock.add(time.Second)
	response, _ = get(t, here, s.URL+"/x")
	require.Equal(t, "/login?to=%2Fx", response.Header.Get("Location"), "it has expired")
	posted, err := here.PostForm(s.URL+"/x", nil)
	require.NoError(t, err)
	require.NoError(t, posted.Body.Close())
	require.Equal(t, 401, posted.StatusCode, "a form cannot be taken along to the provider")

	m.QueueUser(somebody("ops"))
	get(t, ana, s.URL+"/x")
	copied := ana.Jar.Cookies(home)
	left, err := ana.PostForm(s.URL+"/logout", nil)
	require.NoError(t, err)
	text, err := io.ReadAll(left.Body)
	require.NoError(t, err)
	require.NoError(t, left.Body.Close())
	require.Contains(t, string(text), "You are signed out of paramedic.")
	require.Equal(t, -1, left.Cookies()[0].MaxAge, "the browser forgets it")
	response, _ = get(t, here, s.URL+"/x")
	require.Equal(t, 303, response.StatusCode)
	thief := browser(t)
	thief.Jar.SetCookies(home, copied)
	response, _ = get(t, stopAt(thief, loginPath), s.URL+"/x")
	require.Equal(t, 303, response.StatusCode, "a copy of the cookie has ended with it")
}

// A session belongs to one key and one provider, and its role follows the
// configuration.
func TestSessionsAreBound(t *testing.T) {
	m := provide(t)
	key := make([]byte, 32)
	s := open(t, m, func(o *Options) { o.SessionKey = key })
	ana := browser(t)
	m.QueueUser(somebody("ops", "engineering"))
	_, body := get(t, ana, s.URL+"/x")
	require.Equal(t, "ana operator oidc", body)
	home, err := url.Parse(s.URL)
	require.NoError(t, err)
	cookie := ana.Jar.Cookies(home)[0]
	require.Equal(t, "paramedic-session", cookie.Name)

	with := func(change func(*Options)) string {
		options := s.guard.inForce.Load().options
		oidc := *options.OIDC
		options.OIDC = &oidc
		change(&options)
		return ask(guard(t, options).Require(Public, true, who), func(r *http.Request) { r.AddCookie(cookie) }).Body.String()
	}
	const nobody = " public "
	require.Equal(t, "ana operator oidc", with(func(*Options) {}), "the same key after a reload")
	require.Equal(t, "ana viewer oidc", with(func(o *Options) { o.OIDC.Roles = map[string]Role{"engineering": Viewer} }))
	require.Equal(t, nobody, with(func(o *Options) { o.OIDC.Roles = map[string]Role{"others": Admin} }))
	require.Equal(t, nobody, with(func(o *Options) { o.SessionKey = nil }))
	require.Equal(t, nobody, with(func(o *Options) { o.OIDC.Issuer += "/other" }))
	require.Equal(t, nobody, with(func(o *Options) { o.OIDC = nil; o.Tokens = known().Tokens }))

	for i := range cookie.Value {
		broken := *cookie
		other := byte('A')
		if broken.Value[i] == other {
			other = 'B'
		}
		broken.Value = broken.Value[:i] + string(other) + broken.Value[i+1:]
		id := s.guard.inForce.Load().session(func() *http.Request { r := request("/"); r.AddCookie(&broken); return r }())
		if i < len(cookie.Value)-1 { // of the last character, some bits mean nothing
			require.Equal(t, Identity{}, id, i)
		}
	}
	// A log-in on its way is no session.
	sealed, err := s.guard.inForce.Load().sealer.seal(s.guard.inForce.Load().provider.purpose("flow"), session{ID: "1", Name: "eve", Values: []string{"root"}, Until: s.clock.now().Add(time.Hour)})
	require.NoError(t, err)
	r := request("/")
	r.AddCookie(&http.Cookie{Name: "paramedic-session", Value: sealed})
	require.Equal(t, Identity{}, s.guard.inForce.Load().session(r))
}

// The provider is down when paramedic starts, and comes later.
func TestProviderThatIsDown(t *testing.T) {
	var mu sync.Mutex
	down := true
	m := provide(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if down {
				http.Error(w, "down for maintenance", http.StatusBadGateway)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	s := open(t, m, func(o *Options) { o.Users = known().Users })
	ana := browser(t)
	for range 2 {
		response, body := get(t, ana, s.URL+"/x")
		require.Equal(t, 503, response.StatusCode)
		require.Equal(t, "5", response.Header.Get("Retry-After"))
		require.Contains(t, body, "Sign-in is down")
		require.Contains(t, body, `href="/login?password&amp;to=%2Fx"`)
	}
	r := request("/login?password&to=/x")
	answer := httptest.NewRecorder()
	s.guard.Routes()[loginPath].ServeHTTP(answer, r)
	require.Equal(t, 401, answer.Code)
	require.Contains(t, answer.Header().Get("WWW-Authenticate"), "Basic ")
	r.SetBasicAuth("ana", adminPassword)
	answer = httptest.NewRecorder()
	s.guard.Routes()[loginPath].ServeHTTP(answer, r)
	require.Equal(t, "/x", answer.Header().Get("Location"))

	mu.Lock()
	down = false
	mu.Unlock()
	response, _ := get(t, ana, s.URL+"/x")
	require.Equal(t, 503, response.StatusCode, "it is left alone for a while")
	s.clock.add(discoverAgain)
	m.QueueUser(somebody("ops"))
	_, body := get(t, ana, s.URL+"/x")
	require.Equal(t, "ana operator oidc", body)
}

// One who gives up does not stop those who wait with him.
func TestDiscoveryOutlivesWhoAskedFirst(t *testing.T) {
	m := provide(t)
	s := open(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.guard.inForce.Load().provider.discover(ctx)
	require.NoError(t, err)
}

// Groups that are not in the ID token are asked for, and must be of the same
// person.
func TestUserinfo(t *testing.T) {
	var mu sync.Mutex
	info := ""
	m := provide(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != mockoidc.UserinfoEndpoint {
				next.ServeHTTP(w, r)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, info)
		})
	})
	s := open(t, m, func(o *Options) { o.OIDC.Claim = "realm_access.roles" })
	without := claims{somebody(), func(c jwt.MapClaims) { delete(c, "groups") }}
	for answer, code := range map[string]int{
		`{"sub":"4711","realm_access":{"roles":["ops"]}}`: 200,
		`{"sub":"4712","realm_access":{"roles":["ops"]}}`: 403,
		`{"realm_access":{"roles":["ops"]}}`:              403,
		`{"sub":"4711","realm_access":["ops"]}`:           403,
		`{"sub":"4711"}`:                                  403,
		`not JSON`:                                        403,
	} {
		mu.Lock()
		info = answer
		mu.Unlock()
		m.QueueUser(without)
		response, body := get(t, browser(t), s.URL+"/x")
		require.Equal(t, code, response.StatusCode, "%s: %s", answer, body)
		s.clock.add(time.Minute)
	}
}

// The client secret goes nowhere but to the provider.
func TestProviderThatRedirectsElsewhere(t *testing.T) {
	m := provide(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked elsewhere") }))
	defer elsewhere.Close()
	leading := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer leading.Close()
	s := open(t, m, func(o *Options) { o.OIDC.Issuer = leading.URL })
	_, err := s.guard.inForce.Load().provider.discover(t.Context())
	require.ErrorContains(t, err, "the provider redirects elsewhere")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestAnswersOfTheProviderAreBounded(t *testing.T) {
	transport := limitedAnswers{roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{Body: io.NopCloser(endless{})}, nil
	})}
	response, err := transport.RoundTrip(request("/"))
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Len(t, body, answerLimit)
	failing := limitedAnswers{roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no") })}
	_, err = failing.RoundTrip(request("/")) //nolint:bodyclose // there is none
	require.EqualError(t, err, "no")
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

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

// Sessions go on after a replacement, with the roles of now.
func TestReplaceKeepsSessions(t *testing.T) {
	m := provide(t)
	s := open(t, m)
	ana := browser(t)
	m.QueueUser(somebody("ops", "engineering"))
	_, body := get(t, ana, s.URL+"/x")
	require.Equal(t, "ana operator oidc", body)
	options := s.guard.inForce.Load().options
	before := s.guard.inForce.Load().provider
	require.NoError(t, s.guard.Replace(options))
	require.Same(t, before, s.guard.inForce.Load().provider)
	changed := *options.OIDC
	changed.Roles = map[string]Role{"ops": Admin}
	options.OIDC = &changed
	require.NoError(t, s.guard.Replace(options))
	_, body = get(t, ana, s.URL+"/x")
	require.Equal(t, "ana admin oidc", body)
}
