package access

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
	require.NoError(t, replace(s.guard, options))
	require.Same(t, before, s.guard.inForce.Load().provider)
	changed := *options.OIDC
	changed.Roles = map[string]Role{"ops": Admin}
	options.OIDC = &changed
	require.NoError(t, replace(s.guard, options))
	_, body = get(t, ana, s.URL+"/x")
	require.Equal(t, "ana admin oidc", body)
}
