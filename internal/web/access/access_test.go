package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

const (
	viewerToken   = "viewer-token-0123456789-abcdef"
	operatorToken = "operator-token-0123456789-abcdef"
	adminPassword = "correct horse battery staple"
)

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// adminHash is made once; it costs what it is for.
var adminHash = sync.OnceValue(func() string {
	hash, err := bcrypt.GenerateFromPassword([]byte(adminPassword), bcrypt.MinCost)
	if err != nil {
		return err.Error()
	}
	return string(hash)
})

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now().Truncate(time.Second)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// record is a log that tests read.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *record) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *record) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *record) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func known() Options {
	return Options{
		Tokens: []Token{{"grafana", hashOf(viewerToken), Viewer}, {"ci", hashOf(operatorToken), Operator}},
		Users:  []User{{"ana", adminHash(), Admin}},
	}
}

func guard(t *testing.T, options Options) *Guard {
	t.Helper()
	if options.Log == nil {
		options.Log = new(record).logger()
	}
	g, err := New(t.Context(), options)
	require.NoError(t, err)
	return g
}

// replace has a guard go by other options.
func replace(g *Guard, options Options) error {
	putInForce, err := g.Prepare(options)
	if err == nil {
		putInForce()
	}
	return err
}

// who answers with the identity that it sees.
var who = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	id := From(r.Context())
	_, _ = w.Write([]byte(strings.Join([]string{id.Name, id.Role.String(), id.Method}, " ")))
})

// request is a GET from a documentation address.
func request(target string) *http.Request {
	return httptest.NewRequest(http.MethodGet, target, nil)
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func basic(name, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

func ask(h http.Handler, prepare ...func(*http.Request)) *httptest.ResponseRecorder {
	r := request("/api/v1/services?x=1")
	for _, p := range prepare {
		p(r)
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return recorder
}

func TestWhoMayWhat(t *testing.T) {
	g := guard(t, known())
	require.True(t, g.Enabled())
	const none = http.StatusUnauthorized
	const low = http.StatusForbidden
	nobody := func(*http.Request) {}
	for name, c := range map[string]struct {
		show func(*http.Request)
		// codes are for the roles public, viewer, operator, admin.
		codes [4]int
		id    string
	}{
		"nothing":               {nobody, [4]int{200, none, none, none}, " public "},
		"a viewer's token":      {bearer(viewerToken), [4]int{200, 200, low, low}, "grafana viewer token"},
		"an operator's token":   {bearer(operatorToken), [4]int{200, 200, 200, low}, "ci operator token"},
		"an admin's password":   {basic("ana", adminPassword), [4]int{200, 200, 200, 200}, "ana admin basic"},
		"a token as a password": {basic("ci", operatorToken), [4]int{200, 200, 200, low}, "ci operator token"},
		"another's token":       {basic("grafana", operatorToken), [4]int{200, none, none, none}, " public "},
		"a wrong token":         {bearer(viewerToken + "x"), [4]int{200, none, none, none}, " public "},
		"an empty token":        {bearer(""), [4]int{200, none, none, none}, " public "},
		"a hash for a token":    {bearer(strings.TrimPrefix(hashOf(viewerToken), "sha256:")), [4]int{200, none, none, none}, " public "},
		"a wrong password":      {basic("ana", "guess"), [4]int{200, none, none, none}, " public "},
		"no password":           {basic("ana", ""), [4]int{200, none, none, none}, " public "},
		"an unknown name":       {basic("eve", adminPassword), [4]int{200, none, none, none}, " public "},
		"too long a password":   {basic("ana", adminPassword+strings.Repeat("x", 72)), [4]int{200, none, none, none}, " public "},
		"an unknown scheme":     {func(r *http.Request) { r.Header.Set("Authorization", "Digest x") }, [4]int{200, none, none, none}, " public "},
		"two headers": {func(r *http.Request) {
			bearer(viewerToken)(r)
			r.Header.Add("Authorization", "Bearer "+viewerToken)
		}, [4]int{200, none, none, none}, " public "},
		"a cookie": {func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: "paramedic-session", Value: "made-up"})
		}, [4]int{200, none, none, none}, " public "},
	} {
		for role, code := range c.codes {
			g.inForce.Load().limits = newLimits(time.Now)
			g.inForce.Load().users.limits = g.inForce.Load().limits
			for _, page := range []bool{false, true} {
				answer := ask(g.Require(Role(role), page, who), c.show)
				require.Equal(t, code, answer.Code, "%s, %s", name, Role(role))
				if code == http.StatusOK {
					require.Equal(t, c.id, answer.Body.String(), name)
					continue
				}
				require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
				if !page {
					require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
					require.Contains(t, answer.Body.String(), `"instance":"/api/v1/services"`)
				}
			}
		}
	}
}

func TestChallenges(t *testing.T) {
	g := guard(t, known())
	api, page := g.Require(Viewer, false, who), g.Require(Viewer, true, who)
	require.Equal(t, `Bearer realm="paramedic"`, ask(api).Header().Get("WWW-Authenticate"))
	require.Equal(t, `Bearer realm="paramedic", error="invalid_token"`, ask(api, bearer("wrong")).Header().Get("WWW-Authenticate"))
	require.Equal(t, `Basic realm="paramedic", charset="UTF-8"`, ask(page).Header().Get("WWW-Authenticate"))
	denied := ask(g.Require(Admin, false, who), bearer(viewerToken))
	require.Empty(t, denied.Header().Get("WWW-Authenticate"))
	require.Contains(t, denied.Body.String(), "grafana may not do this; it needs the role admin.")

	spanish := ask(page, func(r *http.Request) { r.Header.Set("Accept-Language", "es-AR,es;q=0.9") })
	require.Contains(t, spanish.Body.String(), `<html lang="es">`)
	require.Contains(t, spanish.Body.String(), "Inicie sesión para ver esto.")
	require.Equal(t, "text/html; charset=utf-8", spanish.Header().Get("Content-Type"))
}

