package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"
	"github.com/wneessen/go-mail/smtp"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// SMTP are the options of kind smtp.
type SMTP struct {
	Address        string        `yaml:"address" required:"true" doc:"Host and port of the mail server: usually 25, 587, or 465 with tls: implicit."`
	TLS            string        `yaml:"tls" enum:"none,starttls,implicit" doc:"How the connection is secured: none, starttls (which the server must offer) or implicit (TLS from the first byte). The certificate is verified."`
	CA             string        `yaml:"ca" doc:"File of PEM certificates to trust instead of the system's, with tls."`
	ServerName     string        `yaml:"server_name" doc:"Name the certificate has to be for, with tls, if not the address's host."`
	Username       string        `yaml:"username" doc:"Who logs in; without it nobody does."`
	Password       option.Secret `yaml:"password" doc:"Password of the user. It never goes over a connection without TLS."`
	Hello          string        `yaml:"helo" doc:"Name by which the probe introduces itself, that of the machine unless set."`
	Expect         []string      `yaml:"expect" doc:"Conditions that all have to hold, else unhealthy. They speak of latency and, with tls, of days_left (of the server's certificate), and are written in the language of expr-lang.org."`
	ExpectDegraded []string      `yaml:"expect_degraded" doc:"Conditions that all have to hold, else degraded."`
}

// How the connection to a mail server is secured.
const (
	smtpPlain    = "none"
	smtpStartTLS = "starttls"
	smtpImplicit = "implicit"
)

// smtpFarewell is how long the server may take to answer QUIT, which changes
// nothing any more.
const smtpFarewell = time.Second

// daysLeftName is the observation of how long a certificate is still valid.
const daysLeftName = "days_left"

func smtpKind() Kind {
	return Kind{
		Name:    "smtp",
		Doc:     "Greets a mail server, by TLS and with a login if wanted, and takes its leave. It never sends mail.",
		Options: func() Options { return &SMTP{TLS: smtpPlain} },
	}
}

// Validate implements Options.
func (o *SMTP) Validate() option.Problems {
	var problems option.Problems
	checkAddress(&problems, "address", o.Address)
	o.checkTLS(&problems)
	o.checkLogin(&problems)
	if strings.ContainsFunc(o.Hello, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		problems.Add("helo", "%q is not the name of a machine; write it like monitor.example.org", o.Hello)
	}
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

func (o *SMTP) checkTLS(problems *option.Problems) {
	known := []string{smtpPlain, smtpStartTLS, smtpImplicit}
	if !slices.Contains(known, o.TLS) {
		problems.Add("tls", "%q is unknown; it is one of %s", o.TLS, strings.Join(known, ", "))
	}
	if o.CA != "" && o.TLS == smtpPlain {
		problems.Add("ca", "needs tls: starttls or implicit")
	}
	if o.ServerName != "" && o.TLS == smtpPlain {
		problems.Add("server_name", "needs tls: starttls or implicit")
	}
	if _, err := o.config(); err != nil {
		problems.Add("ca", "%v", err)
	}
}

func (o *SMTP) checkLogin(problems *option.Problems) {
	switch {
	case o.Username == "" && !o.Password.Empty():
		problems.Add("username", "is missing although there is a password")
	case o.Username != "" && o.Password.Empty():
		problems.Add("password", "is missing although there is a username")
	case o.Username != "" && o.TLS == smtpPlain:
		problems.Add("tls", "none would send the password in clear text; write starttls or implicit, or leave username and password out")
	}
}

// config returns the client's side of TLS.
func (o *SMTP) config() (*tls.Config, error) {
	name := o.ServerName
	if name == "" {
		name, _, _ = net.SplitHostPort(o.Address)
	}
	return HTTPTLS{CA: o.CA, ServerName: name}.config()
}

// secrets are what no message may repeat: the password as it is, and as it goes
// over the wire.
func (o *SMTP) secrets() []option.Secret {
	if o.Password.Empty() {
		return nil
	}
	password := o.Password.Reveal()
	encoded := func(text string) option.Secret {
		return option.NewSecret(base64.StdEncoding.EncodeToString([]byte(text)))
	}
	return []option.Secret{o.Password, encoded(password), encoded("\x00" + o.Username + "\x00" + password)}
}

func (o *SMTP) rules() (rules, option.Problems) {
	own := words{}
	if o.TLS != smtpPlain {
		own[daysLeftName] = types.Float64
	}
	return compileRules(readingWords(own, nil), o.Expect, o.ExpectDegraded)
}

// Open implements Options.
func (o *SMTP) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	config, err := o.config()
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	p := &smtpProber{options: *o, rules: rules, config: config, hello: o.Hello}
	p.host, _, _ = net.SplitHostPort(o.Address)
	if p.hello == "" {
		if p.hello, err = os.Hostname(); err != nil || p.hello == "" {
			p.hello = "localhost"
		}
	}
	return p, nil
}

