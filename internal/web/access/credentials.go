package access

import (
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// credentials reads the Authorization header, shown, which holds a token or a
// name and password. A token may also come as a password under its name, for
// that is what browsers ask for.
func (g *rules) credentials(r *http.Request, address netip.Addr, shown []string) (Identity, *refusal) {
	if len(shown) != 1 {
		return Identity{}, g.failed(address, reasonMalformed)
	}
	scheme, value, _ := strings.Cut(shown[0], " ")
	if strings.EqualFold(scheme, "Bearer") {
		if id, ok := g.byToken(strings.TrimSpace(value)); ok {
			return id, nil
		}
		return Identity{}, g.failed(address, reasonToken)
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		return Identity{}, g.failed(address, reasonMalformed)
	}
	if id, ok := g.byToken(password); ok && id.Name == name {
		return id, nil
	}
	return g.users.verify(r.Context(), address, name, password)
}

// failed counts an attempt that was wrong at first sight.
func (g *rules) failed(address netip.Addr, reason string) *refusal {
	if wait := g.limits.begin(address, ""); wait > 0 {
		return tooMany(wait)
	}
	return &refusal{status: http.StatusUnauthorized, reason: reason}
}

func tooMany(wait time.Duration) *refusal {
	return &refusal{status: http.StatusTooManyRequests, reason: reasonLimit, wait: wait}
}
