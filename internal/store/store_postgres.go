package store

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// connections bounds those to PostgreSQL, for reading and writing.
	connections = 8
	// connectLimit bounds one attempt to connect, unless the location says otherwise.
	connectLimit = 10 * time.Second
)

func openPostgres(location string) (*Store, error) {
	config, err := pgx.ParseConfig(location)
	if err != nil {
		// The text of the error may hold parts of the location, and so of a password.
		return nil, errors.New("database: the PostgreSQL location cannot be read, " +
			"it has the form postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=verify-full")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectLimit
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "paramedic"
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	address := net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	return &Store{kind: kindPostgres, name: fmt.Sprintf("%s/%s", address, config.Database), write: db, read: db}, nil
}
