package probe

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// GRPC are the options of kind grpc.
type GRPC struct {
	Address            string                   `yaml:"address" required:"true" doc:"Host and port of the server."`
	Service            string                   `yaml:"service" doc:"Service to ask about, like shop.v1.Orders; empty asks about the server as a whole."`
	TLS                bool                     `yaml:"tls" doc:"Connect by TLS and verify the certificate."`
	CA                 string                   `yaml:"ca" doc:"File of PEM certificates to trust instead of the system's, with tls."`
	InsecureSkipVerify bool                     `yaml:"insecure_skip_verify" doc:"Accept any certificate, with tls."`
	ServerName         string                   `yaml:"server_name" doc:"Name the certificate has to be for, with tls, if not the address's host."`
	Authority          string                   `yaml:"authority" doc:"Host that requests name, if not the address; proxies choose by it."`
	Token              option.Secret            `yaml:"token" doc:"Bearer token for the metadata authorization."`
	Metadata           map[string]option.Secret `yaml:"metadata" doc:"Metadata of requests; the values are treated as secrets."`
	Expect             []string                 `yaml:"expect" doc:"Conditions that all have to hold, else unhealthy. They speak of latency, and are written in the language of expr-lang.org."`
	ExpectDegraded     []string                 `yaml:"expect_degraded" doc:"Conditions that all have to hold, else degraded."`
}

func grpcKind() Kind {
	return Kind{
		Name:    "grpc",
		Doc:     "Asks a gRPC server for its health, or that of one of its services, by the protocol grpc.health.v1. Proxies of the environment are not used.",
		Options: func() Options { return &GRPC{} },
	}
}

// grpcKey is what metadata may be called. Names that begin with grpc- are the
// protocol's own.
var grpcKey = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// Validate implements Options.
func (o *GRPC) Validate() option.Problems {
	var problems option.Problems
	checkAddress(&problems, "address", o.Address)
	if !plainText(o.Authority) {
		problems.Add("authority", "holds a character that is not printable ASCII")
	}
	o.checkTLS(&problems)
	o.checkMetadata(&problems)
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

func (o *GRPC) checkTLS(problems *option.Problems) {
	if o.CA != "" && !o.TLS {
		problems.Add("ca", "needs tls: true")
	}
	if o.InsecureSkipVerify && !o.TLS {
		problems.Add("insecure_skip_verify", "needs tls: true")
	}
	if o.ServerName != "" && !o.TLS {
		problems.Add("server_name", "needs tls: true")
	}
	if _, err := o.tls().config(); err != nil {
		problems.Add("ca", "%v", err)
	}
}

func (o *GRPC) checkMetadata(problems *option.Problems) {
	for _, name := range namesOf(o.Metadata) {
		place, lower := "metadata."+name, strings.ToLower(name)
		switch {
		case !grpcKey.MatchString(name):
			problems.Add(place, "is not a name for metadata; write letters, digits, _, - and .")
		case strings.HasPrefix(lower, "grpc-"):
			problems.Add(place, "begins with grpc-, which is for gRPC itself")
		case lower == "authorization" && !o.Token.Empty():
			problems.Add(place, "and token both set authorization; keep one")
		case !strings.HasSuffix(lower, "-bin") && !plainText(o.Metadata[name].Reveal()):
			problems.Add(place, "holds a character that is not printable ASCII; that needs a name that ends with -bin")
		}
	}
	if !plainText(o.Token.Reveal()) {
		problems.Add("token", "holds a character that is not printable ASCII")
	}
}

// plainText reports whether gRPC can send a text in a header.
func plainText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

func (o *GRPC) tls() HTTPTLS {
	name := o.ServerName
	if name == "" {
		name, _, _ = net.SplitHostPort(o.Address)
	}
	return HTTPTLS{CA: o.CA, InsecureSkipVerify: o.InsecureSkipVerify, ServerName: name}
}

func (o *GRPC) rules() (rules, option.Problems) {
	return compileRules(readingWords(nil, nil), o.Expect, o.ExpectDegraded)
}

// header returns the metadata of requests.
func (o *GRPC) header() metadata.MD {
	header := metadata.MD{}
	for name, value := range o.Metadata {
		header.Set(name, value.Reveal())
	}
	if !o.Token.Empty() {
		header.Set("authorization", "Bearer "+o.Token.Reveal())
	}
	return header
}

// secrets are what no message may repeat.
func (o *GRPC) secrets() []option.Secret {
	secrets := []option.Secret{o.Token}
	for _, value := range o.Metadata {
		secrets = append(secrets, value)
	}
	return secrets
}

// Open implements Options.
func (o *GRPC) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	p := &grpcProber{options: *o, rules: rules, header: o.header(), turn: make(turn, 1)}
	var err error
	if p.line, err = newGRPCLine(o); err != nil {
		return nil, fmt.Errorf("make a client of %s: %w", o.Address, err)
	}
	return p, nil
}

