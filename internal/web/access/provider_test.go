package access

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"
)

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
