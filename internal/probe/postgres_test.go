package probe

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

// postgresOptions returns the options that lead to a database.
func postgresOptions(t *testing.T, dsn string) *Postgres {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	_, address, _ := strings.Cut(dsn, "@")
	address, _, _ = strings.Cut(address, "/")
	return &Postgres{
		Address: address, Username: config.User,
		Password: option.NewSecret(config.Password), Database: config.Database,
	}
}

// executePostgres runs statements in a database, as its users would.
func executePostgres(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	for _, statement := range statements {
		_, err := conn.Exec(context.Background(), statement)
		require.NoError(t, err, statement)
	}
}

func TestPostgresReusesItsConnection(t *testing.T) {
	dsn := realtest.PostgreSQL(t)
	options := postgresOptions(t, dsn)
	relay := newRelay(t, options.Address)
	options.Address = relay.Addr
	options.Queries = map[string]string{"a": "SELECT 1", "b": "SELECT 3"}
	options.Expect = []string{"a + b == 4"}
	requireNoLeak(t, func() {
		prober, err := options.Open()
		require.NoError(t, err)
		for range 5 {
			result := probe(t, prober, 5*time.Second)
			requireHealthy(t, result)
			require.Equal(t, "SELECT 1 passed", result.Message)
		}
		require.EqualValues(t, 1, relay.accepted.Load())
		require.NoError(t, prober.Close())
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 20*time.Second, time.Millisecond)
	})
}

func TestPostgresObservesQueries(t *testing.T) {
	dsn := realtest.PostgreSQL(t)
	executePostgres(t, dsn,
		"CREATE TABLE partner_daily (day date, synced_at timestamptz, plain timestamp)",
		"INSERT INTO partner_daily SELECT now(), now() - interval '90 s', (now() - interval '90 s') AT TIME ZONE 'UTC' FROM generate_series(1, 3)",
		"CREATE TYPE tier AS ENUM ('primary', 'standby')")
	options := postgresOptions(t, dsn)
	options.Queries = map[string]string{
		"rows_partner_daily": "SELECT count(*) FROM partner_daily",
		"sync_age_seconds":   "SELECT max(synced_at) FROM partner_daily",
		"plain_age_seconds":  "SELECT max(plain) FROM partner_daily",
		"lag_seconds":        "SELECT now() - max(synced_at) FROM partner_daily",
		"month":              "SELECT interval '1 month 1 day'",
		"average":            "SELECT avg(n) FROM generate_series(1, 4) n",
		"ratio":              "SELECT 0.25::float4",
		"small":              "SELECT 7::smallint",
		"up":                 "SELECT true",
		"text":               "SELECT 'standby'",
		"enum":               "SELECT 'primary'::tier",
		"id":                 "SELECT '61f0c404-5cb3-11e7-907b-a6006ad3dba0'::uuid",
		"nothing":            "SELECT max(synced_at) FROM partner_daily WHERE false",
		"empty":              "SELECT ''",
		"nan":                "SELECT 'NaN'::float8",
		"read_only":          "SHOW transaction_read_only",
	}
	options.Expect = []string{"rows_partner_daily == 3 && lag_seconds < 900", `text == "standby" && nothing == nil`, "latency < duration('5s')"}
	prober := open(t, options)
	for range 2 {
		result := probe(t, prober, 5*time.Second)
		requireHealthy(t, result)
		for _, name := range []string{"sync_age_seconds", "plain_age_seconds", "lag_seconds"} {
			require.InDelta(t, 90, result.Observations[name], 20, name)
			delete(result.Observations, name)
		}
		require.Equal(t, map[string]float64{
			"rows_partner_daily": 3, "month": 31 * 86400, "average": 2.5, "ratio": 0.25, "small": 7, "up": 1,
		}, result.Observations)
		require.Equal(t, map[string]string{
			"text": "standby", "enum": "primary", "id": "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "read_only": "on", "empty": "",
		}, result.Facts)
	}
}

