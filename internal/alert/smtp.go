package alert

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// smtps sends mail.
var smtps = Kind{
	Name:      "smtp",
	Batch:     200,
	GroupWait: 30 * time.Second,
	Doc: "Mails alerts to people through an SMTP server, as text and HTML. Alerts that come up together are one mail, " +
		"and the mails of an incident are one thread.",
	Options: func() Options {
		return &SMTPOptions{TLS: tlsStart, Timeout: health.Duration(30 * time.Second)}
	},
}

// How the connection to the server is secured.
const (
	tlsStart    = "starttls"
	tlsImplicit = "implicit"
	tlsNone     = "none"
)

// SMTPOptions say through which server mail goes, from whom and to whom.
type SMTPOptions struct {
	Host     string          `yaml:"host" required:"true" doc:"The mail server's name or address, without a port."`
	Port     int             `yaml:"port" doc:"The server's port; unless set 587, with tls: implicit 465, with tls: none 25."`
	User     string          `yaml:"user" doc:"Who logs in; without it nobody does."`
	Password option.Secret   `yaml:"password" doc:"The password that goes with user. It never goes over a connection without TLS."`
	From     string          `yaml:"from" required:"true" doc:"The sender: alerts@example.org or \"Alerts <alerts@example.org>\"."`
	To       []string        `yaml:"to" required:"true" doc:"The recipients, each written like from."`
	TLS      string          `yaml:"tls" enum:"starttls,implicit,none" doc:"How the connection is secured: starttls (which the server must offer; unless set), implicit (TLS from the first byte) or none (clear text, for a server on the same machine)."`
	CA       string          `yaml:"ca" doc:"A PEM file of certificate authorities to trust instead of the system's."`
	Hello    string          `yaml:"helo" doc:"The name by which paramedic introduces itself, that of the machine unless set."`
	Timeout  health.Duration `yaml:"timeout" doc:"How long one attempt may take, 30s unless set."`
}

// Validate implements Options. It asks no server.
func (o *SMTPOptions) Validate() option.Problems {
	var problems option.Problems
	switch {
	case o.Host == "" || strings.ContainsFunc(o.Host, notInHost):
		problems.Add("host", "%q is not the name of a server; write it like mail.example.org", o.Host)
	case strings.Contains(o.Host, ":") && net.ParseIP(o.Host) == nil:
		problems.Add("host", "%q has a port or a scheme; write the name alone, and port as an option of its own", o.Host)
	}
	if o.Port < 0 || o.Port > 65535 {
		problems.Add("port", "%d is not a port; it is between 1 and 65535, or left out", o.Port)
	}
	if strings.ContainsFunc(o.Hello, notInHost) {
		problems.Add("helo", "%q is not the name of a machine; write it like monitor.example.org", o.Hello)
	}
	if o.Timeout <= 0 {
		problems.Add("timeout", "%s is not positive; write it like 30s", o.Timeout)
	}
	o.validateLogin(&problems)
	o.validateTLS(&problems)
	validateLetterhead(&problems, o.From, o.To)
	return problems
}

func notInHost(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("/@<>,", r) }

func (o *SMTPOptions) validateLogin(problems *option.Problems) {
	switch {
	case o.User == "" && !o.Password.Empty():
		problems.Add("user", "is missing although there is a password")
	case o.User != "" && o.Password.Empty():
		problems.Add("password", "is missing although there is a user")
	case o.User != "" && o.TLS == tlsNone:
		problems.Add("tls", "none would send the password in clear text; write starttls or implicit, or leave user and password out")
	}
	if !option.IsPrintable(o.User) {
		problems.Add("user", "holds a line break or another control character")
	}
	if !option.IsPrintable(o.Password.Reveal()) {
		problems.Add("password", "holds a line break or another control character")
	}
}

func (o *SMTPOptions) validateTLS(problems *option.Problems) {
	known := []string{tlsStart, tlsImplicit, tlsNone}
	switch _, err := option.Authorities(o.CA); {
	case !slices.Contains(known, o.TLS):
		problems.Add("tls", "%q is unknown; it is one of %s", o.TLS, strings.Join(known, ", "))
	case o.TLS == tlsNone && o.CA != "":
		problems.Add("ca", "has no use with tls: none")
	case err != nil:
		problems.Add("ca", "%v", err)
	}
}

// port is the one that goes with tls unless it is set.
func (o *SMTPOptions) port() int {
	if o.Port != 0 {
		return o.Port
	}
	return map[string]int{tlsStart: 587, tlsImplicit: 465, tlsNone: 25}[o.TLS]
}

func (o *SMTPOptions) address() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.port())) }

// Open implements Options. It connects to nothing yet.
func (o *SMTPOptions) Open(texts *Texts) (Receiver, error) {
	address := o.address()
	roots, err := option.Authorities(o.CA)
	if err != nil {
		return nil, fmt.Errorf("smtp %s: ca: %w", address, err)
	}
	head, err := newLetterhead(o.From, o.To)
	if err != nil {
		return nil, fmt.Errorf("smtp %s: %w", address, err)
	}
	return &smtpReceiver{
		letterhead: head, name: "smtp " + address, options: *o, roots: roots, texts: texts,
		redactor: option.NewRedactor(o.confidential()),
		reached:  map[string][]string{},
	}, nil
}
