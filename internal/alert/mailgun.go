package alert

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// mailgun sends mail through the HTTP API of that name.
var mailgun = Kind{
	Name:      "mailgun",
	Batch:     200,
	GroupWait: 30 * time.Second,
	Doc: "Mails alerts to people through Mailgun's HTTP API, as text and HTML. Alerts that come up together are one mail, " +
		"and the mails of an incident are one thread. Mailgun takes a mail before it knows whether each recipient does.",
	Options: func() Options {
		return &MailgunOptions{Region: "us", Timeout: health.Duration(15 * time.Second)}
	},
}

// mailgunBases are the addresses of the API by region.
var mailgunBases = map[string]string{"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}

// MailgunOptions say with which account mail is sent, from whom and to whom.
type MailgunOptions struct {
	Domain  string          `yaml:"domain" required:"true" doc:"The sending domain, as registered with Mailgun: mg.example.org."`
	Key     option.Secret   `yaml:"key" required:"true" doc:"The API key, or better the domain's own sending key."`
	Region  string          `yaml:"region" enum:"us,eu" doc:"Where the domain is registered, us unless set."`
	URL     string          `yaml:"url" doc:"The address of the API without /v3, instead of that of the region."`
	From    string          `yaml:"from" required:"true" doc:"The sender: alerts@mg.example.org or \"Alerts <alerts@mg.example.org>\"."`
	To      []string        `yaml:"to" required:"true" doc:"The recipients, each written like from."`
	Timeout health.Duration `yaml:"timeout" doc:"How long one attempt may take, 15s unless set."`
	TLS     WebhookTLS      `yaml:"tls" doc:"How the API's certificate is verified; it always is."`
}

// Validate implements Options. It asks nobody, and no problem shows the key.
func (o *MailgunOptions) Validate() option.Problems {
	var problems option.Problems
	if strings.ContainsFunc(o.Domain, notInHost) || strings.ContainsAny(o.Domain, ":?#%") || !strings.Contains(o.Domain, ".") {
		problems.Add("domain", "%q is not a domain; write it like mg.example.org", o.Domain)
	}
	switch {
	case o.Key.Empty():
		problems.Add("key", "is empty")
	case !option.IsPrintable(o.Key.Reveal()):
		problems.Add("key", "holds a line break or another control character")
	}
	if mailgunBases[o.Region] == "" {
		problems.Add("region", "%q is unknown; it is one of us, eu", o.Region)
	}
	if o.URL != "" {
		o.validateURL(&problems)
	}
	if o.Timeout <= 0 {
		problems.Add("timeout", "%s is not positive; write it like 15s", o.Timeout)
	}
	if _, err := option.Authorities(o.TLS.CA); err != nil {
		problems.Add("tls.ca", "%v", err)
	}
	validateLetterhead(&problems, o.From, o.To)
	return problems
}

func (o *MailgunOptions) validateURL(problems *option.Problems) {
	address, err := url.Parse(o.URL)
	switch {
	case err != nil || (address.Scheme != "http" && address.Scheme != "https") || address.Hostname() == "":
		problems.Add("url", "is not an address; write it like https://api.mailgun.net")
	case address.User != nil:
		problems.Add("url", "holds a user or password; use key instead")
	case address.RawQuery != "" || address.Fragment != "":
		problems.Add("url", "has something after a \"?\" or \"#\"; write it like https://api.mailgun.net")
	case strings.Contains(address.Path, "/v3"):
		problems.Add("url", "leads into the API; write it without /v3/...")
	case address.Scheme == "http" && !onLoopback(address.Hostname()):
		problems.Add("url", "would send the key in clear text; write it with https")
	}
}

func onLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Open implements Options.
func (o *MailgunOptions) Open(texts *Texts) (Receiver, error) {
	base := o.URL
	if base == "" {
		base = mailgunBases[o.Region]
	}
	address, err := url.Parse(base)
	if err != nil {
		return nil, errors.New("mailgun: url is not an address")
	}
	head, err := newLetterhead(o.From, o.To)
	if err != nil {
		return nil, fmt.Errorf("mailgun %s: %w", address.Host, err)
	}
	credentials := base64.StdEncoding.EncodeToString([]byte("api:" + o.Key.Reveal()))
	caller, err := newCaller("mailgun "+address.Host, o.Timeout, o.TLS, []string{o.Key.Reveal(), credentials})
	if err != nil {
		return nil, err
	}
	return &mailgunReceiver{
		letterhead: head, caller: caller, texts: texts,
		url: address.JoinPath("v3", o.Domain, "messages").String(),
		header: http.Header{
			"Authorization": {"Basic " + credentials}, "Content-Type": {"application/x-www-form-urlencoded"},
		},
	}, nil
}

type mailgunReceiver struct {
	letterhead
	*caller
	texts  *Texts
	url    string
	header http.Header
}

// Send implements Receiver. A retry sends the same Message-ID, by which many
// servers and programs drop the second of two mails.
func (r *mailgunReceiver) Send(ctx context.Context, alerts []health.Alert) error {
	text, err := r.texts.Write(alerts)
	if err != nil {
		return Refused{fmt.Errorf("%s: %w", r.caller.name, err)}
	}
	body := r.form(text, newThread(alerts, r.letterhead)).Encode()
	_, err = r.call(ctx, http.MethodPost, r.url, r.header, []byte(body))
	return err
}

func (r *mailgunReceiver) form(text Message, names thread) url.Values {
	form := url.Values{
		"from": {r.from.String()}, "subject": {text.Subject}, "text": {text.Plain}, "html": {text.HTML},
		"h:Message-Id": {"<" + names.message + ">"}, "h:Auto-Submitted": {"auto-generated"},
		"o:tag": {"paramedic"},
		// Mailgun would lead every link of a mail over its own server.
		"o:tracking": {"no"},
	}
	for _, to := range r.to {
		form.Add("to", to.String())
	}
	if names.incident != "" {
		form.Set("h:References", "<"+names.incident+">")
		form.Set("h:In-Reply-To", "<"+names.incident+">")
	}
	return form
}
