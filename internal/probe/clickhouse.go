package probe

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/expr-lang/expr/types"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// ClickHouse are the options of kind clickhouse.
type ClickHouse struct {
	Address        string            `yaml:"address" required:"true" doc:"Host and port of the native protocol, usually 9000, or 9440 with TLS."`
	Username       string            `yaml:"username" doc:"User; one that may only read is enough."`
	Password       option.Secret     `yaml:"password" doc:"Password of the user."`
	Database       string            `yaml:"database" doc:"Database of the table; empty means the user's."`
	TLS            bool              `yaml:"tls" doc:"Connect by TLS and verify the certificate."`
	Table          string            `yaml:"table" doc:"Table whose rows are counted, as table or database.table."`
	Query          string            `yaml:"query" doc:"Query to use instead of the count of a table; it has to return one number."`
	MinRows        int               `yaml:"min_rows" doc:"Least number of rows, or least result of the query, that is healthy."`
	GrownWithin    health.Duration   `yaml:"grown_within" doc:"Time within which the number has to have risen; counted from the first probe of this process."`
	Queries        map[string]string `yaml:"queries" doc:"Values to observe, by name: queries that return one number, time (its age in seconds) or text. A query that fails is unhealthy."`
	Expect         []string          `yaml:"expect" doc:"Conditions that all have to hold, else unhealthy. They speak of rows (of the table, or the result of query), the names of queries and latency, and are written in the language of expr-lang.org."`
	ExpectDegraded []string          `yaml:"expect_degraded" doc:"Conditions that all have to hold, else degraded."`
}

// clickHouseLifetime is when a connection is replaced, so that a server behind
// a load balancer is found again after it has moved.
const clickHouseLifetime = time.Hour

// clickHouseCancel is the packet of the native protocol that stops a query.
// Without it a server goes on with a query whose client has hung up.
const clickHouseCancel = 3

func clickHouseKind() Kind {
	return Kind{
		Name:    "clickhouse",
		Doc:     "Runs SELECT 1 by the native protocol, then counts the rows of a table: a minimum, and whether they still grow. Further queries observe freshness, lag or rows.",
		Options: func() Options { return &ClickHouse{Username: "default"} },
	}
}

