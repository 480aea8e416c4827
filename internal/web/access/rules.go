package access

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"sync/atomic"
	"time"

	"paramedic/internal/health"
)

// rules are what a guard goes by from one replacement to the next. Each request
// is answered by one of them to its end.
type rules struct {
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
	// page shows notices to people; it holds nil until the pages are there.
	page *atomic.Pointer[func(http.ResponseWriter, *http.Request, Notice)]
	log  *slog.Logger
	now  func() time.Time
}

// newRules returns the rules of options, which take over what those before have
// counted and sealed; nil if there are none.
func newRules(options Options, before *rules) (*rules, error) {
	g := &rules{options: options, log: options.Log, now: options.Now, cross: http.NewCrossOriginProtection()}
	if g.log == nil {
		g.log = slog.Default()
	}
	if g.now == nil {
		g.now = time.Now
	}
	var err error
	if before != nil {
		g.limits, g.spent, g.sealer, g.page = before.limits, before.spent, before.sealer, before.page
	} else if err = g.begin(); err != nil {
		return nil, err
	}
	if g.tokens, err = readTokens(options.Tokens); err != nil {
		return nil, err
	}
	if g.users, err = newUsers(options.Users, g.limits, g.now); err != nil {
		return nil, err
	}
	if err := g.publish(options.PublicURL); err != nil {
		return nil, err
	}
	if before != nil && reflect.DeepEqual(options.OIDC, before.options.OIDC) {
		g.provider = before.provider // it need not be found anew
	}
	return g, nil
}

// begin makes what outlives the rules.
func (g *rules) begin() error {
	g.limits, g.spent = newLimits(g.now), newShelf[struct{}](spentSize, g.now)
	g.page = new(atomic.Pointer[func(http.ResponseWriter, *http.Request, Notice)])
	key := g.options.SessionKey
	if len(key) == 0 {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // it never fails
	}
	var err error
	if g.sealer, err = newSealer(key); err != nil {
		return fmt.Errorf("session key: %w", err)
	}
	return nil
}

// publish takes the address of the pages into account.
func (g *rules) publish(address string) error {
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

func (g *rules) enabled() bool {
	return len(g.tokens) > 0 || g.users.any() || g.provider != nil
}

func (g *rules) require(w http.ResponseWriter, r *http.Request, role Role, page bool, next http.Handler) {
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
		g.log.Warn("not allowed", "name", id.Name, "role", id.Role.String(), "needed", role.String(), "path", health.Clip(r.URL.Path, longestPath))
		// The page that says so is for somebody who is logged in.
		g.refuse(w, r.WithContext(With(r.Context(), id)), page, &refusal{status: http.StatusForbidden, reason: reasonRole, id: id, needed: role})
	}
}

// identify finds out who asks. A refusal means that something was shown and is
// not good; nobody and no refusal, that nothing was shown.
func (g *rules) identify(r *http.Request) (Identity, *refusal) {
	address := g.address(r)
	if !g.enabled() {
		if address.Unmap().IsLoopback() && !forwarded(r) {
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

// forwarded reports whether a proxy says that it passes on what somebody else
// asks. Without authentication there is nobody else.
func forwarded(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if len(r.Header.Values(name)) > 0 {
			return true
		}
	}
	return false
}

// longestPath bounds what is logged of a path, in bytes.
const longestPath = 200

// report logs a failed log-in. The name is logged only if somebody has it:
// people type passwords into the wrong field. What is held back has been logged
// before, and as many lines as somebody likes must not bury the others.
func (g *rules) report(r *http.Request, address netip.Addr, refused *refusal) {
	if refused.status != http.StatusUnauthorized {
		return
	}
	name := ""
	if given, _, ok := r.BasicAuth(); ok && (g.users.has(given) || g.hasToken(given)) {
		name = given
	}
	g.log.Warn("log-in failed", "reason", refused.reason, "name", name, "from", address.String(), "path", health.Clip(r.URL.Path, longestPath))
}

func (g *rules) sameOrigin(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if err := g.cross.Check(r); err != nil {
		g.log.Warn("change from another site refused", "path", health.Clip(r.URL.Path, longestPath), "from", g.address(r).String())
		g.refuse(w, r, wantsPage(r), &refusal{status: http.StatusForbidden, reason: reasonOrigin})
		return
	}
	next.ServeHTTP(w, r)
}
