package alert

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// caller sends the requests of one receiver to one host.
type caller struct {
	// name is the receiver's kind and the host: what errors begin with.
	name     string
	timeout  time.Duration
	client   *http.Client
	redactor *option.Redactor
}

// newCaller trusts the certificate authorities of trust and keeps confidential
// out of every error.
func newCaller(name string, timeout health.Duration, trust WebhookTLS, confidential []string) (*caller, error) {
	roots, err := option.Authorities(trust.CA)
	if err != nil {
		return nil, fmt.Errorf("%s: tls.ca: %w", name, err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return &caller{
		name: name, timeout: timeout.Std(), redactor: option.NewRedactor(confidential),
		client: &http.Client{Transport: transport, CheckRedirect: stayHere},
	}, nil
}

// call sends one request and returns the beginning of the answer, if that is a
// good one. Errors name the host only, never the rest of the address.
func (c *caller) call(ctx context.Context, method, address string, header http.Header, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s", health.Duration(c.timeout)))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, Refused{fmt.Errorf("%s: url is not an address", c.name)}
	}
	request.Header = header.Clone()
	request.Header.Set("User-Agent", "paramedic")
	response, err := c.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, c.transportError(ctx, err))
	}
	defer response.Body.Close()
	// An answer that breaks off has said what it has said; its code decides.
	answer, _ := io.ReadAll(io.LimitReader(response.Body, drainLimit))
	return answer, c.judge(response, answer)
}

// transportError says why there was no answer. The client's own error is
// unwrapped because it repeats the whole address.
func (c *caller) transportError(ctx context.Context, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) {
		return cause
	}
	// A server that does not speak HTTP properly is quoted in the error.
	if clean := c.redactor.Redact(err.Error()); clean != err.Error() {
		return errors.New(clean)
	}
	return err
}

// Close ends idle connections.
func (c *caller) Close() error {
	c.client.CloseIdleConnections()
	return nil
}

// stayHere keeps the client from following redirects: a POST would arrive as a
// GET, or carry the token to another host.
func stayHere(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
