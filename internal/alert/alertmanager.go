package alert

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// alertmanager hands alerts to a Prometheus Alertmanager, which groups,
// silences and routes them along with those of Prometheus.
var alertmanager = Kind{
	Name:  "alertmanager",
	Batch: 100,
	Doc: "Hands each incident to a Prometheus Alertmanager (API v2) as one alert, and resolves it there. " +
		"An alert that paramedic no longer speaks of lasts there for keep.",
	Options: func() Options {
		return &AlertmanagerOptions{
			Name: "ServiceDown", Keep: health.Duration(7 * 24 * time.Hour), Timeout: health.Duration(10 * time.Second),
		}
	},
}

// AlertmanagerOptions say where the Alertmanager is and what it is told.
type AlertmanagerOptions struct {
	URL      string                   `yaml:"url" required:"true" doc:"The Alertmanager's own address, as in its --web.external-url: http://alertmanager:9093."`
	Name     string                   `yaml:"alertname" doc:"The label alertname, ServiceDown unless set."`
	Keep     health.Duration          `yaml:"keep" doc:"How long an alert lasts there unless it is told again, 168h unless set. It is resolved there as soon as it is over here; keep is for the case that paramedic is gone. Reminders renew it, and end with an acknowledgement, so let it be longer than the longest outage."`
	User     string                   `yaml:"user" doc:"The user of basic authentication."`
	Password option.Secret            `yaml:"password" doc:"The password that goes with user."`
	Token    option.Secret            `yaml:"token" doc:"Sent as \"Authorization: Bearer ...\"."`
	Headers  map[string]option.Secret `yaml:"headers" doc:"Further request headers; their values are never shown."`
	Timeout  health.Duration          `yaml:"timeout" doc:"How long one attempt may take, 10s unless set."`
	TLS      WebhookTLS               `yaml:"tls" doc:"How the Alertmanager's certificate is verified; it always is."`
}

// shortestKeep is the least that makes sense: alerts come minutes apart.
const shortestKeep = health.Duration(time.Minute)

// Validate implements Options. No problem shows a secret.
func (o *AlertmanagerOptions) Validate() option.Problems {
	var problems option.Problems
	for _, problem := range o.request().Validate() {
		if problem.Path == "url" {
			problem.Text = strings.ReplaceAll(problem.Text, "https://ops.example/alerts", "http://alertmanager:9093")
			problem.Text = strings.ReplaceAll(problem.Text, "use token or headers instead", "use the options user and password instead")
		}
		problems = append(problems, problem)
	}
	if address, err := url.Parse(o.URL); err == nil {
		switch {
		case address.RawQuery != "" || address.Fragment != "":
			problems.Add("url", "has something after a \"?\" or \"#\"; write it like http://alertmanager:9093")
		case strings.Contains(address.Path, "/api/v"):
			problems.Add("url", "leads to the API; write it without /api/...")
		}
	}
	if o.Name == "" {
		problems.Add("alertname", "is empty; write it like ServiceDown")
	}
	if o.Keep < shortestKeep {
		problems.Add("keep", "%s is less than %s; write it like 168h", o.Keep, shortestKeep)
	}
	o.validateAuthentication(&problems)
	return problems
}

func (o *AlertmanagerOptions) validateAuthentication(problems *option.Problems) {
	switch {
	case o.User == "" && o.Password.Empty():
		return
	case !o.Token.Empty():
		problems.Add("token", "user and password already authenticate; keep one of the two")
	case o.User == "":
		problems.Add("user", "is missing although there is a password")
	case strings.Contains(o.User, ":"):
		problems.Add("user", "holds a colon, which basic authentication does not allow")
	case !option.IsPrintable(o.User):
		problems.Add("user", "holds a line break or another control character")
	}
	for name := range o.Headers {
		if http.CanonicalHeaderKey(name) == "Authorization" {
			problems.Add("headers."+name, "user and password already set Authorization; keep one of the two")
		}
	}
}

// request is what a webhook and this have in common.
func (o *AlertmanagerOptions) request() *WebhookOptions {
	return &WebhookOptions{URL: o.URL, Token: o.Token, Headers: o.Headers, Timeout: o.Timeout, TLS: o.TLS}
}

// Open implements Options. What an Alertmanager is told is for machines and in
// one language; its own templates write for people.
func (o *AlertmanagerOptions) Open(*Texts) (Receiver, error) {
	address, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("alertmanager: url is not an address")
	}
	request := o.request()
	header, confidential := request.header(), request.confidential(address)
	if o.User != "" {
		credentials := base64.StdEncoding.EncodeToString([]byte(o.User + ":" + o.Password.Reveal()))
		header.Set("Authorization", "Basic "+credentials)
		confidential = append(confidential, credentials, o.Password.Reveal())
	}
	caller, err := newCaller("alertmanager "+address.Host, o.Timeout, o.TLS, confidential)
	if err != nil {
		return nil, err
	}
	return &alertmanagerReceiver{
		caller: caller, url: address.JoinPath("api/v2/alerts").String(), header: header, name: o.Name, keep: o.Keep.Std(),
	}, nil
}

type alertmanagerReceiver struct {
	*caller
	url    string
	header http.Header
	name   string
	keep   time.Duration
}

// Send implements Receiver. Telling the same twice does no harm: an
// Alertmanager knows an alert by its labels.
func (r *alertmanagerReceiver) Send(ctx context.Context, alerts []health.Alert) error {
	now := time.Now()
	var told []postableAlert
	for _, alert := range newest(alerts) {
		told = append(told, newPostable(r.name, alert, now, r.keep))
	}
	body, err := encode(told)
	if err != nil {
		return Refused{fmt.Errorf("%s: %w", r.caller.name, err)}
	}
	_, err = r.call(ctx, http.MethodPost, r.url, r.header, body)
	return err
}
