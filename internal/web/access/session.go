package access

import (
	"net/http"
	"strings"
	"time"
)

const (
	// sessionFor is how long a session lasts, whatever is done in it.
	sessionFor = 8 * time.Hour
	// spentSize bounds how many ended sessions and used log-ins are remembered.
	spentSize = 8192
)

// session is what the cookie of somebody who signed in at the provider holds.
type session struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Values are those of the claim that give a role. The role itself follows
	// from the configuration of the moment.
	Values []string  `json:"values"`
	Until  time.Time `json:"until"`
}

// secure reports whether browsers reach the pages by https only.
func (g *rules) secure() bool {
	return g.options.TLS || strings.HasPrefix(strings.ToLower(g.options.PublicURL), "https://")
}

// cookie is one of ours. The prefix keeps other hosts of the domain from
// setting it.
func (g *rules) cookie(name, value string, lasts time.Duration) *http.Cookie {
	cookie := &http.Cookie{
		Name: g.cookieName(name), Value: value, Path: "/", MaxAge: int(lasts.Seconds()),
		HttpOnly: true, Secure: g.secure(), SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	return cookie
}

func (g *rules) cookieName(name string) string {
	if g.secure() {
		return "__Host-paramedic-" + name
	}
	return "paramedic-" + name
}

// openSession returns the session of r, if it has one that is good.
func (g *rules) openSession(r *http.Request) (session, bool) {
	if g.provider == nil {
		return session{}, false
	}
	cookie, err := r.Cookie(g.cookieName("session"))
	if err != nil {
		return session{}, false
	}
	var s session
	if err := g.sealer.open(g.provider.purpose("session"), cookie.Value, &s); err != nil {
		return session{}, false
	}
	if _, ended := g.spent.get("session " + s.ID); ended || !g.now().Before(s.Until) {
		return session{}, false
	}
	return s, true
}

// session finds who is signed in; the public if nobody is.
func (g *rules) session(r *http.Request) Identity {
	s, ok := g.openSession(r)
	if !ok {
		return Identity{}
	}
	role := g.provider.role(s.Values)
	if role == Public {
		return Identity{}
	}
	return Identity{Name: s.Name, Role: role, Method: MethodOIDC}
}
