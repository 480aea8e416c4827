package access

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// address is where r comes from: the other end of the connection or, if that is
// a trusted proxy, whom the proxy names. The zero Addr if it is not known.
func (g *rules) address(r *http.Request) netip.Addr {
	end, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := end.Addr().Unmap().WithZone("")
	if !g.trusts(address) {
		return address
	}
	// Each proxy appends whom it saw; what stands before the first untrusted
	// one may be made up.
	named := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(named) {
		next, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			return address
		}
		address = next.Unmap().WithZone("")
		if !g.trusts(address) {
			return address
		}
	}
	return address
}

func (g *rules) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(g.options.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(address) })
}

// neighbourhood is what is limited together: an IPv4 address, or the /64 that
// one IPv6 customer has at least.
func neighbourhood(address netip.Addr) string {
	if address.Is6() {
		if prefix, err := address.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return address.String()
}
