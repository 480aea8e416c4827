package access

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
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
	// Page shows a notice to a person; nil for a plain page.
	Page func(w http.ResponseWriter, r *http.Request, notice Notice)
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
type Guard struct {
	options Options
	tokens  []token
	users   *users
	limits  *limits
	sealer  *sealer
	// provider is nil without OIDC.
	provider *provider
	// spent holds the log-ins that were completed and the sessions that were ended.
	spent *shelf[struct{}]
	cross *http.CrossOriginProtection
	log   *slog.Logger
	now   func() time.Time
}

// New returns a guard. It asks nobody: the provider is found when somebody
// signs in. Its errors name the option that is wrong.
func New(_ context.Context, options Options) (*Guard, error) {
	g := &Guard{options: options, log: options.Log, now: options.Now, cross: http.NewCrossOriginProtection()}
	if g.log == nil {
		g.log = slog.Default()
	}
	if g.now == nil {
		g.now = time.Now
	}
	g.limits, g.spent = newLimits(g.now), newShelf[struct{}](spentSize, g.now)
	var err error
	if g.tokens, err = readTokens(options.Tokens); err != nil {
		return nil, err
	}
	if g.users, err = newUsers(options.Users, g.limits, g.now); err != nil {
		return nil, err
	}
	key := options.SessionKey
	if len(key) == 0 {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // it never fails
	}
	if g.sealer, err = newSealer(key); err != nil {
		return nil, fmt.Errorf("session key: %w", err)
	}
	if err := g.publish(options.PublicURL); err != nil {
		return nil, err
	}
	return g, nil
}

// publish takes the address of the pages into account.
func (g *Guard) publish(address string) error {
	if address != "" {
		public, err := url.Parse(address)
		if err != nil || public.Host == "" {
			return fmt.Errorf("public URL %q is not an address like https://paramedic.example", address)
		}
		if err := g.cross.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
			return fmt.Errorf("public URL %q: %w", address, err)
		}
	}
	if g.options.OIDC == nil {
		return nil
	}
	if address == "" {
		return errors.New("OIDC needs the public URL, to which the provider sends people back")
	}
	g.provider = newProvider(*g.options.OIDC, address, g.now)
	return nil
}

// Enabled reports whether anybody is configured. If not, whoever comes from
// loopback is an admin by the name "local", and nobody else comes in.
func (g *Guard) Enabled() bool {
	return len(g.tokens) > 0 || g.users.any() || g.provider != nil
}

// Require lets those with role through to next, which learns by From who asks.
// Others get a page for people or a problem for programs.
func (g *Guard) Require(role Role, page bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, known := r.Context().Value(identityKey{}).(Identity)
		if !known {
			var refused *refusal
			// What is for everybody is also for those with a wrong password.
			if id, refused = g.identify(r); refused != nil && role > Public {
				g.refuse(w, r, page, refused)
				return
			}
		}
		switch {
		case id.Role >= role:
			next.ServeHTTP(w, r.WithContext(With(r.Context(), id)))
		case id.Role == Public:
			g.refuse(w, r, page, &refusal{status: http.StatusUnauthorized, reason: reasonNobody})
		default:
			g.log.Warn("not allowed", "name", id.Name, "role", id.Role.String(), "needed", role.String(), "path", r.URL.Path)
			g.refuse(w, r, page, &refusal{status: http.StatusForbidden, reason: reasonRole, id: id, needed: role})
		}
	})
}

// identify finds out who asks. A refusal means that something was shown and is
// not good; nobody and no refusal, that nothing was shown.
func (g *Guard) identify(r *http.Request) (Identity, *refusal) {
	address := g.address(r)
	if !g.Enabled() {
		if address.Unmap().IsLoopback() {
			return Identity{Name: "local", Role: Admin, Method: MethodLocal}, nil
		}
		return Identity{}, &refusal{status: http.StatusForbidden, reason: reasonRemote}
	}
	if shown := r.Header.Values("Authorization"); len(shown) > 0 {
		id, refused := g.credentials(r, address, shown)
		if refused != nil {
			g.report(r, address, refused)
		}
		return id, refused
	}
	return g.session(r), nil
}

// report logs a failed log-in. The name is logged only if somebody has it:
// people type passwords into the wrong field.
func (g *Guard) report(r *http.Request, address netip.Addr, refused *refusal) {
	name := ""
	if given, _, ok := r.BasicAuth(); ok && (g.users.has(given) || g.hasToken(given)) {
		name = given
	}
	g.log.Warn("log-in failed", "reason", refused.reason, "name", name, "from", address.String(), "path", r.URL.Path)
}

// SameOrigin refuses changes that a browser makes on behalf of another site.
// Programs that are no browser pass.
func (g *Guard) SameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.cross.Check(r); err != nil {
			g.log.Warn("change from another site refused", "path", r.URL.Path, "from", g.address(r).String())
			g.refuse(w, r, wantsPage(r), &refusal{status: http.StatusForbidden, reason: reasonOrigin})
			return
		}
		next.ServeHTTP(w, r)
	})
}
