package probe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// HTTP are the options of kind http.
type HTTP struct {
	URL             string                   `yaml:"url" required:"true" doc:"Address to ask, http or https."`
	Method          string                   `yaml:"method" enum:"GET,HEAD,POST" doc:"Request method."`
	Headers         map[string]option.Secret `yaml:"headers" doc:"Request headers; their values are treated as secrets."`
	Token           option.Secret            `yaml:"token" doc:"Bearer token for the header Authorization."`
	Body            string                   `yaml:"body" doc:"Request body, with method POST."`
	Expect          []string                 `yaml:"expect" doc:"Conditions that all have to hold, else unhealthy. They speak of status, headers (names in lower case), body (parsed JSON), text, latency (until the whole answer is there) and age(time), and are written in the language of expr-lang.org."`
	ExpectDegraded  []string                 `yaml:"expect_degraded" doc:"Conditions that all have to hold, else degraded."`
	FollowRedirects bool                     `yaml:"follow_redirects" doc:"Follow up to 10 redirects; headers and token stay with the first host."`
	TLS             HTTPTLS                  `yaml:"tls" doc:"How the server's certificate is verified."`
}

// httpIdle is how long an idle connection is kept; longer than the usual
// interval, so that one connection serves all probes.
const httpIdle = 3 * time.Minute

func httpKind() Kind {
	return Kind{
		Name: "http",
		Doc:  "Asks a web service and checks its answer: status, headers, JSON body, response time, age of its data. Proxies of the environment are not used.",
		Options: func() Options {
			return &HTTP{
				Method:          http.MethodGet,
				Expect:          []string{"status >= 200 && status < 300"},
				FollowRedirects: true,
			}
		},
	}
}

// Validate implements Options.
func (o *HTTP) Validate() option.Problems {
	var problems option.Problems
	o.checkURL(&problems)
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		if !validHeader(name, o.Headers[name].Reveal()) {
			problems.Add("headers."+name, "is not a header that can be sent")
		}
		if strings.EqualFold(name, "Authorization") && !o.Token.Empty() {
			problems.Add("headers."+name, "and token both set the header Authorization; keep one")
		}
	}
	if !validHeader("Authorization", o.Token.Reveal()) {
		problems.Add("token", "holds a line break or another control character")
	}
	if o.Body != "" && o.Method != http.MethodPost {
		problems.Add("body", "needs method POST")
	}
	_, failures := compileAll("expect", o.Expect)
	_, degraded := compileAll("expect_degraded", o.ExpectDegraded)
	problems = append(append(problems, failures...), degraded...)
	if _, err := o.TLS.config(); err != nil {
		problems.Add("tls.ca", "%v", err)
	}
	return problems
}

func (o *HTTP) checkURL(problems *option.Problems) {
	if o.URL == "" {
		return
	}
	// The text is not repeated: its query may hold a key.
	parsed, err := url.Parse(o.URL)
	switch {
	case err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https":
		problems.Add("url", "is not a URL that begins with http:// or https://")
	case parsed.User != nil:
		problems.Add("url", "holds a user name or password; use token or headers, which are kept secret")
	}
}

// validHeader reports whether net/http will send the header: its own rule,
// applied when the configuration is read.
func validHeader(name, value string) bool {
	isToken := name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
	isClean := !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
	return isToken && isClean
}

// compileAll compiles conditions and reports each that does not.
func compileAll(path string, texts []string) ([]condition, option.Problems) {
	var problems option.Problems
	conditions := make([]condition, 0, len(texts))
	for i, text := range texts {
		compiled, err := compile(text)
		if err != nil {
			problems.Add(fmt.Sprintf("%s[%d]", path, i), "%v", err)
		}
		conditions = append(conditions, compiled)
	}
	return conditions, problems
}

// Open implements Options.
func (o *HTTP) Open() (Prober, error) {
	target, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("url is not a URL")
	}
	config, err := o.TLS.config()
	if err != nil {
		return nil, fmt.Errorf("tls.ca: %w", err)
	}
	expect, failures := compileAll("expect", o.Expect)
	degraded, more := compileAll("expect_degraded", o.ExpectDegraded)
	if all := append(failures, more...); len(all) > 0 {
		return nil, fmt.Errorf("%s: %s", all[0].Path, all[0].Text)
	}
	p := &httpProber{
		options: *o, target: target, expect: expect, degraded: degraded, header: o.header(),
		transport: &http.Transport{
			TLSClientConfig: config, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 1, IdleConnTimeout: httpIdle,
		},
	}
	p.client = &http.Client{Transport: p.transport, CheckRedirect: p.redirect}
	return p, nil
}

// header returns the request headers.
func (o *HTTP) header() http.Header {
	header := http.Header{"User-Agent": {"paramedic"}}
	for name, value := range o.Headers {
		header.Set(name, value.Reveal())
	}
	if !o.Token.Empty() {
		header.Set("Authorization", "Bearer "+o.Token.Reveal())
	}
	return header
}

// httpProber keeps one client, and with it its connection, between probes.
type httpProber struct {
	options          HTTP
	target           *url.URL
	header           http.Header
	expect, degraded []condition
	transport        *http.Transport
	client           *http.Client
}

// Probe implements Prober.
func (p *httpProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx, append(slices.Collect(maps.Values(p.options.Headers)), p.options.Token)...)
	a.doing("waiting for the answer of %s", p.target.Host)
	request, err := p.request(ctx)
	if err != nil {
		return a.failed(err)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return p.failed(a, err)
	}
	a.doing("reading the answer of %s", p.target.Host)
	found, err := readAnswerOf(ctx, response, a.start)
	if err != nil {
		return p.failed(a, err)
	}
	result := found.judge(p.expect, p.degraded)
	result.Message = a.hide.Redact(result.Message)
	return result
}

// failed also drops the connection: HTTP/2 would go on using one whose other
// end is gone.
func (p *httpProber) failed(a *attempt, err error) health.Result {
	p.transport.CloseIdleConnections()
	return a.failed(err)
}

func (p *httpProber) request(ctx context.Context) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, p.options.Method, p.options.URL, strings.NewReader(p.options.Body))
	if err != nil {
		return nil, err
	}
	request.Header = p.header.Clone()
	request.Host = request.Header.Get("Host") // empty: the URL's
	return request, nil
}

// redirect keeps what may be secret from other hosts: net/http drops the
// header Authorization there, but not keys in headers of other names.
func (p *httpProber) redirect(next *http.Request, via []*http.Request) error {
	if !p.options.FollowRedirects {
		return http.ErrUseLastResponse
	}
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	if next.URL.Host != p.target.Host || next.URL.Scheme != p.target.Scheme {
		for name := range p.header {
			next.Header.Del(name)
		}
		next.Host = ""
	}
	return nil
}

// Close implements Prober.
func (p *httpProber) Close() error {
	p.transport.CloseIdleConnections()
	return nil
}
