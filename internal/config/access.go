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
	"paramedic/internal/option"
)

// HTTP is the side that people and machines look at.
type HTTP struct {
	// Listen is host:port; on loopback, unless Open.
	Listen string `yaml:"listen" doc:"Address and port of the pages; other addresses than loopback need access, and tls or behind_proxy. 127.0.0.1:8080 unless set."`
	// PublicURL is scheme and host without a slash at its end; may be empty.
	PublicURL string `yaml:"public_url,omitempty" doc:"The address of the pages as browsers see it, like https://paramedic.example; needed by oidc."`
	// BehindProxy says that a proxy in front ends TLS.
	BehindProxy bool `yaml:"behind_proxy,omitempty" doc:"true if a proxy in front ends TLS, so that plain HTTP may be spoken to it on any address; false unless set."`
	// TrustedProxies are addresses or networks.
	TrustedProxies []string `yaml:"trusted_proxies,omitempty" doc:"The addresses or networks of proxies whose X-Forwarded-For is believed, so that failed log-ins count for whoever made them; none unless set."`
	// TLS is nil if this process speaks plain HTTP.
	TLS *TLS `yaml:"tls,omitempty" doc:"The certificate of the pages; it is read anew when its files change."`
	// StatusPage opens a page for everybody.
	StatusPage bool `yaml:"status_page,omitempty" doc:"true for a status page and badges that everybody may see, without details; false unless set."`
	// SystemAlert names the receivers of alerts that other systems send.
	SystemAlert []string `yaml:"system_alert,omitempty" doc:"The receivers of the alerts that other systems send to /api/admin/system-alert; without it that endpoint takes none."`
	// Access says who may come in; with nobody in it, whoever is on this machine.
	Access Access `yaml:"access,omitempty" doc:"Who may see and change what; without it, whoever is on this machine may do everything, and nobody else anything."`
}

// TLS is a certificate in two PEM files. The paths are absolute.
type TLS struct {
	Certificate string `yaml:"certificate" required:"true" doc:"The file of the certificate and its chain in PEM form; a relative path starts at the configuration's directory, then at $CREDENTIALS_DIRECTORY."`
	Key         string `yaml:"key" required:"true" doc:"The file of the certificate's private key in PEM form; paths as above."`
}

// Access lists who may come in, and as what.
type Access struct {
	Tokens []AccessToken `yaml:"tokens,omitempty" doc:"Programs that show a bearer token."`
	Users  []AccessUser  `yaml:"users,omitempty" doc:"People who show a name and a password."`
	OIDC   *OIDC         `yaml:"oidc,omitempty" doc:"An OpenID Connect provider at which people sign in."`
}

// AccessToken is a bearer token.
type AccessToken struct {
	Name string `yaml:"name" required:"true" doc:"What the token is called in logs and timelines."`
	// SHA256 is that of the token, in 64 hexadecimal digits.
	SHA256 option.Secret `yaml:"sha256" required:"true" doc:"The SHA-256 of the token in hexadecimal; starter secret token makes both. It is never shown."`
	Role   string        `yaml:"role" required:"true" enum:"viewer,operator,admin" doc:"viewer sees everything, operator also acknowledges, silences, pauses and approves, admin may do everything."`
}

// AccessUser is a person with a password.
type AccessUser struct {
	Name string `yaml:"name" required:"true" doc:"What the person is called, also in logs and timelines."`
	// Bcrypt is the hash of the password, of cost 10 to 14.
	Bcrypt option.Secret `yaml:"bcrypt" required:"true" doc:"The bcrypt hash of the password, of cost 10 to 14; starter secret password makes one. It is never shown."`
	Role   string        `yaml:"role" required:"true" enum:"viewer,operator,admin" doc:"viewer sees everything, operator also acknowledges, silences, pauses and approves, admin may do everything."`
}

// OIDC is an OpenID Connect provider.
type OIDC struct {
	Issuer       string        `yaml:"issuer" required:"true" doc:"The provider's issuer address, as its discovery document says it."`
	ClientID     string        `yaml:"client_id" required:"true" doc:"What the provider calls paramedic. Register public_url with /oidc/callback there."`
	ClientSecret option.Secret `yaml:"client_secret" doc:"The secret that the provider gave to paramedic; it is never shown. None, for a public client, unless set."`
	// Claim is where the provider says what somebody is.
	Claim string `yaml:"claim" doc:"The claim that holds groups or roles, with dots into objects, like realm_access.roles; groups unless set."`
	// Roles is by value of the claim.
	Roles  map[string]string `yaml:"roles" required:"true" enum:"viewer,operator,admin" doc:"The role, viewer, operator or admin, for each value of the claim; the highest counts, and without any nobody comes in."`
	Scopes []string          `yaml:"scopes" doc:"What the provider is asked for besides openid; [profile, email, groups] unless set."`
}

// builtinOIDC is what holds when the section says nothing.
func builtinOIDC() OIDC {
	return OIDC{Claim: "groups", Scopes: []string{"profile", "email", "groups"}}
}

// Any reports whether somebody may come in by a token, a password or a provider.
func (a Access) Any() bool { return len(a.Tokens) > 0 || len(a.Users) > 0 || a.OIDC != nil }

// Open reports whether the pages may be served on addresses that other machines
// reach: everybody says who they are, and nobody else hears it.
func (h HTTP) Open() bool { return h.Access.Any() && (h.TLS != nil || h.BehindProxy) }

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
		_, notNetwork := netip.ParsePrefix(text)
		if _, err := netip.ParseAddr(text); err != nil && notNetwork != nil {
			c.wrong(fmt.Sprintf("http.trusted_proxies[%d]", i), "%q is neither an address nor a network; write it like 10.0.0.7 or 10.0.0.0/24", text)
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
