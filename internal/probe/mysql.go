package probe

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// MySQL are the options of kind mysql.
type MySQL struct {
	Address        string            `yaml:"address" required:"true" doc:"Host and port of the server or its proxy, usually 3306."`
	Username       string            `yaml:"username" required:"true" doc:"User; one that may only read is enough."`
	Password       option.Secret     `yaml:"password" doc:"Password of the user."`
	Database       string            `yaml:"database" doc:"Database of the queries; empty means none, and that queries name it."`
	TLS            bool              `yaml:"tls" doc:"Connect by TLS and verify the certificate."`
	CA             string            `yaml:"ca" doc:"File of PEM certificates to trust instead of the system's, with tls."`
	Queries        map[string]string `yaml:"queries" doc:"Values to observe, by name: queries that return one number, date and time (its age in seconds; DATETIME is read as UTC), difference of two (TIME, in seconds) or text. They run in one transaction that may only read. A query that fails is unhealthy."`
	Expect         []string          `yaml:"expect" doc:"Conditions that all have to hold, else unhealthy. They speak of the names of queries and latency, and are written in the language of expr-lang.org."`
	ExpectDegraded []string          `yaml:"expect_degraded" doc:"Conditions that all have to hold, else degraded."`
}

// mysqlLifetime is when a connection is replaced, so that a server behind a
// load balancer is found again after it has moved.
const mysqlLifetime = time.Hour

// mysqlFarewell is how long closing may wait for a full socket.
const mysqlFarewell = time.Second

func mysqlKind() Kind {
	return Kind{
		Name:    "mysql",
		Doc:     "Connects to a MySQL or MariaDB and runs SELECT 1. Queries observe freshness, lag or rows.",
		Options: func() Options { return &MySQL{} },
	}
}

// Validate implements Options.
func (o *MySQL) Validate() option.Problems {
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

func (o *MySQL) rules() (rules, option.Problems) {
	return compileRules(readingWords(nil, namesOf(o.Queries)), o.Expect, o.ExpectDegraded)
}

// Open implements Options.
func (o *MySQL) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	p := &mysqlProber{options: *o, rules: rules, turn: make(turn, 1)}
	config, err := o.config(p.dial)
	if err != nil {
		return nil, fmt.Errorf("make a client of %s: %w", o.Address, err)
	}
	if p.connector, err = mysql.NewConnector(config); err != nil {
		return nil, fmt.Errorf("make a client of %s: %w", o.Address, err)
	}
	return p, nil
}

// config returns how to connect.
func (o *MySQL) config(dial func(ctx context.Context, network, address string) (net.Conn, error)) (*mysql.Config, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DialFunc = "tcp", o.Address, dial
	config.User, config.Passwd, config.DBName = o.Username, o.Password.Reveal(), o.Database
	if o.TLS {
		host, _, _ := net.SplitHostPort(o.Address)
		var err error
		if config.TLS, err = (HTTPTLS{CA: o.CA, ServerName: host}).config(); err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
	}
	config.ConnectionAttributes = "program_name:paramedic"
	// Times without a zone are UTC, and those with one are shown so.
	config.ParseTime, config.Loc = true, time.UTC
	config.Params = map[string]string{"time_zone": "'+00:00'"}
	// What it would log it also returns.
	config.Logger = &mysql.NopLogger{}
	config.WriteTimeout = mysqlFarewell
	return config, nil
}

// mysqlConn is what the library's connections can do.
type mysqlConn interface {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
}

// mysqlProber keeps one connection between probes.
type mysqlProber struct {
	options   MySQL
	rules     rules
	connector driver.Connector
	turn      turn
	conn      mysqlConn // nil until needed, and after a failure
	socket    *rationed // of conn
	since     time.Time // when conn was made
}

// Probe implements Prober.
func (p *mysqlProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx, p.options.Password)
	a.doing("waiting for another probe of %s", p.options.Address)
	if err := p.turn.take(ctx); err != nil {
		return a.failed(err)
	}
	defer p.turn.give()
	values := newReadings()
	if err := p.examine(ctx, a, values); err != nil {
		err = cause(ctx, p.plain(err))
		// After a failure nobody knows what is left on the wire.
		p.hangUp()
		return a.failed(err)
	}
	result := health.Result{Status: health.Healthy, Message: "SELECT 1 passed"}
	return a.mask(p.rules.apply(result, values, newScene(ctx, a.start)))
}

// examine runs the queries.
func (p *mysqlProber) examine(ctx context.Context, a *attempt, values readings) error {
	if err := p.greet(ctx, a); err != nil || len(p.options.Queries) == 0 {
		return err
	}
	a.doing("beginning a transaction")
	for _, statement := range mysqlBegin(ctx) {
		if err := p.run(ctx, statement); err != nil {
			return err
		}
	}
	err := values.ask(a, p.options.Queries, func(query string) (any, error) { return mysqlValue(ctx, p.conn, query) })
	if err != nil {
		return err // the connection goes, and the transaction with it
	}
	a.doing("ending the transaction")
	return p.run(ctx, "ROLLBACK")
}

// greet runs SELECT 1, on a new connection if the last one is dead: the server
// may have been restarted since.
func (p *mysqlProber) greet(ctx context.Context, a *attempt) error {
	if p.conn != nil && time.Since(p.since) < mysqlLifetime {
		p.socket.refill()
		a.doing("running SELECT 1 at %s", p.options.Address)
		err := p.run(ctx, "SELECT 1")
		if err == nil || ctx.Err() != nil || !p.socket.closed.Load() {
			return err
		}
	}
	p.drop()
	a.doing("connecting to %s", p.options.Address)
	conn, err := p.connector.Connect(ctx)
	if err != nil {
		return err
	}
	var ok bool
	if p.conn, ok = conn.(mysqlConn); !ok {
		_ = conn.Close()
		return fmt.Errorf("the library's connection is a %T, which cannot run queries", conn)
	}
	p.since = time.Now()
	a.doing("running SELECT 1 at %s", p.options.Address)
	return p.run(ctx, "SELECT 1")
}

// run runs a statement whose result does not matter.
func (p *mysqlProber) run(ctx context.Context, statement string) error {
	_, err := p.conn.ExecContext(ctx, statement, nil)
	return err
}

// drop closes the connection; the server is told.
func (p *mysqlProber) drop() {
	if p.conn == nil {
		return
	}
	_ = p.conn.Close()
	p.conn, p.socket = nil, nil
}

// hangUp closes the connection without a word.
func (p *mysqlProber) hangUp() {
	if p.socket != nil {
		_ = p.socket.Close()
	}
	p.drop()
}

// Close implements Prober.
func (p *mysqlProber) Close() error {
	_ = p.turn.take(context.Background())
	defer p.turn.give()
	p.drop()
	return nil
}