func TestPostgresJudgesQueries(t *testing.T) {
	dsn := realtest.PostgreSQL(t)
	executePostgres(t, dsn, "CREATE TABLE jobs (n int)")
	cases := map[string]struct {
		query, expect, degraded string
		status                  health.Status
		want                    string
	}{
		"unhealthy":     {query: "SELECT 4711", expect: "n < 1800", status: health.Unhealthy, want: "n < 1800: n is 4711"},
		"degraded":      {query: "SELECT 4711", degraded: "n < 1800", status: health.Degraded, want: "n < 1800: n is 4711"},
		"null":          {query: "SELECT max(n) FROM jobs", expect: "n < 1800", status: health.Unhealthy, want: "n < 1800: n is null"},
		"no table":      {query: "SELECT 1 FROM missing", status: health.Unhealthy, want: `relation "missing" does not exist while running the query n`},
		"no row":        {query: "SELECT n FROM jobs", status: health.Unhealthy, want: "the query returned no row while running the query n"},
		"rows":          {query: "SELECT generate_series(1, 10000000)", status: health.Unhealthy, want: "the query returned more than one row while running the query n"},
		"columns":       {query: "SELECT 1, 2", status: health.Unhealthy, want: "the query returned 2 columns, not one value while running the query n"},
		"list":          {query: "SELECT '{1,2}'::int[]", status: health.Unhealthy, want: "[1,2] is not a number, a text or a time while running the query n"},
		"two":           {query: "SELECT 1; COMMIT", status: health.Unhealthy, want: "cannot insert multiple commands into a prepared statement while running the query n"},
		"writes":        {query: "INSERT INTO jobs VALUES (1) RETURNING n", status: health.Unhealthy, want: "cannot execute INSERT in a read-only transaction while running the query n"},
		"long text":     {query: "SELECT repeat('x', 2000000)", status: health.Unhealthy, want: "invalid body length:"},
		"divides by 0":  {query: "SELECT 1 / n FROM generate_series(0, 1) n", status: health.Unhealthy, want: "division by zero while running the query n"},
		"fails later":   {query: "SELECT 1 / (2 - n) FROM generate_series(1, 2) n", status: health.Unhealthy, want: "division by zero while running the query n"},
		"no statement":  {query: "-- nothing", status: health.Unhealthy, want: "the query returned no row while running the query n"},
		"commits":       {query: "COMMIT", status: health.Unhealthy, want: "the query returned no row while running the query n"},
		"parameter":     {query: "SELECT $1::int", status: health.Unhealthy, want: ""},
		"secret echoed": {query: "SELECT 'pass-4711'", expect: "n == 1", status: health.Unhealthy, want: `n == 1: n is "***"`},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			options := postgresOptions(t, dsn)
			options.Queries = map[string]string{"n": test.query}
			if name == "secret echoed" {
				executePostgres(t, dsn, "CREATE USER echo PASSWORD 'pass-4711'")
				t.Cleanup(func() { executePostgres(t, dsn, "DROP USER echo") })
				options.Username, options.Password = "echo", option.NewSecret("pass-4711")
			}
			if test.expect != "" {
				options.Expect = []string{test.expect}
			}
			if test.degraded != "" {
				options.ExpectDegraded = []string{test.degraded}
			}
			requireNoLeak(t, func() {
				prober, err := options.Open()
				require.NoError(t, err)
				for range 2 {
					result := probe(t, prober, 5*time.Second)
					require.True(t, strings.HasPrefix(result.Message, test.want), result.Message)
					require.Equal(t, test.status, result.Status)
				}
				require.NoError(t, prober.Close())
			})
		})
	}
}

func TestPostgresEndsALongQuery(t *testing.T) {
	dsn := realtest.PostgreSQL(t)
	options := postgresOptions(t, dsn)
	options.Queries = map[string]string{"long": "SELECT 1 FROM pg_sleep(3600)"}
	requireNoLeak(t, func() {
		prober, err := options.Open()
		require.NoError(t, err)
		for range 3 {
			requireUnhealthy(t, probe(t, prober, 300*time.Millisecond), "timeout after 300ms while running the query long")
		}
		require.NoError(t, prober.Close())
	})
	// The server has noticed too: nothing of it still runs there.
	options.Queries = map[string]string{"others": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"}
	idle := open(t, options)
	require.Eventually(t, func() bool {
		return probe(t, idle, 5*time.Second).Observations["others"] == 0
	}, 10*time.Second, 50*time.Millisecond)
}

func TestPostgresSurvivesFreezeAndRestart(t *testing.T) {
	server := realtest.OwnPostgreSQL(t)
	options := postgresOptions(t, server.DSN)
	prober := open(t, options)
	requireHealthy(t, probe(t, prober, 5*time.Second))
	server.Kill()
	requireUnhealthy(t, probe(t, prober, 5*time.Second), "connection refused while connecting to "+server.Addr)
	server.Start()
	requireHealthy(t, probe(t, prober, 5*time.Second))
	// The very next probe after a restart finds the old connection dead.
	server.Kill()
	server.Start()
	requireHealthy(t, probe(t, prober, 5*time.Second))

	fresh := open(t, options)
	server.Stop() // takes connections, and answers none
	for range 2 {
		requireUnhealthy(t, probe(t, fresh, 300*time.Millisecond), "timeout after 300ms while connecting to "+server.Addr)
	}
	server.Cont()
	requireHealthy(t, probe(t, fresh, 5*time.Second))
}

func TestPostgresSaysWhatTheServerRefuses(t *testing.T) {
	dsn := realtest.PostgreSQL(t)
	options := postgresOptions(t, dsn)
	relay := newRelay(t, options.Address)
	options.Address = relay.Addr
	requireNoLeak(t, func() {
		for want, change := range map[string]func(o *Postgres){
			`password authentication failed for user "tester" while connecting to ` + relay.Addr: func(o *Postgres) { o.Password = option.NewSecret("wrong-password") },
			`database "nowhere" does not exist while connecting to ` + relay.Addr:                func(o *Postgres) { o.Database = "nowhere" },
			"server refused TLS connection while connecting to " + relay.Addr:                    func(o *Postgres) { o.TLS = true },
		} {
			changed := *options
			change(&changed)
			prober, err := changed.Open()
			require.NoError(t, err)
			requireUnhealthy(t, probe(t, prober, 5*time.Second), want)
			require.NoError(t, prober.Close())
		}
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 20*time.Second, time.Millisecond)
	})
}

