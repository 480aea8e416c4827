package remedy

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

const (
	// httpTimeout is the default of the option timeout.
	httpTimeout = health.Duration(30 * time.Second)
	// httpSlack is what Apply needs besides the call itself.
	httpSlack = 5 * time.Second
)

// HTTP are the options of kind http.
type HTTP struct {
	URL        string                   `yaml:"url" required:"true" doc:"Address to call, http or https."`
	Method     string                   `yaml:"method" enum:"POST,PUT,PATCH,DELETE,GET" doc:"Request method; POST if not given."`
	Headers    map[string]option.Secret `yaml:"headers" doc:"Request headers; their values are treated as secrets."`
	Token      option.Secret            `yaml:"token" doc:"Bearer token for the header Authorization."`
	Body       string                   `yaml:"body" doc:"Request body, JSON unless the header Content-Type says otherwise. A secret in it comes from the environment, as ${NAME}."`
	Expect     []int                    `yaml:"expect" min:"200" max:"599" doc:"Status codes that mean success; any from 200 to 299 if not given. Redirects are not followed."`
	Idempotent bool                     `yaml:"idempotent" doc:"Whether the call may be made again if the worker ends before the answer is known; if not, it is made once at most, and its outcome may stay uncertain."`
	Timeout    health.Duration          `yaml:"timeout" doc:"How long the call may take, connecting included; 30s if not given."`
	TLS        HTTPTLS                  `yaml:"tls" doc:"How the server's certificate is verified; it always is."`
}

// HTTPTLS says whom to trust.
type HTTPTLS struct {
	CA string `yaml:"ca" doc:"File of PEM certificates to trust instead of the system's."`
}

func httpKind() Kind {
	return Kind{
		Name:    "http",
		Doc:     "Calls an endpoint of a web service, like one that restarts or drains something. Proxies of the environment are not used.",
		Options: func() Options { return &HTTP{Method: http.MethodPost, Timeout: httpTimeout} },
	}
}

// ownHeaders are set by the remedy itself.
var ownHeaders = []string{
	"Connection", "Content-Length", "Host", "Idempotency-Key", "Transfer-Encoding", "User-Agent",
}

// Validate implements Options. No problem shows the URL, which may hold a key,
// or a secret.
func (o *HTTP) Validate() option.Problems {
	var problems option.Problems
	address, err := url.Parse(o.URL)
	switch {
	case err != nil || (address.Scheme != "http" && address.Scheme != "https") || address.Hostname() == "":
		problems.Add("url", "is not an address to call; write it like https://app.example/admin/restart")
	case address.User != nil:
		problems.Add("url", "holds a user name or password; use token or headers, which are kept secret")
	}
	if o.Body != "" && o.Method == http.MethodGet {
		problems.Add("body", "method GET has none; use method POST")
	}
	problems = append(problems, option.Headers{Headers: o.Headers, Token: o.Token, Own: ownHeaders}.Check()...)
	for i, code := range o.Expect {
		if code < 200 || code > 599 {
			problems.Add(fmt.Sprintf("expect[%d]", i), "%d is not the status code of an answer; write one from 200 to 599", code)
		}
	}
	if o.Timeout.Std() <= 0 {
		problems.Add("timeout", "%s is too short; write more than 0s", o.Timeout)
	}
	if _, err := option.Authorities(o.TLS.CA); err != nil {
		problems.Add("tls.ca", "%v", err)
	}
	return problems
}

// Title implements Options. It names the host only: what follows may be a key.
func (o *HTTP) Title() string { return o.Method + " to " + origin(o.URL) }

// origin is the scheme and the host of an address.
func origin(address string) string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return "an endpoint"
	}
	return parsed.Scheme + "://" + parsed.Host
}

// Limit implements Options.
func (o *HTTP) Limit() time.Duration { return o.Timeout.Std() + httpSlack }

// Open implements Options.
func (o *HTTP) Open() (Remedy, error) {
	address, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("url is not an address")
	}
	roots, err := option.Authorities(o.TLS.CA)
	if err != nil {
		return nil, fmt.Errorf("tls.ca: %w", err)
	}
	return &httpRemedy{
		options: *o, address: address, roots: roots, redactor: option.NewRedactor(o.confidential(address)),
	}, nil
}

// confidential lists what an answer or an error might echo and nobody should
// read: the secrets, and what follows the host in the address.
func (o *HTTP) confidential(address *url.URL) []string {
	values := []string{o.Token.Reveal(), o.Body, address.RawQuery, address.Path, address.EscapedPath(), address.RequestURI()}
	for _, value := range o.Headers {
		values = append(values, value.Reveal())
	}
	for _, query := range address.Query() {
		values = append(values, query...)
	}
	return values
}

// header returns the request headers. The key goes along with an idempotent
// call only: it tells the endpoint a repetition from a second call.
func (o *HTTP) header(key string) http.Header {
	header := http.Header{"User-Agent": {"paramedic"}}
	if o.Body != "" {
		header.Set("Content-Type", "application/json")
	}
	for name, value := range o.Headers {
		header.Set(name, value.Reveal())
	}
	if !o.Token.Empty() {
		header.Set("Authorization", "Bearer "+o.Token.Reveal())
	}
	if o.Idempotent {
		header.Set("Idempotency-Key", key)
	}
	return header
}
