package alert

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// webhook posts each alert as a small JSON document.
var webhook = Kind{
	Name:  "webhook",
	Batch: 1,
	Doc:   "POSTs each alert as JSON to a URL.",
	Options: func() Options {
		return &WebhookOptions{Timeout: health.Duration(10 * time.Second)}
	},
}

// WebhookOptions say where and how alerts are posted.
type WebhookOptions struct {
	URL     string                   `yaml:"url" required:"true" doc:"Where alerts are posted: an http or https address."`
	Token   option.Secret            `yaml:"token" doc:"Sent as \"Authorization: Bearer ...\"."`
	Headers map[string]option.Secret `yaml:"headers" doc:"Further request headers; their values are never shown."`
	Timeout health.Duration          `yaml:"timeout" doc:"How long one attempt may take, 10s unless set."`
	TLS     WebhookTLS               `yaml:"tls" doc:"How the receiver's certificate is verified; it always is."`
}

// WebhookTLS says whom to trust.
type WebhookTLS struct {
	CA string `yaml:"ca" doc:"A PEM file of certificate authorities to trust instead of the system's."`
}

// ownHeaders are set by the receiver itself.
var ownHeaders = []string{"Content-Length", "Content-Type", "Host", "Idempotency-Key", "Transfer-Encoding", "User-Agent"}

// Validate implements Options. No problem shows the URL's query or a secret.
func (o *WebhookOptions) Validate() option.Problems {
	var problems option.Problems
	address, err := url.Parse(o.URL)
	switch {
	case err != nil || (address.Scheme != "http" && address.Scheme != "https") || address.Hostname() == "":
		problems.Add("url", "is not an address; write it like https://ops.example/alerts")
	case address.User != nil:
		problems.Add("url", "holds a user or password; use token or headers instead")
	}
	problems = append(problems, option.Headers{Headers: o.Headers, Token: o.Token, Own: ownHeaders}.Check()...)
	if o.Timeout <= 0 {
		problems.Add("timeout", "%s is not positive; write it like 10s", o.Timeout)
	}
	if _, err := option.Authorities(o.TLS.CA); err != nil {
		problems.Add("tls.ca", "%v", err)
	}
	return problems
}

// Open implements Options.
func (o *WebhookOptions) Open(*Texts) (Receiver, error) {
	address, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("webhook: url is not an address")
	}
	caller, err := newCaller("webhook "+address.Host, o.Timeout, o.TLS, o.confidential(address))
	if err != nil {
		return nil, err
	}
	return &webhookReceiver{caller: caller, url: o.URL, header: o.header()}, nil
}

func (o *WebhookOptions) header() http.Header {
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"paramedic"}}
	for name, value := range o.Headers {
		header.Set(name, value.Reveal())
	}
	if !o.Token.Empty() {
		header.Set("Authorization", "Bearer "+o.Token.Reveal())
	}
	return header
}

// confidential lists what a receiver might echo and nobody should read: the
// secrets, and what follows the host in the address, since the addresses of
// many chat services are themselves the key.
func (o *WebhookOptions) confidential(address *url.URL) []string {
	values := []string{o.Token.Reveal(), address.RawQuery, address.RequestURI()}
	for _, value := range o.Headers {
		values = append(values, value.Reveal())
	}
	for _, query := range address.Query() {
		values = append(values, query...)
	}
	return values
}

type webhookReceiver struct {
	*caller
	url    string
	header http.Header
}

// Send implements Receiver. Errors name the host only, never the rest of the
// address, and a failed answer adds the beginning of its text.
func (w *webhookReceiver) Send(ctx context.Context, alerts []health.Alert) error {
	message := alerts[0] // its Batch is 1
	body, err := encode(newWebhookBody(message))
	if err != nil {
		return Refused{fmt.Errorf("%s: %w", w.name, err)}
	}
	header := w.header.Clone()
	// Known to receivers as the mark of a retry; the transport, too, then
	// repeats a request that a closing idle connection has lost.
	header.Set("Idempotency-Key", message.DedupKey)
	_, err = w.call(ctx, http.MethodPost, w.url, header, body)
	return err
}
