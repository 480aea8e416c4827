package access

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

const (
	providerTimeout = 10 * time.Second
	// answerLimit bounds each answer of the provider in bytes.
	answerLimit = 1 << 20
	// discoverAgain is how long a provider that could not be reached is left
	// alone.
	discoverAgain = 5 * time.Second
	callbackPath  = "/oidc/callback"
)

// provider is an OpenID Connect provider, found when it is needed first.
type provider struct {
	OIDC
	callback string
	client   *http.Client
	now      func() time.Time

	mu       sync.Mutex
	found    *discovered
	failure  error
	failedAt time.Time
}

// discovered is what the provider says of itself.
type discovered struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	flow     oauth2.Config
}

func newProvider(o OIDC, publicURL string, now func() time.Time) *provider {
	if o.Claim == "" {
		o.Claim = "groups"
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"profile", "email", "groups"}
	}
	return &provider{
		OIDC: o, now: now,
		callback: strings.TrimRight(publicURL, "/") + callbackPath,
		client: &http.Client{
			Timeout: providerTimeout, Transport: limitedAnswers{http.DefaultTransport}, CheckRedirect: sameHost,
		},
	}
}

// sameHost keeps the client secret from being sent on to another host.
func sameHost(r *http.Request, via []*http.Request) error {
	if first := via[0].URL; len(via) > 3 || r.URL.Host != first.Host || r.URL.Scheme != first.Scheme {
		return errors.New("the provider redirects elsewhere")
	}
	return nil
}

// limitedAnswers cuts answers that are too long.
type limitedAnswers struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l limitedAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, answerLimit), response.Body}
	return response, nil
}

// purpose binds what is sealed to this provider.
func (p *provider) purpose(name string) string {
	return strings.Join([]string{name, p.Issuer, p.ClientID}, "\x00")
}

// role is the highest that the values of the claim give.
func (p *provider) role(values []string) Role {
	highest := Public
	for _, value := range values {
		highest = max(highest, p.Roles[value])
	}
	return highest
}

// discover asks the provider for its addresses, once. What fails is tried again
// for the next who signs in.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if p.failure != nil && p.now().Sub(p.failedAt) < discoverAgain {
		return nil, p.failure
	}
	// It is asked for all who wait, also when the first of them has gone.
	ctx, cancel := context.WithTimeout(oidc.ClientContext(context.WithoutCancel(ctx), p.client), providerTimeout)
	defer cancel()
	found, err := oidc.NewProvider(ctx, p.Issuer)
	if err != nil {
		p.failure, p.failedAt = fmt.Errorf("provider %s: %s", p.Issuer, p.redacted(err)), p.now()
		return nil, p.failure
	}
	p.found = &discovered{
		provider: found,
		verifier: found.Verifier(&oidc.Config{ClientID: p.ClientID, Now: p.now}),
		flow: oauth2.Config{
			ClientID: p.ClientID, ClientSecret: p.ClientSecret.Reveal(), Endpoint: found.Endpoint(),
			RedirectURL: p.callback, Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...),
		},
	}
	return p.found, nil
}

// person is whom the provider vouches for.
type person struct {
	name   string
	values []string
}

// redeem exchanges the code of a log-in for the person. Its errors hold no
// secret.
func (p *provider) redeem(ctx context.Context, code string, f flow) (person, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return person{}, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), providerTimeout)
	defer cancel()
	tokens, err := found.flow.Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return person{}, fmt.Errorf("exchange the code: %s", p.redacted(err, code, f.Verifier))
	}
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return person{}, errors.New("exchange the code: the answer holds no ID token")
	}
	idToken, err := found.verifier.Verify(ctx, raw)
	if err != nil {
		return person{}, fmt.Errorf("verify the ID token: %s", p.redacted(err, raw))
	}
	if subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(f.Nonce)) != 1 {
		return person{}, errors.New("verify the ID token: it belongs to another log-in (nonce)")
	}
	if idToken.AccessTokenHash != "" {
		if err := idToken.VerifyAccessToken(tokens.AccessToken); err != nil {
			return person{}, errors.New("verify the access token: it does not belong to the ID token")
		}
	}
	return p.describe(ctx, found, tokens, idToken)
}

// describe reads name and claim from the ID token or, if the claim is not in
// there, from the provider's userinfo.
func (p *provider) describe(ctx context.Context, found *discovered, tokens *oauth2.Token, idToken *oidc.IDToken) (person, error) {
	claims := map[string]any{}
	if err := idToken.Claims(&claims); err != nil {
		return person{}, fmt.Errorf("read the ID token: %s", p.redacted(err))
	}
	_, present := lookUp(claims, p.Claim)
	if !present && found.provider.UserInfoEndpoint() != "" {
		info, err := found.provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
		if err != nil {
			return person{}, fmt.Errorf("userinfo: %s", p.redacted(err, tokens.AccessToken))
		}
		// OpenID Connect Core, section 5.3.2: otherwise it may be somebody else's.
		if info.Subject != idToken.Subject {
			return person{}, errors.New("userinfo: it is about somebody else")
		}
		more := map[string]any{}
		if err := info.Claims(&more); err != nil {
			return person{}, fmt.Errorf("userinfo: %s", p.redacted(err, tokens.AccessToken))
		}
		for name, value := range more {
			if _, known := claims[name]; !known {
				claims[name] = value
			}
		}
	}
	values, _ := lookUp(claims, p.Claim)
	values = slices.DeleteFunc(values, func(value string) bool { return p.Roles[value] == Public })
	return person{name: nameIn(claims, idToken.Subject), values: values}, nil
}

// nameIn is what people are called in timelines.
func nameIn(claims map[string]any, subject string) string {
	for _, claim := range []string{"preferred_username", "email", "name"} {
		if name, _ := claims[claim].(string); plainName(name) != "" {
			return plainName(name)
		}
	}
	return plainName(subject)
}

// lookUp reads a claim, a text or a list of texts, by its name or by a path
// with dots. It reports whether the claim is there.
func lookUp(claims map[string]any, name string) ([]string, bool) {
	value, present := claims[name]
	if head, rest, dotted := strings.Cut(name, "."); !present && dotted {
		inner, _ := claims[head].(map[string]any)
		return lookUp(inner, rest)
	}
	switch value := value.(type) {
	case string:
		return []string{value}, true
	case []any:
		var texts []string
		for _, item := range value {
			if text, ok := item.(string); ok {
				texts = append(texts, text)
			}
		}
		return texts, true
	}
	return nil, present
}

// redacted is an error without the secrets of this log-in. What a provider
// writes into its errors is its own.
func (p *provider) redacted(err error, secrets ...string) string {
	text := err.Error()
	if refused := (*oauth2.RetrieveError)(nil); errors.As(err, &refused) && refused.Response != nil {
		text = fmt.Sprintf("the provider answers %d %s", refused.Response.StatusCode, refused.ErrorCode)
	}
	text = option.NewRedactor(append(secrets, p.ClientSecret.Reveal())).Redact(text)
	return health.Clip(strings.Join(strings.Fields(text), " "), 300)
}
