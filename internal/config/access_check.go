package config

import (
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"paramedic/internal/health"
)

// http checks who can reach the pages, and who may come in.
func (c *checker) http() {
	h := &c.doc.HTTP
	if host, ok := c.host("http.listen", h.Listen); ok && !isLoopback(host) {
		c.open(h)
	}
	if h.BehindProxy && !h.Access.Any() && !c.d.isFailed("http.access") {
		c.wrong("http.behind_proxy", "behind a proxy everybody seems to be on this machine, and nobody is asked who they are; add http.access with tokens, users or oidc, or remove behind_proxy")
	}
	c.told("http.system_alert", h.SystemAlert)
	c.proxies(h)
	c.publicURL(h)
	c.certificate(h.TLS)
	c.tokens(h.Access.Tokens)
	c.users(h.Access)
	if h.Access.OIDC != nil {
		c.oidc(h)
	}
}

// open refuses an address that other machines reach, unless it is safe.
func (c *checker) open(h *HTTP) {
	switch {
	case c.d.isFailed("http.access") || c.d.isFailed("http.tls"):
	case !h.Access.Any():
		c.wrong("http.listen", "%q can be reached from other machines, and nobody is asked who they are; add http.access with tokens, users or oidc, or listen on 127.0.0.1, [::1] or localhost", h.Listen)
	case !h.Open():
		c.wrong("http.listen", "%q can be reached from other machines, and what people show would travel in the clear; add http.tls with certificate and key, or write behind_proxy: true if a proxy ends TLS, or listen on 127.0.0.1, [::1] or localhost", h.Listen)
	}
}

func (c *checker) proxies(h *HTTP) {
	for i, text := range h.TrustedProxies {
		path := fmt.Sprintf("http.trusted_proxies[%d]", i)
		network, notNetwork := netip.ParsePrefix(text)
		_, notAddress := netip.ParseAddr(text)
		switch {
		case notAddress != nil && notNetwork != nil:
			c.wrong(path, "%q is neither an address nor a network; write it like 10.0.0.7 or 10.0.0.0/24", text)
		case notNetwork == nil && network.Bits() == 0:
			c.wrong(path, "%q is everybody, who could then say to come from anywhere; write the address of the proxy, like 10.0.0.7", text)
		}
	}
	if len(h.TrustedProxies) > 0 && !h.BehindProxy {
		c.wrong("http.trusted_proxies", "trusted_proxies means nothing without a proxy; write behind_proxy: true, or remove it")
	}
}

// publicURL checks the address that browsers see.
func (c *checker) publicURL(h *HTTP) {
	if h.PublicURL == "" {
		return
	}
	address, err := url.Parse(h.PublicURL)
	switch {
	case err != nil || !webAddress(address) || strings.Trim(address.Path, "/") != "" || address.User != nil || address.RawQuery != "" || address.Fragment != "":
		c.wrong("http.public_url", "public_url is not the address of a site; write it like https://paramedic.example, without a path")
	case address.Scheme == "http" && !isLoopback(address.Hostname()):
		c.wrong("http.public_url", "public_url %q is plain HTTP, over which sessions can be stolen; write https://", h.PublicURL)
	default:
		h.PublicURL = address.Scheme + "://" + address.Host
	}
}

// certificate tries the pair of files and makes their paths absolute.
func (c *checker) certificate(t *TLS) {
	if t == nil || c.d.isFailed("http.tls") {
		return
	}
	certificate, key := c.pem("certificate", &t.Certificate), c.pem("key", &t.Key)
	if certificate == nil || key == nil {
		return
	}
	if _, err := tls.X509KeyPair(certificate, key); err != nil {
		c.wrong("http.tls", "certificate and key are no pair: %s; name the PEM files of a certificate and of its own key", strings.TrimPrefix(err.Error(), "tls: "))
	}
}

// pemLimit bounds certificate and key files in bytes.
const pemLimit = 1 << 20

func (c *checker) pem(name string, file *string) []byte {
	path := join("http.tls", name)
	if !filepath.IsAbs(*file) {
		*file = c.d.env.locate(*file)
	}
	content, err := readRegular(*file, pemLimit)
	if err != nil {
		c.wrong(path, "the file %s cannot be read: %v", health.Clip(*file, 200), err)
		return nil
	}
	if absolute, err := filepath.Abs(*file); err == nil {
		*file = absolute
	}
	return content
}

