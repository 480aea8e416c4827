package config

import "paramedic/internal/option"

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
