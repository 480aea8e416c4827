package probe

import (
	"fmt"
	"net"
	"strconv"

	"github.com/jackc/pgx/v5"

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

func postgresKind() Kind {
	return Kind{
		Name:    "postgres",
		Doc:     "Connects to a PostgreSQL and runs SELECT 1. Queries observe freshness, lag or rows.",
		Options: func() Options { return &Postgres{} },
	}
}

// Validate implements Options.
func (o *Postgres) Validate() option.Problems { return (*databaseOptions)(o).validate() }

// Open implements Options.
func (o *Postgres) Open() (Prober, error) {
	return (*databaseOptions)(o).open(func() (databaseServer, error) {
		server := newPostgresServer()
		var err error
		server.config, err = o.config(server.dial)
		return server, err
	})
}

// config returns how to connect. The library begins with what the environment
// says (PGHOST, PGPASSWORD and others); nothing of that is left.
func (o *Postgres) config(dial dialing) (*pgx.ConnConfig, error) {
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
