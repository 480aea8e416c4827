package probe

import (
	"context"
	"io"
	"net"
	"strings"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// expectLimit bounds expect_prefix, and with it what is read of an answer, in bytes.
const expectLimit = 4 << 10

// TCP are the options of kind tcp.
type TCP struct {
	Address      string `yaml:"address" required:"true" doc:"Host and port of the server."`
	TLS          bool   `yaml:"tls" doc:"Make a TLS handshake and verify the certificate."`
	Send         string `yaml:"send" doc:"Text to send once connected."`
	ExpectPrefix string `yaml:"expect_prefix" doc:"What the server's answer or greeting has to begin with."`
}

func tcpKind() Kind {
	return Kind{
		Name:    "tcp",
		Doc:     "Connects to a port, and can check how the server greets or answers.",
		Options: func() Options { return &TCP{} },
	}
}

// Validate implements Options.
func (o *TCP) Validate() option.Problems {
	var problems option.Problems
	checkAddress(&problems, "address", o.Address)
	if len(o.ExpectPrefix) > expectLimit {
		problems.Add("expect_prefix", "is longer than %d bytes", expectLimit)
	}
	return problems
}

// Open implements Options.
func (o *TCP) Open() (Prober, error) {
	return &tcpProber{options: *o, dial: dialer(o.Address, o.TLS)}, nil
}

// tcpProber connects anew each time: connecting is what it checks.
type tcpProber struct {
	options TCP
	dial    func(ctx context.Context) (net.Conn, error)
}

// Probe implements Prober.
func (p *tcpProber) Probe(ctx context.Context) health.Result {
	a := beginHiding(ctx, nil)
	a.doing("connecting to %s", p.options.Address)
	conn, err := p.dial(ctx)
	if err != nil {
		return a.failed(err)
	}
	defer func() { _ = conn.Close() }()
	// Closing is what ends a blocked read or write when the time is up.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if p.options.Send != "" {
		a.doing("sending to %s", p.options.Address)
		if _, err := io.WriteString(conn, p.options.Send); err != nil {
			return a.failed(cause(ctx, err))
		}
	}
	if want := p.options.ExpectPrefix; want != "" {
		a.doing("waiting for the answer of %s", p.options.Address)
		got, err := readAnswer(conn, want)
		if err != nil {
			return a.failed(cause(ctx, err))
		}
		if got != want {
			if len(got) == len(want) {
				got += "…" // there may be more, and this the beginning of a secret
			}
			return a.unhealthy("answer begins with %q, not %q", got, want)
		}
	}
	return health.Result{Status: health.Healthy, Message: "connected to " + p.options.Address}
}

// readAnswer reads until the answer is want, differs from it, or ends.
func readAnswer(conn net.Conn, want string) (string, error) {
	answer := make([]byte, 0, len(want))
	for len(answer) < len(want) && strings.HasPrefix(want, string(answer)) {
		n, err := conn.Read(answer[len(answer):cap(answer)])
		answer = answer[:len(answer)+n]
		if err != nil && (err != io.EOF || len(answer) == 0) {
			return "", err
		}
		if err != nil {
			break
		}
	}
	return string(answer), nil
}

// Close implements Prober.
func (p *tcpProber) Close() error { return nil }

// cause returns why ctx ended, if it did, and err otherwise: a connection that
// was closed because the time is up fails with some error of its own.
func cause(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return err
}
