package remedy

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

const (
	// answerLimit bounds in bytes what is read of an answer.
	answerLimit = 64 << 10
	// excerptLimit is how many bytes of a failed answer the detail repeats.
	excerptLimit = 200
)

// httpRemedy connects anew for each call and sends one request at most on each
// connection, so that net/http has no occasion to send it twice.
type httpRemedy struct {
	options  HTTP
	address  *url.URL
	roots    *x509.CertPool
	redactor *option.Redactor
}

// Close implements Remedy.
func (r *httpRemedy) Close() error { return nil }

// callMark is what the remedy saves before it sends the request.
type callMark struct {
	Started time.Time `json:"started"`
	// Key is the Idempotency-Key of the call, the same for each repetition.
	Key string `json:"key"`
}

// Apply implements Remedy. The connection is made before the checkpoint: an
// endpoint that cannot be reached was not called, and is tried again.
func (r *httpRemedy) Apply(ctx context.Context, request Request) (health.Treatment, error) {
	treatment, err := r.apply(ctx, request)
	if err != nil {
		return health.Treatment{}, r.hide(fmt.Errorf("%s: %w", r.options.Title(), err))
	}
	return treatment, nil
}

func (r *httpRemedy) apply(ctx context.Context, request Request) (health.Treatment, error) {
	var mark callMark
	resumed, err := request.Checkpoint.Load(&mark)
	if err != nil {
		return health.Treatment{}, err
	}
	if resumed && !r.options.Idempotent {
		return health.Treatment{Effect: health.Uncertain, Detail: fmt.Sprintf(
			"%s was begun at %s, and the worker ended before the answer was known; not called again",
			r.options.Title(), mark.Started.UTC().Format("15:04:05 MST"))}, nil
	}
	limit := fmt.Errorf("no answer within %s", r.options.Timeout)
	calling, cancel := context.WithTimeoutCause(ctx, r.options.Timeout.Std(), limit)
	defer cancel()
	conn, err := r.connect(calling)
	if err != nil {
		return health.Treatment{}, because(calling, err)
	}
	defer conn.Close()
	if !resumed {
		mark = callMark{Started: time.Now().UTC(), Key: rand.Text()}
		if err := request.Checkpoint.Save(ctx, mark); err != nil {
			return health.Treatment{}, err
		}
	}
	return r.call(ctx, calling, conn, mark)
}

// because puts the reason of an expired context in the place of err, and leaves
// out the address that a client's error repeats.
func because(ctx context.Context, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// connect opens the connection for one call, TLS included. That a certificate
// is not to be trusted stays so.
func (r *httpRemedy) connect(ctx context.Context) (net.Conn, error) {
	port := r.address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[r.address.Scheme]
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(r.address.Hostname(), port))
	if err != nil || r.address.Scheme == "http" {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{
		RootCAs: r.roots, ServerName: r.address.Hostname(), MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
			return nil, Final{err}
		}
		return nil, err
	}
	return secure, nil
}

// call sends the request and judges the answer.
func (r *httpRemedy) call(ctx, calling context.Context, conn net.Conn, mark callMark) (health.Treatment, error) {
	request, err := http.NewRequestWithContext(calling, r.options.Method, r.options.URL, strings.NewReader(r.options.Body))
	if err != nil {
		return health.Treatment{}, Final{errors.New("url is not an address")}
	}
	request.Header = r.options.header(mark.Key)
	client := &http.Client{Transport: only(conn), CheckRedirect: stayHere}
	start := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return r.unanswered(ctx, because(calling, err))
	}
	defer response.Body.Close()
	// An answer that breaks off has said what it has said; its code decides.
	text, _ := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	return r.judge(response, string(text), time.Since(start)), nil
}

// unanswered says what is known of a call without an answer: the endpoint may
// have done its work all the same. One that may be called again is.
func (r *httpRemedy) unanswered(ctx context.Context, err error) (health.Treatment, error) {
	if ctx.Err() != nil || r.options.Idempotent {
		return health.Treatment{}, err
	}
	return health.Treatment{Effect: health.Uncertain, Detail: r.redactor.Redact(fmt.Sprintf(
		"%s was sent, and there is no answer: %v; not called again", r.options.Title(), err))}, nil
}

// only is a transport whose one connection is conn, for one request.
func only(conn net.Conn) *http.Transport {
	given := make(chan net.Conn, 1)
	given <- conn
	dial := func(context.Context, string, string) (net.Conn, error) {
		select {
		case conn := <-given:
			return conn, nil
		default:
			return nil, errors.New("the connection was lost")
		}
	}
	return &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true}
}

// stayHere keeps the client from following redirects: a POST would arrive as a
// GET, or carry the token to another host.
func stayHere(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// judge compares the answer with what is expected.
func (r *httpRemedy) judge(response *http.Response, text string, took time.Duration) health.Treatment {
	code := response.StatusCode
	good := code >= 200 && code < 300
	if len(r.options.Expect) > 0 {
		good = slices.Contains(r.options.Expect, code)
	}
	answer := strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
	treatment := health.Treatment{Effect: health.Failed, Output: r.excerpt(text, outputLimit)}
	switch {
	case good:
		treatment.Effect = health.Applied
		treatment.Detail = fmt.Sprintf("%s was answered %s in %s", r.options.Title(), answer, took.Round(time.Millisecond))
	case code >= 300 && code < 400:
		treatment.Detail = fmt.Sprintf("%s was answered %s%s, and redirects are not followed; set url to the final address",
			r.options.Title(), answer, destination(response))
	default:
		treatment.Detail = fmt.Sprintf("%s was answered %s", r.options.Title(), answer)
		if said := r.excerpt(text, excerptLimit); said != "" {
			treatment.Detail += ": " + said
		}
	}
	return treatment
}

// destination names where a redirect leads, its scheme and host only.
func destination(response *http.Response) string {
	location, err := response.Location()
	if err != nil {
		return ""
	}
	return " (to " + (&url.URL{Scheme: location.Scheme, Host: location.Host}).String() + ")"
}

// excerpt is the beginning of an answer on one line, without secrets.
func (r *httpRemedy) excerpt(text string, limit int) string {
	if len(text) >= answerLimit {
		text += "…" // so that half of a secret is known for one
	}
	text = strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return ' '
		}
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, r.redactor.Redact(strings.ToValidUTF8(text, "")))
	text = strings.Join(strings.Fields(text), " ")
	// Once more: what was taken out may have stood in the middle of one.
	return health.Clip(r.redactor.Redact(text), limit)
}

// hide takes secrets out of an error, which a server that does not speak HTTP
// properly may have put there.
func (r *httpRemedy) hide(err error) error {
	clean := r.redactor.Redact(err.Error())
	if clean == err.Error() {
		return err
	}
	if _, final := errors.AsType[Final](err); final {
		return Final{errors.New(clean)}
	}
	return errors.New(clean)
}
