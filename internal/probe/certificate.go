package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/expr-lang/expr/types"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Certificate are the options of kind tls.
type Certificate struct {
	Address            string   `yaml:"address" required:"true" doc:"Host and port of the server."`
	StartTLS           string   `yaml:"starttls" enum:"none,smtp,imap,pop3,postgres" doc:"Protocol in which to ask the server for TLS after connecting; none begins with TLS at once."`
	ServerName         string   `yaml:"server_name" doc:"Name to ask for, and that the certificate has to be for, if not the address's host."`
	CA                 string   `yaml:"ca" doc:"File of PEM certificates to trust instead of the system's."`
	InsecureSkipVerify bool     `yaml:"insecure_skip_verify" doc:"Accept any issuer and name, and look only at how long the certificates are valid."`
	MinDays            int      `yaml:"min_days" min:"0" doc:"Days that all certificates of the chain have to be valid for yet, else unhealthy."`
	WarnDays           int      `yaml:"warn_days" min:"0" doc:"Days that all certificates of the chain have to be valid for yet, else degraded."`
	Expect             []string `yaml:"expect" doc:"Further conditions that all have to hold, else unhealthy. They speak of days_left (of the certificate in the chain that expires first), subject, issuer and names (of the server's certificate), version (like TLS 1.3) and latency, and are written in the language of expr-lang.org."`
	ExpectDegraded     []string `yaml:"expect_degraded" doc:"Further conditions that all have to hold, else degraded."`
}

func certificateKind() Kind {
	return Kind{
		Name: "tls",
		Doc:  "Makes a TLS handshake, verifies the server's certificate, and checks for how many days it and its chain are valid yet.",
		Options: func() Options {
			return &Certificate{StartTLS: "none", MinDays: 7, WarnDays: 21}
		},
	}
}

var certificateWords = words{
	"days_left": types.Float64, "subject": types.String, "issuer": types.String,
	"names": types.TypeOf([]string{}), "version": types.String,
}

// Validate implements Options.
func (o *Certificate) Validate() option.Problems {
	var problems option.Problems
	checkAddress(&problems, "address", o.Address)
	if _, err := option.Authorities(o.CA); err != nil {
		problems.Add("ca", "%v", err)
	}
	if o.InsecureSkipVerify && o.CA != "" {
		problems.Add("insecure_skip_verify", "accepts any issuer, and ca names those to accept; keep one")
	}
	if o.WarnDays < o.MinDays {
		problems.Add("warn_days", "%d is below min_days (%d): it would never warn", o.WarnDays, o.MinDays)
	}
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

func (o *Certificate) rules() (rules, option.Problems) {
	return compileRules(everyWord(certificateWords), o.Expect, o.ExpectDegraded)
}

// Open implements Options.
func (o *Certificate) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	roots, err := o.roots()
	if err != nil {
		return nil, err
	}
	prober := o.prober(rules)
	prober.roots, prober.dial = roots, new(net.Dialer).DialContext
	return prober, nil
}

// roots are the certificates to trust; nil stands for the system's.
func (o *Certificate) roots() (*x509.CertPool, error) {
	roots, err := option.Authorities(o.CA)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	return roots, nil
}

// prober makes a prober with conditions that have been compiled. It lacks whom
// to trust, and how to connect.
func (o *Certificate) prober(rules rules) *certificateProber {
	name := o.ServerName
	if name == "" {
		name, _, _ = net.SplitHostPort(o.Address)
	}
	return &certificateProber{options: *o, name: name, rules: rules}
}

// certificateProber makes a handshake of its own each time.
type certificateProber struct {
	options Certificate
	name    string
	rules   rules
	roots   *x509.CertPool // nil: the system's
	dial    dial
}

// Probe implements Prober.
func (p *certificateProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx)
	a.doing("connecting to %s", p.options.Address)
	conn, err := p.dial(ctx, "tcp", p.options.Address)
	if err != nil {
		return a.failed(err)
	}
	defer func() { _ = conn.Close() }()
	// Closing is what ends a blocked read or write when the time is up.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if ask := startTLS[p.options.StartTLS]; ask != nil {
		a.doing("asking %s for TLS", p.options.Address)
		if err := ask(conn); err != nil {
			return a.failed(cause(ctx, err))
		}
	}
	a.doing("making a TLS handshake with %s", p.options.Address)
	state, err := p.handshake(ctx, conn)
	if err != nil {
		return a.failed(cause(ctx, err))
	}
	return p.judge(newScene(ctx, a.start), state)
}

// handshake shows what the server has. Its certificate is verified afterwards,
// so that a failure can tell which it is and until when it was valid.
func (p *certificateProber) handshake(ctx context.Context, conn net.Conn) (tls.ConnectionState, error) {
	secured := tls.Client(conn, &tls.Config{
		ServerName: p.name, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // judge verifies
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, err
	}
	state := secured.ConnectionState()
	if len(state.PeerCertificates) == 0 {
		return state, errors.New("the server has shown no certificate")
	}
	return state, nil
}

// judge verifies the certificates, looks at their ends, and holds them against
// the conditions.
func (p *certificateProber) judge(s scene, state tls.ConnectionState) health.Result {
	own := state.PeerCertificates[0]
	first, failure := earliest(state.PeerCertificates), error(nil)
	if !p.options.InsecureSkipVerify {
		chains, err := p.verify(state.PeerCertificates)
		if failure = err; err == nil {
			first = lasting(chains)
		}
	}
	values := newReadings()
	days := first.NotAfter.Sub(values.at).Hours() / 24
	values.numbers["days_left"] = days
	s.values["subject"], s.values["issuer"] = subjectOf(own), nameOf(own.Issuer)
	s.values["names"], s.values["version"] = namesIn(own), tls.VersionName(state.Version)
	result := health.Result{Status: health.Healthy, Message: validity(own, first, values.at)}
	switch {
	case failure != nil:
		result.Status = health.Unhealthy
		result.Message = fmt.Sprintf("%s; %s", plainly(failure), validity(own, own, values.at))
	case values.at.Before(own.NotBefore):
		result.Status = health.Unhealthy
	case days < float64(p.options.MinDays):
		result.Status = health.Unhealthy
		result.Message = fmt.Sprintf("days left %.1f < %d: %s", days, p.options.MinDays, result.Message)
	case days < float64(p.options.WarnDays):
		result.Status = health.Degraded
		result.Message = fmt.Sprintf("days left %.1f < %d: %s", days, p.options.WarnDays, result.Message)
	}
	return p.rules.apply(result, values, s)
}

// verify returns the chains from the server's certificate to one that is trusted.
func (p *certificateProber) verify(shown []*x509.Certificate) ([][]*x509.Certificate, error) {
	between := x509.NewCertPool()
	for _, certificate := range shown[1:] {
		between.AddCert(certificate)
	}
	return shown[0].Verify(x509.VerifyOptions{
		DNSName: p.name, Roots: p.roots, Intermediates: between, CurrentTime: time.Now(),
	})
}

// Close implements Prober.
func (p *certificateProber) Close() error { return nil }
