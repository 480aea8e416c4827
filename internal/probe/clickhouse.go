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

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// ClickHouse are the options of kind clickhouse.
type ClickHouse struct {
	Address     string          `yaml:"address" required:"true" doc:"Host and port of the native protocol, usually 9000, or 9440 with TLS."`
	Username    string          `yaml:"username" doc:"User; one that may only read is enough."`
	Password    option.Secret   `yaml:"password" doc:"Password of the user."`
	Database    string          `yaml:"database" doc:"Database of the table; empty means the user's."`
	TLS         bool            `yaml:"tls" doc:"Connect by TLS and verify the certificate."`
	Table       string          `yaml:"table" doc:"Table whose rows are counted, as table or database.table."`
	Query       string          `yaml:"query" doc:"Query to use instead of the count of a table; it has to return one number."`
	MinRows     int             `yaml:"min_rows" doc:"Least number of rows, or least result of the query, that is healthy."`
	GrownWithin health.Duration `yaml:"grown_within" doc:"Time within which the number has to have risen; counted from the first probe of this process."`
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
		Doc:     "Runs SELECT 1 by the native protocol, then counts the rows of a table: a minimum, and whether they still grow.",
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
	return problems
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
	p := &clickHouseProber{options: *o, turn: make(turn, 1)}
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

// examine runs the queries and judges the number.
func (p *clickHouseProber) examine(ctx context.Context, a *attempt) (health.Result, error) {
	a.doing("running SELECT 1 at %s", p.options.Address)
	if err := p.client.Exec(ctx, "SELECT 1"); err != nil {
		return health.Result{}, plainException(err)
	}
	query := p.options.countQuery()
	if query == "" {
		return health.Result{Status: health.Healthy, Message: "SELECT 1 passed"}, nil
	}
	a.doing("counting rows")
	if p.options.Query != "" {
		a.doing("running the query")
	}
	number, err := p.number(ctx, query)
	if err != nil {
		return health.Result{}, plainException(err)
	}
	result := p.judge(number)
	result.Observations = map[string]float64{"rows": number}
	return result, nil
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

// growth remembers when a number last rose.
type growth struct {
	last float64
	rose time.Time
}

// observe takes the number seen at a time and returns for how long it has not
// risen. The first number counts as a rise; a fall starts no new one.
func (g *growth) observe(number float64, at time.Time) time.Duration {
	if g.rose.IsZero() || number > g.last {
		g.rose = at
	}
	g.last = number
	return at.Sub(g.rose)
}

// number runs a query that returns one number.
func (p *clickHouseProber) number(ctx context.Context, query string) (float64, error) {
	rows, err := p.client.Query(ctx, query)
	if err != nil {
		return 0, err
	}
	number, err := oneNumber(rows)
	if err != nil {
		p.lines.hangUp() // or Close would read the rest, however long
		_ = rows.Close() // fails for that reason
		return 0, err
	}
	return number, rows.Close()
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