// tableName is what a table may be called here; others can be had by query.
var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$`)

// Validate implements Options.
func (o *ClickHouse) Validate() option.Problems {
	var problems option.Problems
	checkAddress(&problems, "address", o.Address)
	if o.Table != "" && !tableName.MatchString(o.Table) {
		problems.Add("table", "%q is not table or database.table; other names can be counted by query", o.Table)
	}
	if o.Table != "" && o.Query != "" {
		problems.Add("query", "and table exclude each other; keep one")
	}
	if o.MinRows < 0 {
		problems.Add("min_rows", "%d is below 0", o.MinRows)
	}
	if o.GrownWithin < 0 {
		problems.Add("grown_within", "%v is below 0", o.GrownWithin)
	}
	if o.Table == "" && o.Query == "" {
		if o.MinRows != 0 {
			problems.Add("min_rows", "needs table or query")
		}
		if o.GrownWithin != 0 {
			problems.Add("grown_within", "needs table or query")
		}
	}
	checkReadings(&problems, "queries", namesOf(o.Queries), words{"rows": types.Float64})
	checkQueries(&problems, o.Queries)
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

func (o *ClickHouse) rules() (rules, option.Problems) {
	own := words{}
	if o.countQuery() != "" {
		own["rows"] = types.Float64
	}
	return compileRules(readingWords(own, namesOf(o.Queries)), o.Expect, o.ExpectDegraded)
}

// countQuery returns the query for the number to judge, empty if there is none.
func (o *ClickHouse) countQuery() string {
	if o.Table == "" {
		return o.Query
	}
	return "SELECT count() FROM `" + strings.ReplaceAll(o.Table, ".", "`.`") + "`"
}

// Open implements Options.
func (o *ClickHouse) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	p := &clickHouseProber{options: *o, rules: rules, turn: make(turn, 1)}
	p.lines.dial, p.lines.farewell = dialer(o.Address, o.TLS), []byte{clickHouseCancel}
	client, err := clickhouse.Open(&clickhouse.Options{
		Addr:        []string{o.Address},
		Auth:        clickhouse.Auth{Database: o.Database, Username: o.Username, Password: o.Password.Reveal()},
		DialContext: p.lines.connect,
		// The probe hangs up when its time is over; these only have to be longer.
		DialTimeout: time.Hour, ReadTimeout: time.Hour,
		MaxOpenConns: 1, MaxIdleConns: 1, ConnMaxLifetime: clickHouseLifetime,
	})
	if err != nil {
		return nil, fmt.Errorf("make a client of %s: %w", o.Address, err)
	}
	p.client = client
	return p, nil
}

// clickHouseProber keeps one connection between probes, and what it counted.
type clickHouseProber struct {
	options ClickHouse
	rules   rules
	client  driver.Conn
	lines   lines
	turn    turn
	growth  growth
}

// Probe implements Prober.
func (p *clickHouseProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx, p.options.Password)
	a.doing("waiting for another probe of %s", p.options.Address)
	if err := p.turn.take(ctx); err != nil {
		return a.failed(err)
	}
	defer p.turn.give()
	// The driver gets a context without an end, and the connection is closed
	// under it instead: it hands its answer over unguarded when a context ends
	// (a panic), does not look at contexts while it greets the server, and turns
	// deadlines into a setting that read-only users may not change.
	defer p.lines.during(ctx)()
	result, err := p.examine(withProbe(ctx), a)
	if err != nil {
		// After a failure nobody knows what is left on the wire.
		p.lines.hangUp()
		return a.failed(cause(ctx, err))
	}
	return result
}

// examine runs the queries and judges what they return.
func (p *clickHouseProber) examine(ctx context.Context, a *attempt) (health.Result, error) {
	a.doing("running SELECT 1 at %s", p.options.Address)
	if err := p.client.Exec(ctx, "SELECT 1"); err != nil {
		return health.Result{}, plainException(err)
	}
	result := health.Result{Status: health.Healthy, Message: "SELECT 1 passed"}
	values := newReadings()
	if query := p.options.countQuery(); query != "" {
		a.doing("counting rows")
		if p.options.Query != "" {
			a.doing("running the query")
		}
		number, err := p.count(ctx, query)
		if err != nil {
			return health.Result{}, plainException(err)
		}
		result = p.judge(number)
		values.numbers["rows"] = number
	}
	err := values.ask(a, p.options.Queries, func(query string) (any, error) { return p.value(ctx, query) })
	if err != nil {
		return health.Result{}, plainException(err)
	}
	return a.mask(p.rules.apply(result, values, newScene(carried(ctx), a.start))), nil
}

// judge holds a number against the options.
func (p *clickHouseProber) judge(number float64) health.Result {
	what := "row count"
	if p.options.Query != "" {
		what = "query result"
	}
	text := strconv.FormatFloat(number, 'f', -1, 64)
	idle := p.growth.observe(number, time.Now())
	if least := p.options.MinRows; least > 0 && number < float64(least) {
		return health.Result{Status: health.Unhealthy, Message: fmt.Sprintf("%s %s < %d", what, text, least)}
	}
	if limit := p.options.GrownWithin; limit > 0 && idle > limit.Std() {
		return health.Result{Status: health.Unhealthy, Message: fmt.Sprintf(
			"%s %s has not grown for %s, more than %v", what, text, health.Span(idle), limit)}
	}
	return health.Result{Status: health.Healthy, Message: what + " " + text}
}

// count runs a query that returns one number.
func (p *clickHouseProber) count(ctx context.Context, query string) (float64, error) {
	value, err := p.value(ctx, query)
	if err != nil {
		return 0, err
	}
	return asNumber(value)
}

// value runs a query that returns one value.
func (p *clickHouseProber) value(ctx context.Context, query string) (any, error) {
	rows, err := p.client.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	value, err := oneValue(rows)
	if err != nil {
		p.lines.hangUp() // or Close would read the rest, however long
		_ = rows.Close() // fails for that reason
		return nil, err
	}
	return value, rows.Close()
}

// plainException strips what ClickHouse puts around its messages.
func plainException(err error) error {
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) {
		return err
	}
	text, _, _ := strings.Cut(exception.Message, ", e.what()")
	return errors.New(strings.TrimPrefix(text, "DB::Exception: "))
}

// Close implements Prober.
func (p *clickHouseProber) Close() error {
	_ = p.turn.take(context.Background())
	defer p.turn.give()
	err := p.client.Close()
	p.lines.hangUp()
	if err != nil {
		return fmt.Errorf("close the client of %s: %w", p.options.Address, err)
	}
	return nil
}
