package probe

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Postgres are the options of kind postgres.
type Postgres struct {
	Address        string            `yaml:"address" required:"true" doc:"Host and port of the server or its pooler, usually 5432."`
	Username       string            `yaml:"username" required:"true" doc:"User; one that may only read is enough."`
	Password       option.Secret     `yaml:"password" doc:"Password of the user."`
	Database       string            `yaml:"database" doc:"Database of the queries; empty means the one named like the user."`
	TLS            bool              `yaml:"tls" doc:"Connect by TLS and verify the certificate."`
	CA             string            `yaml:"ca" doc:"File of PEM certificates to trust instead of the system's, with tls."`
	Queries        map[string]string `yaml:"queries" doc:"Values to observe, by name: queries that return one number, interval (in seconds), time (its age in seconds; UTC if it has no zone) or text. They run in one transaction that may only read. A query that fails is unhealthy."`
	Expect         []string          `yaml:"expect" doc:"Conditions that all have to hold, else unhealthy. They speak of the names of queries and latency, and are written in the language of expr-lang.org."`
	ExpectDegraded []string          `yaml:"expect_degraded" doc:"Conditions that all have to hold, else degraded."`
}

// postgresLifetime is when a connection is replaced, so that a server behind a
// load balancer is found again after it has moved.
const postgresLifetime = time.Hour

// postgresFarewell is how long closing waits for a server to be told.
const postgresFarewell = time.Second

func postgresKind() Kind {
	return Kind{
		Name:    "postgres",
		Doc:     "Connects to a PostgreSQL and runs SELECT 1. Queries observe freshness, lag or rows.",
		Options: func() Options { return &Postgres{} },
	}
}

// Validate implements Options.
func (o *Postgres) Validate() option.Problems {
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

func (o *Postgres) rules() (rules, option.Problems) {
	return compileRules(readingWords(nil, namesOf(o.Queries)), o.Expect, o.ExpectDegraded)
}

// Open implements Options.
func (o *Postgres) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	p := &postgresProber{options: *o, rules: rules, turn: make(turn, 1)}
	p.life, p.hangUp = context.WithCancel(context.Background())
	var err error
	if p.config, err = o.config(p.dial); err != nil {
		p.hangUp()
		return nil, fmt.Errorf("make a client of %s: %w", o.Address, err)
	}
	return p, nil
}

// config returns how to connect. The library begins with what the environment
// says (PGHOST, PGPASSWORD and others); nothing of that is left.
func (o *Postgres) config(dial func(ctx context.Context, network, address string) (net.Conn, error)) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(o.Address)
	number, _ := strconv.ParseUint(port, 10, 16)
	config.Host, config.Port = host, uint16(number)
	config.User, config.Password, config.Database = o.Username, o.Password.Reveal(), o.Database
	if o.Database == "" {
		config.Database = o.Username
	}
	if o.TLS {
		config.TLSConfig, err = HTTPTLS{CA: o.CA, ServerName: host}.config()
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
	}
	config.Fallbacks, config.ValidateConnect, config.ConnectTimeout = nil, nil, 0
	config.RuntimeParams = map[string]string{"application_name": "paramedic"}
	config.DialFunc = dial
	// Poolers that give each transaction another connection know no statement
	// that was prepared before.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	return config, nil
}

// postgresProber keeps one connection between probes.
type postgresProber struct {
	options Postgres
	rules   rules
	config  *pgx.ConnConfig
	turn    turn
	conn    *pgx.Conn // nil until needed, and after a failure
	since   time.Time // when conn was made

	// The library tells a server to stop a query, and closes its connection,
	// in the background; ending waits for that, and hangUp ends it.
	life   context.Context
	hangUp context.CancelFunc
	ending sync.WaitGroup
}

// Probe implements Prober.
func (p *postgresProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx, p.options.Password)
	a.doing("waiting for another probe of %s", p.options.Address)
	if err := p.turn.take(ctx); err != nil {
		return a.failed(err)
	}
	defer p.turn.give()
	values := newReadings()
	if err := p.examine(ctx, a, values); err != nil {
		// After a failure nobody knows what is left on the wire.
		p.drop()
		return a.failed(cause(ctx, plainPostgres(err)))
	}
	result := health.Result{Status: health.Healthy, Message: "SELECT 1 passed"}
	return a.mask(p.rules.apply(result, values, newScene(ctx, a.start)))
}

// examine runs the queries.
func (p *postgresProber) examine(ctx context.Context, a *attempt, values readings) error {
	if err := p.greet(ctx, a); err != nil || len(p.options.Queries) == 0 {
		return err
	}
	a.doing("beginning a transaction")
	tx, err := p.conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	err = values.ask(a, p.options.Queries, func(query string) (any, error) { return postgresValue(ctx, tx, query) })
	if err != nil {
		return err // the connection goes, and the transaction with it
	}
	a.doing("ending the transaction")
	return tx.Rollback(ctx)
}

// greet runs SELECT 1, on a new connection if the last one is dead: the server
// may have been restarted since.
func (p *postgresProber) greet(ctx context.Context, a *attempt) error {
	if p.conn != nil && time.Since(p.since) < postgresLifetime {
		a.doing("running SELECT 1 at %s", p.options.Address)
		_, err := p.conn.Exec(ctx, "SELECT 1")
		if err == nil || ctx.Err() != nil || !p.conn.IsClosed() {
			return err
		}
	}
	p.drop()
	a.doing("connecting to %s", p.options.Address)
	conn, err := pgx.ConnectConfig(ctx, p.config)
	if err != nil {
		return err
	}
	conn.PgConn().Frontend().SetMaxBodyLen(bodyLimit)
	p.conn, p.since = conn, time.Now()
	a.doing("running SELECT 1 at %s", p.options.Address)
	_, err = conn.Exec(ctx, "SELECT 1")
	return err
}

// drop closes the connection.
func (p *postgresProber) drop() {
	if p.conn == nil {
		return
	}
	conn := p.conn
	p.conn = nil
	p.ending.Go(func() {
		ctx, cancel := context.WithTimeout(p.life, postgresFarewell)
		defer cancel()
		_ = conn.Close(ctx)
		<-conn.PgConn().CleanupDone()
	})
}

// Close implements Prober.
func (p *postgresProber) Close() error {
	_ = p.turn.take(context.Background())
	defer p.turn.give()
	p.drop()
	timer := time.AfterFunc(postgresFarewell, p.hangUp)
	defer timer.Stop()
	p.ending.Wait()
	p.hangUp()
	return nil
}