// smtpProber begins a session each time: beginning one is what it checks.
type smtpProber struct {
	options     SMTP
	rules       rules
	config      *tls.Config
	host, hello string
}

// Probe implements Prober.
func (p *smtpProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx, p.options.secrets()...)
	a.doing("connecting to %s", p.options.Address)
	var implicit *tls.Config
	if p.options.TLS == smtpImplicit {
		implicit = p.config
	}
	conn, _, err := dialRationed(ctx, p.options.Address, implicit)
	if err != nil {
		return a.failed(cause(ctx, err))
	}
	defer func() { _ = conn.Close() }()
	// Closing is what ends a blocked read or write when the time is up.
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	client, err := p.converse(a, conn)
	if err != nil {
		return a.failed(cause(ctx, plainSMTP(err)))
	}
	values := newReadings()
	message := "answered EHLO"
	if state, secured := client.TLSConnectionState(); secured {
		message += " by TLS"
		if left, ok := daysLeft(state.PeerCertificates); ok {
			values.numbers[daysLeftName] = left
		}
	}
	if p.options.Username != "" {
		message += ", login passed"
	}
	result := p.rules.apply(health.Result{Status: health.Healthy, Message: message}, values, newScene(ctx, a.start))
	_ = conn.SetDeadline(time.Now().Add(smtpFarewell))
	_ = client.Quit()
	return a.mask(result)
}

// converse leads a session up to the point where mail could be sent.
func (p *smtpProber) converse(a *attempt, conn net.Conn) (*smtp.Client, error) {
	a.doing("waiting for the greeting of %s", p.options.Address)
	client, err := smtp.NewClient(conn, p.host)
	if err != nil {
		return nil, err
	}
	a.doing("sending EHLO to %s", p.options.Address)
	if err := client.Hello(p.hello); err != nil {
		return nil, err
	}
	if p.options.TLS == smtpStartTLS {
		a.doing("starting TLS with %s", p.options.Address)
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return nil, errors.New("the server does not offer STARTTLS")
		}
		if err := client.StartTLS(p.config); err != nil {
			return nil, err
		}
	}
	if p.options.Username == "" {
		return client, nil
	}
	a.doing("logging in to %s", p.options.Address)
	return client, p.login(client)
}

// login gives the password away to a server whose certificate was verified.
func (p *smtpProber) login(client *smtp.Client) error {
	if _, secured := client.TLSConnectionState(); !secured {
		return errors.New("the connection is not secured, so the password is not sent")
	}
	_, offered := client.Extension("AUTH")
	user, password := p.options.Username, p.options.Password.Reveal()
	for _, known := range []struct {
		name string
		auth smtp.Auth
	}{
		{"PLAIN", smtp.PlainAuth("", user, password, p.host, false)},
		{"LOGIN", smtp.LoginAuth(user, password, p.host, false)},
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(user, password)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(user, password)},
	} {
		if slices.Contains(strings.Fields(offered), known.name) {
			return client.Auth(known.auth)
		}
	}
	return fmt.Errorf("the server offers no way to log in that is known here: PLAIN, LOGIN, SCRAM-SHA-256, CRAM-MD5; it offers %q", offered)
}

// plainSMTP writes the refusal of a server as it came.
func plainSMTP(err error) error {
	var said *textproto.Error
	if errors.As(err, &said) {
		return fmt.Errorf("answered %d %s", said.Code, said.Msg)
	}
	return err
}

// daysLeft returns how long the server's own certificate is still valid.
func daysLeft(chain []*x509.Certificate) (days float64, ok bool) {
	if len(chain) == 0 {
		return 0, false
	}
	return time.Until(chain[0].NotAfter).Hours() / 24, true
}

// Close implements Prober.
func (p *smtpProber) Close() error { return nil }