func TestWithoutAccessOnlyThisMachineComesIn(t *testing.T) {
	g := guard(t, Options{})
	require.False(t, g.Enabled())
	require.Empty(t, g.Routes())
	for from, code := range map[string]int{
		"127.0.0.1:1": 200, "[::1]:1": 200, "[::ffff:127.0.0.1]:1": 200,
		"192.0.2.1:1": 403, "[2001:db8::1]:1": 403, "": 403,
	} {
		answer := ask(g.Require(Admin, false, who), func(r *http.Request) { r.RemoteAddr = from })
		require.Equal(t, code, answer.Code, from)
		if code == 200 {
			require.Equal(t, "local admin local", answer.Body.String())
		}
	}
}

func TestARemovedTokenIsRefused(t *testing.T) {
	options := known()
	require.Equal(t, 200, ask(guard(t, options).Require(Viewer, false, who), bearer(viewerToken)).Code)
	options.Tokens = options.Tokens[1:]
	require.Equal(t, 401, ask(guard(t, options).Require(Viewer, false, who), bearer(viewerToken)).Code)
}

func TestShortTokensAreRefused(t *testing.T) {
	g := guard(t, Options{Tokens: []Token{{"weak", hashOf("hunter2"), Admin}}})
	require.Equal(t, 401, ask(g.Require(Viewer, false, who), bearer("hunter2")).Code)
}

func TestWhoIsKnownAlreadyIsNotAskedAgain(t *testing.T) {
	g := guard(t, known())
	inner := g.Require(Operator, false, who)
	as := func(id Identity) func(*http.Request) {
		return func(r *http.Request) { *r = *r.WithContext(With(r.Context(), id)) }
	}
	require.Equal(t, 200, ask(inner, as(Identity{Name: "ci", Role: Operator})).Code)
	require.Equal(t, 403, ask(inner, as(Identity{Name: "ci", Role: Viewer})).Code)
	require.Equal(t, 401, ask(inner, as(Identity{}), bearer(operatorToken)).Code)
	require.Equal(t, Identity{}, From(context.Background()))
}

func TestRoles(t *testing.T) {
	for _, role := range []Role{Viewer, Operator, Admin} {
		parsed, ok := ParseRole(role.String())
		require.True(t, ok)
		require.Equal(t, role, parsed)
	}
	for _, name := range []string{"public", "", "root", "unknown", "Admin"} {
		_, ok := ParseRole(name)
		require.False(t, ok, name)
	}
	require.Equal(t, "unknown", Role(9).String())
	require.Equal(t, "unknown", Role(-1).String())
}

func TestNewRefuses(t *testing.T) {
	for want, options := range map[string]Options{
		`token "a": the hash is not a SHA-256 in hexadecimal`:                     {Tokens: []Token{{"a", "secret", Admin}}},
		`user "a": the hash is not one of bcrypt`:                                 {Users: []User{{"a", "secret", Admin}}},
		"OIDC needs the public URL, to which the provider sends people back":      {OIDC: &OIDC{}},
		`public URL "paramedic" is not an address like https://paramedic.example`: {PublicURL: "paramedic"},
		"session key: crypto/aes: invalid key size 3":                             {SessionKey: []byte("abc")},
	} {
		_, err := New(t.Context(), options)
		require.EqualError(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}

// What a guard goes by can be replaced while it serves.
func TestReplace(t *testing.T) {
	options := known()
	g := guard(t, options)
	api := g.Require(Viewer, false, who)
	for range addressFailures {
		require.Equal(t, 401, ask(api, bearer("wrong")).Code)
	}
	require.Equal(t, 200, ask(api, from("198.51.100.1"), basic("ana", adminPassword)).Code)

	options.Tokens, options.Users = options.Tokens[1:], []User{{"bob", adminHash(), Viewer}}
	require.NoError(t, replace(g, options))
	require.Equal(t, 401, ask(api, from("198.51.100.1"), bearer(viewerToken)).Code, "it was revoked")
	require.Equal(t, 200, ask(api, bearer(operatorToken)).Code)
	require.Equal(t, 401, ask(api, from("198.51.100.1"), basic("ana", adminPassword)).Code, "though it was verified before")
	require.Equal(t, "bob viewer basic", ask(api, from("198.51.100.1"), basic("bob", adminPassword)).Body.String())
	require.Equal(t, 429, ask(api, bearer("wrong")).Code, "failures stay counted")

	for want, change := range map[string]func(*Options){
		"OIDC cannot begin or end without a restart":                            func(o *Options) { o.OIDC = &OIDC{} },
		"the address of the pages cannot change without a restart":              func(o *Options) { o.TLS = true },
		"nobody would have to say who they are any more, which takes a restart": func(o *Options) { o.Tokens, o.Users = nil, nil },
		`token "x": the hash is not a SHA-256 in hexadecimal`:                   func(o *Options) { o.Tokens = []Token{{Name: "x"}} },
	} {
		changed := options
		change(&changed)
		require.EqualError(t, replace(g, changed), want)
		require.Equal(t, 200, ask(api, bearer(operatorToken)).Code, "nothing has changed")
	}
}
