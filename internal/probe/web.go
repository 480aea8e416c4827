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

	"paramedic/internal/option"
)

// webIdle is how long an idle connection is kept; longer than the usual
// interval, so that one connection serves all probes.
const webIdle = 3 * time.Minute

// request says what is asked of a web service, and how.
type request struct {
	url, method, body string
	headers           map[string]option.Secret
	token             option.Secret
	follow            bool
	tls               HTTPTLS
	accept            string // content types; empty leaves it to the server
}

// check reports what cannot be sent; the paths are those of the options.
func (r request) check(problems *option.Problems) {
	r.checkURL(problems)
	for _, name := range namesOf(r.headers) {
		if !validHeader(name, r.headers[name].Reveal()) {
			problems.Add("headers."+name, "is not a header that can be sent")
		}
		if strings.EqualFold(name, "Authorization") && !r.token.Empty() {
			problems.Add("headers."+name, "and token both set the header Authorization; keep one")
		}
	}
	if !validHeader("Authorization", r.token.Reveal()) {
		problems.Add("token", "holds a line break or another control character")
	}
	if _, err := r.tls.config(); err != nil {
		problems.Add("tls.ca", "%v", err)
	}
}

func (r request) checkURL(problems *option.Problems) {
	if r.url == "" {
		return
	}
	// The text is not repeated: its query may hold a key.
	parsed, err := url.Parse(r.url)
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

// header returns the request headers.
func (r request) header() http.Header {
	header := http.Header{"User-Agent": {"paramedic"}}
	if r.accept != "" {
		header.Set("Accept", r.accept)
	}
	for name, value := range r.headers {
		header.Set(name, value.Reveal())
	}
	if !r.token.Empty() {
		header.Set("Authorization", "Bearer "+r.token.Reveal())
	}
	return header
}

// secrets are what no message may repeat.
func (r request) secrets() []option.Secret {
	return append(slices.Collect(maps.Values(r.headers)), r.token)
}

// web asks one web service. It keeps one client, and with it its connection,
// between probes.
type web struct {
	request   request
	target    *url.URL
	header    http.Header
	transport *http.Transport
	client    *http.Client
}

// newWeb makes a client. Nothing is sent yet.
func newWeb(r request) (*web, error) {
	target, err := url.Parse(r.url)
	if err != nil {
		return nil, errors.New("url is not a URL")
	}
	config, err := r.tls.config()
	if err != nil {
		return nil, fmt.Errorf("tls.ca: %w", err)
	}
	w := &web{request: r, target: target, header: r.header(), transport: &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 1, IdleConnTimeout: webIdle,
	}}
	w.client = &http.Client{Transport: w.transport, CheckRedirect: w.redirect}
	return w, nil
}

// ask sends the request. Whoever calls it closes the answer's body.
func (w *web) ask(ctx context.Context) (*http.Response, error) {
	asked, err := http.NewRequestWithContext(ctx, w.request.method, w.request.url, strings.NewReader(w.request.body))
	if err != nil {
		return nil, err
	}
	asked.Header = w.header.Clone()
	asked.Host = asked.Header.Get("Host") // empty: the URL's
	return w.client.Do(asked)
}

// redirect keeps what may be secret from other hosts: net/http drops the
// header Authorization there, but not keys in headers of other names.
func (w *web) redirect(next *http.Request, via []*http.Request) error {
	if !w.request.follow {
		return http.ErrUseLastResponse
	}
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	if next.URL.Host != w.target.Host || next.URL.Scheme != w.target.Scheme {
		for name := range w.header {
			next.Header.Del(name)
		}
		next.Host = ""
	}
	return nil
}

// drop closes idle connections. A failure calls for it: HTTP/2 would go on
// using one whose other end is gone.
func (w *web) drop() { w.transport.CloseIdleConnections() }
