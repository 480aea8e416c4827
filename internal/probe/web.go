package probe

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"paramedic/internal/option"
)

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
	if _, wrong := readURL(r.url); wrong != "" {
		problems.Add("url", "%s", wrong)
	}
}

// readURL reads an address, and says what is wrong with it. The text is not
// repeated: its query may hold a key.
func readURL(text string) (parsed *url.URL, wrong string) {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https":
		return nil, "is not a URL that begins with http:// or https://"
	case parsed.User != nil:
		return nil, "holds a user name or password; use token or headers, which are kept secret"
	}
	return parsed, ""
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

// hide masks what no message may repeat; nil if there is nothing.
func (r request) hide() *option.Redactor {
	var values []string
	for _, secret := range append(slices.Collect(maps.Values(r.headers)), r.token) {
		if !secret.Empty() {
			values = append(values, secret.Reveal())
		}
	}
	if len(values) == 0 {
		return nil
	}
	return option.NewRedactor(values)
}

// page is what to ask a web service for.
type page struct {
	url  *url.URL
	body string
	// target is whose page it is, if it is that of one of many.
	target string
}

// asker asks web services.
type asker interface {
	// ask sends the request. Whoever calls it closes the answer's body.
	ask(ctx context.Context, asked page) (*http.Response, error)
	// lost says that there was no answer, or that it broke off: the connection
	// to the service is not to be trusted.
	lost(asked page)
}

// web is an asker. It keeps its connections between probes.
type web struct {
	method, host string
	follow       bool
	header       http.Header // shared by all requests, and not to be changed
	transport    transport
}

// transport sends requests, and keeps connections for more.
type transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

// newWeb returns an asker. Nothing is sent yet.
func newWeb(r request, transport transport) *web {
	w := &web{method: r.method, follow: r.follow, header: r.header(), transport: transport}
	w.host = w.header.Get("Host") // empty: the URL's
	return w
}

// ask implements asker. A client, which copies all headers each time in case
// that it is sent elsewhere, is made only for answers that do so.
func (w *web) ask(ctx context.Context, p page) (*http.Response, error) {
	var body io.Reader
	if p.body != "" {
		body = strings.NewReader(p.body)
	}
	asked, err := http.NewRequestWithContext(ctx, w.method, "", body)
	if err != nil {
		return nil, err
	}
	asked.URL, asked.Host, asked.Header = p.url, w.host, w.header
	response, err := w.transport.RoundTrip(asked)
	if err != nil || !w.follow || response.Header.Get("Location") == "" {
		return response, err
	}
	client := &http.Client{Transport: &answered{response, w.transport}, CheckRedirect: w.redirect}
	return client.Do(asked)
}

// answered has the answer to the first request already.
type answered struct {
	first *http.Response
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (a *answered) RoundTrip(asked *http.Request) (*http.Response, error) {
	if first := a.first; first != nil {
		a.first = nil
		return first, nil
	}
	return a.next.RoundTrip(asked)
}

// redirect keeps what may be secret from other hosts: net/http drops the
// header Authorization there, but not keys in headers of other names.
func (w *web) redirect(next *http.Request, via []*http.Request) error {
	if !w.follow {
		return http.ErrUseLastResponse
	}
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	if first := via[0].URL; next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
		for name := range w.header {
			next.Header.Del(name)
		}
		next.Host = ""
	}
	return nil
}

// lost implements asker: HTTP/2 would go on using a connection whose other end
// is gone.
func (w *web) lost(page) { w.close() }

// close closes idle connections.
func (w *web) close() { w.transport.CloseIdleConnections() }