// accessName is what a token or a user may be called. A colon ends the name
// where name and password are sent together.
var accessName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// named checks the name of a token or a user and that nobody else has it.
func (c *checker) named(path, name string, seen map[string]bool) {
	switch {
	case !accessName.MatchString(name):
		c.wrong(path, "%q cannot name a token or a user; write letters, digits, dots, dashes, underscores and @, at most 64", health.Clip(name, 80))
	case name == "local":
		c.wrong(path, "the name local stands for whoever is on this machine; choose another")
	case seen[name]:
		c.wrong(path, "there are two tokens or users by the name %q; give each a name of its own", name)
	}
	seen[name] = true
}

func (c *checker) tokens(tokens []AccessToken) {
	hashes := map[string]string{}
	for i, token := range tokens {
		path := fmt.Sprintf("http.access.tokens[%d].sha256", i)
		hash := strings.ToLower(token.SHA256.Reveal())
		sum, err := hex.DecodeString(hash)
		switch {
		case c.d.isFailed(path):
		case err != nil || len(sum) != 32:
			c.wrong(path, "sha256 is not the SHA-256 of a token, in 64 hexadecimal digits; run starter secret token, which makes a token and the hash to write here")
		case hashes[hash] != "":
			c.wrong(path, "this is the token of %q too; give each its own", hashes[hash])
		}
		hashes[hash] = token.Name
	}
}

// bcryptHash is a hash in the form that htpasswd and others write too.
var bcryptHash = regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)

// users checks the passwords, and the names of users and tokens together.
func (c *checker) users(a Access) {
	seen := map[string]bool{}
	for i, token := range a.Tokens {
		c.named(fmt.Sprintf("http.access.tokens[%d].name", i), token.Name, seen)
	}
	for i, user := range a.Users {
		c.named(fmt.Sprintf("http.access.users[%d].name", i), user.Name, seen)
		path := fmt.Sprintf("http.access.users[%d].bcrypt", i)
		parts := bcryptHash.FindStringSubmatch(user.Bcrypt.Reveal())
		if parts == nil {
			c.wrong(path, "bcrypt is not a bcrypt hash; run starter secret password, which asks for the password and makes the hash to write here")
			continue
		}
		if cost, err := strconv.Atoi(parts[1]); err != nil || cost < 10 || cost > 14 {
			c.wrong(path, "the cost of this hash is %s, where 10 to 14 is neither too easy to guess nor too slow; run starter secret password for another", parts[1])
		}
	}
}

func (c *checker) oidc(h *HTTP) {
	const path = "http.access.oidc"
	o := h.Access.OIDC
	issuer, err := url.Parse(o.Issuer)
	switch {
	case err != nil || !webAddress(issuer) || issuer.User != nil || issuer.RawQuery != "" || issuer.Fragment != "":
		c.wrong(join(path, "issuer"), "issuer is not an address; write it like https://login.example/realms/ops")
	case issuer.Scheme == "http" && !isLoopback(issuer.Hostname()):
		c.wrong(join(path, "issuer"), "issuer %q is plain HTTP, so that anybody on the way could sign people in; write https://", o.Issuer)
	}
	if c.written(join(path, "client_id")) && o.ClientID == "" {
		c.wrong(join(path, "client_id"), "client_id is empty; write the one that the provider gave")
	}
	if o.Claim == "" {
		c.wrong(join(path, "claim"), "claim is empty; write the name of a claim, or leave it out for groups")
	}
	if c.written(join(path, "roles")) && len(o.Roles) == 0 {
		c.wrong(join(path, "roles"), "nobody would have a role; write at least one value of the claim, like {ops: operator}")
	}
	for _, value := range slices.Sorted(maps.Keys(o.Roles)) {
		if value == "" {
			c.wrong(join(path, "roles"), "a value of the claim is empty; write the name of a group or a role")
		}
	}
	for i, scope := range o.Scopes {
		if scope == "" || strings.ContainsAny(scope, " \t\n\"\\") {
			c.wrong(fmt.Sprintf("%s.scopes[%d]", path, i), "%q is no scope; write one word, without blanks", health.Clip(scope, 80))
		}
	}
	if h.PublicURL == "" && !c.d.isFailed("http.public_url") {
		c.wrong(path, "the provider must send people back, and public_url is not set; write http.public_url, the address of these pages as browsers see it")
	}
}
