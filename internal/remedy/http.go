package remedy

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
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
	if !printable(o.Token.Reveal()) {
		problems.Add("token", "holds a line break or another control character")
	}
	o.validateHeaders(&problems)
	for i, code := range o.Expect {
		if code < 200 || code > 599 {
			problems.Add(fmt.Sprintf("expect[%d]", i), "%d is not the status code of an answer; write one from 200 to 599", code)
		}
	}
	if o.Timeout.Std() <= 0 {
		problems.Add("timeout", "%s is too short; write more than 0s", o.Timeout)
	}
	if _, err := certificates(o.TLS.CA); err != nil {
		problems.Add("tls.ca", "%v", err)
	}
	return problems
}

func (o *HTTP) validateHeaders(problems *option.Problems) {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		path, canonical := "headers."+name, http.CanonicalHeaderKey(name)
		switch {
		case !headerName(name):
			problems.Add(path, "%q is not the name of a header", name)
		case slices.Contains(ownHeaders, canonical):
			problems.Add(path, "%s is set by paramedic itself", canonical)
		case canonical == "Authorization" && !o.Token.Empty():
			problems.Add(path, "token already sets Authorization; keep one of the two")
		case seen[canonical] != "":
			problems.Add(path, "is the same header as %s", seen[canonical])
		case !printable(o.Headers[name].Reveal()):
			problems.Add(path, "holds a line break or another control character")
		}
		seen[canonical] = name
	}
}

// headerName reports whether name is a token of RFC 9110, section 5.6.2.
func headerName(name string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune(marks, r)
	})
}

func printable(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// certificates reads the authorities of a PEM file; nil, for no file, means the
// system's.
func certificates(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return pool, nil
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
	roots, err := certificates(o.TLS.CA)
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