// grpcProber keeps one client, and with it its connection, between probes.
type grpcProber struct {
	options GRPC
	rules   rules
	header  metadata.MD
	line    *grpcLine
	turn    turn
	client  *grpc.ClientConn // nil until needed, and after a failure
}

// Probe implements Prober.
func (p *grpcProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx, p.options.secrets()...)
	a.doing("waiting for another probe of %s", p.options.Address)
	if err := p.turn.take(ctx); err != nil {
		return a.failed(err)
	}
	defer p.turn.give()
	answer, err := p.ask(ctx, a)
	if err != nil {
		// After a failure the library would wait longer and longer before it
		// connects again, and answer with the old failure until then.
		_ = p.drop()
		return p.refused(a, cause(ctx, err))
	}
	result := health.Result{Status: health.Healthy, Message: p.subject() + " is serving"}
	if answer != grpc_health_v1.HealthCheckResponse_SERVING {
		result = a.unhealthy("%s is not serving: it says %s", p.subject(), answer)
	}
	return a.mask(p.rules.apply(result, newReadings(), newScene(ctx, a.start)))
}

// subject is what was asked about.
func (p *grpcProber) subject() string {
	if p.options.Service == "" {
		return "the server"
	}
	return "the service " + p.options.Service
}

// ask asks, again on a new connection if the last one is dead: the server may
// have been restarted since.
func (p *grpcProber) ask(ctx context.Context, a *attempt) (grpc_health_v1.HealthCheckResponse_ServingStatus, error) {
	if p.client != nil {
		answer, err := p.check(ctx, a)
		if err == nil || ctx.Err() != nil || status.Code(err) != codes.Unavailable {
			return answer, err
		}
		_ = p.drop()
	}
	client, err := p.line.open()
	if err != nil {
		return 0, err
	}
	p.client = client
	return p.check(ctx, a)
}

// check connects, unless there is a connection, and sends the request.
func (p *grpcProber) check(ctx context.Context, a *attempt) (grpc_health_v1.HealthCheckResponse_ServingStatus, error) {
	a.doing("connecting to %s", p.options.Address)
	if err := p.connect(ctx); err != nil {
		return 0, err
	}
	a.doing("asking %s for its health", p.options.Address)
	response, err := grpc_health_v1.NewHealthClient(p.client).Check(
		metadata.NewOutgoingContext(ctx, p.header), &grpc_health_v1.HealthCheckRequest{Service: p.options.Service})
	return response.GetStatus(), err
}

// connect returns once there is a connection. A failure without a known reason
// is left to the request, which says more.
func (p *grpcProber) connect(ctx context.Context) error {
	for {
		state := p.client.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.TransientFailure, connectivity.Shutdown:
			return p.line.failure()
		case connectivity.Idle:
			p.client.Connect()
		}
		if !p.client.WaitForStateChange(ctx, state) {
			return ctx.Err()
		}
	}
}

// drop closes the client with its connection.
func (p *grpcProber) drop() error {
	if p.client == nil {
		return nil
	}
	err := p.client.Close()
	p.client = nil
	return err
}

// Close implements Prober.
func (p *grpcProber) Close() error {
	_ = p.turn.take(context.Background())
	defer p.turn.give()
	if err := p.drop(); err != nil {
		return fmt.Errorf("close the client of %s: %w", p.options.Address, err)
	}
	return nil
}
