package access

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"paramedic/internal/option"
)

// Options say who may do what.
type Options struct {
	Tokens []Token
	Users  []User
	// OIDC is the provider at which people sign in, nil for none.
	OIDC *OIDC
	// PublicURL is the address of the pages as browsers see it, scheme and host
	// without a path; required with OIDC.
	PublicURL string
	// TLS says that the pages are served over TLS by this process.
	TLS bool
	// TrustedProxies are those whose X-Forwarded-For is believed; empty for none.
	TrustedProxies []netip.Prefix
	// SessionKey seals sessions, 32 bytes. One that outlives the Guard lets
	// sessions outlive it too; empty for a random one.
	SessionKey []byte
	// Log gets failed log-ins; nil for slog.Default.
	Log *slog.Logger
	// Now is the clock; nil for time.Now.
	Now func() time.Time
}

// Token is what a machine shows.
type Token struct {
	Name string
	// Hash is the SHA-256 of the token in hexadecimal, after "sha256:" or alone.
	Hash string
	Role Role
}

// User is somebody with a password.
type User struct {
	Name string
	// Hash is the bcrypt hash of the password.
	Hash string
	Role Role
}

// OIDC is an OpenID Connect provider.
type OIDC struct {
	Issuer, ClientID string
	ClientSecret     option.Secret
	// Roles gives the role of each value of the claim; the highest counts.
	Roles map[string]Role
	// Claim holds a text or a list of texts; dots lead into objects, as in
	// realm_access.roles. Empty means groups.
	Claim string
	// Scopes are asked for besides openid; empty means profile, email, groups.
	Scopes []string
}

// Guard decides who may come in. It is safe for concurrent use and holds
// nothing that must be closed.
type Guard struct{ inForce atomic.Pointer[rules] }

// New returns a guard. It asks nobody: the provider is found when somebody
// signs in. Its errors name the option that is wrong.
func New(_ context.Context, options Options) (*Guard, error) {
	r, err := newRules(options, nil)
	if err != nil {
		return nil, err
	}
	g := &Guard{}
	g.inForce.Store(r)
	return g, nil
}

// Prepare returns what puts other tokens, users and roles in force at once;
// requests that are being answered are not stopped. Sessions go on with the
// roles that they then have, and failed log-ins stay counted. What cannot change
// while the pages are served is an error.
func (g *Guard) Prepare(options Options) (putInForce func(), err error) {
	before := g.inForce.Load()
	switch {
	case (options.OIDC == nil) != (before.provider == nil):
		return nil, errors.New("OIDC cannot begin or end without a restart")
	case options.PublicURL != before.options.PublicURL || options.TLS != before.options.TLS:
		return nil, errors.New("the address of the pages cannot change without a restart")
	}
	r, err := newRules(options, before)
	switch {
	case err != nil:
		return nil, err
	case before.enabled() && !r.enabled():
		// Whoever comes through a proxy on this machine would be an admin.
		return nil, errors.New("nobody would have to say who they are any more, which takes a restart")
	}
	return func() { g.inForce.Store(r) }, nil
}

// Enabled reports whether anybody is configured. If not, whoever comes from
// loopback is an admin by the name "local", and nobody else comes in.
func (g *Guard) Enabled() bool { return g.inForce.Load().enabled() }

// ShowNotices has what people are told who are not let in shown by page, also
// after a replacement, instead of on a page without any style.
func (g *Guard) ShowNotices(page func(w http.ResponseWriter, r *http.Request, notice Notice)) {
	g.inForce.Load().page.Store(&page)
}

// Require lets those with role through to next, which learns by From who asks.
// Others get a page for people or a problem for programs.
func (g *Guard) Require(role Role, page bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.inForce.Load().require(w, r, role, page, next)
	})
}

// SameOrigin refuses changes that a browser makes on behalf of another site.
// Programs that are no browser pass.
func (g *Guard) SameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.inForce.Load().sameOrigin(w, r, next)
	})
}