// The variables of PostgreSQL's own programs change nothing.
func TestPostgresIgnoresTheEnvironment(t *testing.T) {
	options := postgresOptions(t, realtest.PostgreSQL(t))
	for name, value := range map[string]string{
		"PGHOST": "elsewhere.invalid,other.invalid", "PGPORT": "1", "PGUSER": "nobody", "PGPASSWORD": "wrong",
		"PGDATABASE": "nowhere", "PGSSLMODE": "verify-full", "PGOPTIONS": "-c nonsense=1", "PGCONNECT_TIMEOUT": "1",
		"PGTARGETSESSIONATTRS": "standby", "PGAPPNAME": "other",
	} {
		t.Setenv(name, value)
	}
	options.Queries = map[string]string{"name": "SHOW application_name"}
	result := probe(t, open(t, options), 5*time.Second)
	requireHealthy(t, result)
	require.Equal(t, "paramedic", result.Facts["name"])
}

// behindTLS relays to a PostgreSQL, and speaks TLS as it would.
func behindTLS(t *testing.T, address string, certificate tls.Certificate) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = client.Close() }()
				request := make([]byte, 8) // the client asks for TLS
				if _, err := io.ReadFull(client, request); err != nil {
					return
				}
				_, _ = client.Write([]byte("S"))
				server, err := net.Dial("tcp", address)
				if err != nil {
					return
				}
				defer func() { _ = server.Close() }()
				secured := tls.Server(client, &tls.Config{Certificates: []tls.Certificate{certificate}})
				go func() { _, _ = io.Copy(server, secured); _ = server.Close() }()
				_, _ = io.Copy(secured, server)
			}()
		}
	}()
	return listener.Addr().String()
}

func TestPostgresVerifiesCertificates(t *testing.T) {
	options := postgresOptions(t, realtest.PostgreSQL(t))
	cert := certificate(t, time.Now().Add(time.Hour))
	options.Address, options.TLS = behindTLS(t, options.Address, cert), true
	requireUnhealthy(t, probe(t, open(t, options), 5*time.Second),
		"TLS: certificate signed by an unknown authority while connecting to "+options.Address)
	options.CA = filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}
	require.NoError(t, os.WriteFile(options.CA, pem.EncodeToMemory(block), 0o600))
	options.Queries = map[string]string{"one": "SELECT 1"}
	requireHealthy(t, probe(t, open(t, options), 5*time.Second))
}

func TestPostgresSurvivesSilence(t *testing.T) {
	for _, secure := range []bool{false, true} {
		requireSurvivesSilence(t, func(address string) Options { return &Postgres{Address: address, Username: "u", TLS: secure} },
			"timeout after 200ms while connecting to @silent", "connection refused while connecting to @deaf")
	}
}

func TestPostgresOptions(t *testing.T) {
	problems := (&Postgres{
		Address: "localhost", CA: "/no/such/file", Expect: []string{"lag < 1"}, ExpectDegraded: []string{"rows"},
		Queries: map[string]string{"rows": "SELECT 1", "empty": "", "latency": "SELECT 1"},
	}).Validate()
	require.Equal(t, option.Problems{
		{Path: "address", Text: `"localhost" is not an address; write host:port, like 127.0.0.1:9000`},
		{Path: "ca", Text: "needs tls: true"},
		{Path: "ca", Text: "open /no/such/file: no such file or directory"},
		{Path: "queries.latency", Text: "latency means something else in conditions already; take another name"},
		{Path: "queries.empty", Text: "is empty; write a query that returns one value"},
		{Path: "expect[0]", Text: "unknown name lag (line 1, column 1); known are empty, latency, rows"},
	}, problems)
}
