package probe

import (
	"fmt"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"

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

func mysqlKind() Kind {
	return Kind{
		Name:    "mysql",
		Doc:     "Connects to a MySQL or MariaDB and runs SELECT 1. Queries observe freshness, lag or rows.",
		Options: func() Options { return &MySQL{} },
	}
}

// Validate implements Options.
func (o *MySQL) Validate() option.Problems { return (*databaseOptions)(o).validate() }

// Open implements Options.
func (o *MySQL) Open() (Prober, error) {
	return (*databaseOptions)(o).open(func() (databaseServer, error) {
		server := &mysqlServer{}
		config, err := o.config(server.dial)
		if err != nil {
			return nil, err
		}
		server.connector, err = mysql.NewConnector(config)
		return server, err
	})
}

// config returns how to connect.
func (o *MySQL) config(dial dialing) (*mysql.Config, error) {
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
	config.WriteTimeout = databaseFarewell
	return config, nil
}
