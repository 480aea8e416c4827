package probe

import (
	"context"
	"fmt"
	"net"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// databaseOptions are those that the kinds of relational databases share; each
// has them with words of its own.
type databaseOptions struct {
	Address        string
	Username       string
	Password       option.Secret
	Database       string
	TLS            bool
	CA             string
	Queries        map[string]string
	Expect         []string
	ExpectDegraded []string
}

func (o *databaseOptions) validate() option.Problems {
	var problems option.Problems
	checkAddress(&problems, "address", o.Address)
	if o.CA != "" && !o.TLS {
		problems.Add("ca", "needs tls: true")
	}
	if _, err := (HTTPTLS{CA: o.CA}).config(); err != nil {
		problems.Add("ca", "%v", err)
	}
	checkReadings(&problems, "queries", namesOf(o.Queries), nil)
	checkQueries(&problems, o.Queries)
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

func (o *databaseOptions) rules() (rules, option.Problems) {
	return compileRules(readingWords(nil, namesOf(o.Queries)), o.Expect, o.ExpectDegraded)
}

// open makes a prober of the server that reach tells how to connect to.
func (o *databaseOptions) open(reach func() (databaseServer, error)) (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	server, err := reach()
	if err != nil {
		server.close()
		return nil, fmt.Errorf("make a client of %s: %w", o.Address, err)
	}
	return &databaseProber{options: *o, rules: rules, server: server, turn: make(turn, 1)}, nil
}

// dialing is how a library is told to connect.
type dialing = func(ctx context.Context, network, address string) (net.Conn, error)

// databaseServer connects to a server by its library.
type databaseServer interface {
	connect(ctx context.Context) (databaseSession, error)
	// plain strips what the library puts around the words of the server.
	plain(err error) error
	// close waits until what the library does in the background has ended.
	close()
}

// databaseSession is a connection to a server.
type databaseSession interface {
	// greet runs SELECT 1.
	greet(ctx context.Context) error
	// begin begins a transaction that may only read.
	begin(ctx context.Context) (databaseTransaction, error)
	// closed reports whether the connection is no more, as after a restart of
	// the server.
	closed() bool
	// leave closes the connection. After a failure nobody knows what is left on
	// the wire.
	leave(failed bool)
}

// databaseTransaction runs queries. After an error its session is of no use.
type databaseTransaction interface {
	// value runs a query that returns one value: a number, a time or a text.
	value(ctx context.Context, query string) (any, error)
	// end rolls back.
	end(ctx context.Context) error
}

const (
	// databaseLifetime is when a connection is replaced, so that a server behind
	// a load balancer is found again after it has moved.
	databaseLifetime = time.Hour
	// databaseFarewell is how long closing a connection may take.
	databaseFarewell = time.Second
)

// databaseProber keeps one connection between probes.
type databaseProber struct {
	options databaseOptions
	rules   rules
	server  databaseServer
	turn    turn
	session databaseSession // nil until needed, and after a failure
	since   time.Time       // when session was made
}

// Probe implements Prober.
func (p *databaseProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx, p.options.Password)
	a.doing("waiting for another probe of %s", p.options.Address)
	if err := p.turn.take(ctx); err != nil {
		return a.failed(err)
	}
	defer p.turn.give()
	values := newReadings()
	if err := p.examine(ctx, a, values); err != nil {
		err = cause(ctx, p.server.plain(err))
		p.leave(true)
		return a.failed(err)
	}
	result := health.Result{Status: health.Healthy, Message: "SELECT 1 passed"}
	return a.mask(p.rules.apply(result, values, newScene(ctx, a.start)))
}

// examine runs the queries.
func (p *databaseProber) examine(ctx context.Context, a *attempt, values readings) error {
	if err := p.greet(ctx, a); err != nil || len(p.options.Queries) == 0 {
		return err
	}
	a.doing("beginning a transaction")
	transaction, err := p.session.begin(ctx)
	if err != nil {
		return err
	}
	err = values.ask(a, p.options.Queries, func(query string) (any, error) { return transaction.value(ctx, query) })
	if err != nil {
		return err // the connection goes, and the transaction with it
	}
	a.doing("ending the transaction")
	return transaction.end(ctx)
}

// greet runs SELECT 1, on a new connection if the last one is dead: the server
// may have been restarted since.
func (p *databaseProber) greet(ctx context.Context, a *attempt) error {
	if p.session != nil && time.Since(p.since) < databaseLifetime {
		a.doing("running SELECT 1 at %s", p.options.Address)
		err := p.session.greet(ctx)
		if err == nil || ctx.Err() != nil || !p.session.closed() {
			return err
		}
	}
	p.leave(false)
	a.doing("connecting to %s", p.options.Address)
	session, err := p.server.connect(ctx)
	if err != nil {
		return err
	}
	p.session, p.since = session, time.Now()
	a.doing("running SELECT 1 at %s", p.options.Address)
	return session.greet(ctx)
}

func (p *databaseProber) leave(failed bool) {
	if p.session != nil {
		p.session.leave(failed)
		p.session = nil
	}
}

// Close implements Prober.
func (p *databaseProber) Close() error {
	_ = p.turn.take(context.Background())
	defer p.turn.give()
	p.leave(false)
	p.server.close()
	return nil
}
