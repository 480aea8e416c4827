package probe

import (
	"context"
	"net"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/resolve"
)

// tcpMany connects to many targets, by names that are remembered.
type tcpMany struct {
	options                    TCP
	address, send, expectation option.Template
}

// openMany implements sharing.
func (o *TCP) openMany() (Many, error) {
	m := &tcpMany{options: *o}
	var err error
	if m.address, err = option.ParseTemplate(o.Address); err != nil {
		return nil, err
	}
	if m.send, err = option.ParseTemplate(o.Send); err != nil {
		return nil, err
	}
	m.expectation, err = option.ParseTemplate(o.ExpectPrefix)
	return m, err
}

// Probe implements Many.
func (m *tcpMany) Probe(ctx context.Context, target health.Target) health.Result {
	options, problems := m.of(target)
	if len(problems) > 0 {
		return misfit(problems)
	}
	prober := tcpProber{options: options, dial: func(ctx context.Context) (net.Conn, error) {
		conn, err := resolve.Shared.DialContext(ctx, "tcp", options.Address)
		if err != nil || !options.TLS {
			return conn, err
		}
		return handshake(ctx, conn, tlsFor(options.Address), options.Address)
	}}
	return prober.Probe(ctx)
}

// of returns the options of a target, and what is wrong with them.
func (m *tcpMany) of(target health.Target) (TCP, option.Problems) {
	var problems option.Problems
	fill := func(path string, text option.Template) string {
		filled, err := text.Fill(target)
		if err != nil {
			problems.Add(path, "%v", err)
		}
		return filled
	}
	options := TCP{
		Address: fill("address", m.address), TLS: m.options.TLS,
		Send: fill("send", m.send), ExpectPrefix: fill("expect_prefix", m.expectation),
	}
	return options, append(problems, options.Validate()...)
}

// Host implements Many.
func (m *tcpMany) Host(target health.Target) string {
	address, err := m.address.Fill(target)
	if err != nil {
		return hostOf(target.Name)
	}
	return hostOf(address)
}

// Close implements Many.
func (m *tcpMany) Close() error { return nil }
