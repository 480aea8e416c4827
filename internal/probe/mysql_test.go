package probe

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

// All tests of this file that need a server share one, which is what takes its
// time; the last one stops it.
func TestMySQL(t *testing.T) {
	cert := certificate(t, time.Now().Add(time.Hour))
	server := realtest.MariaDB(t, realtest.MariaDBCertificate(t, cert)...)
	for _, test := range []struct {
		name string
		run  func(t *testing.T, server *realtest.MariaDBServer)
	}{
		{"reuses its connection", mysqlReusesItsConnection},
		{"observes queries", mysqlObservesQueries},
		{"judges queries", mysqlJudgesQueries},
		{"ends a long query", mysqlEndsALongQuery},
		{"says what the server refuses", mysqlSaysWhatTheServerRefuses},
		{"verifies certificates", func(t *testing.T, server *realtest.MariaDBServer) { mysqlVerifies(t, server, certificateFile(t, cert)) }},
		{"survives freeze and restart", mysqlSurvivesFreezeAndRestart},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, server) })
	}
}

// mysqlOptions returns the options that lead to the database of a server.
func mysqlOptions(t *testing.T, server *realtest.MariaDBServer) *MySQL {
	t.Helper()
	config, err := mysql.ParseDSN(server.DSN)
	require.NoError(t, err)
	return &MySQL{
		Address: config.Addr, Username: config.User, Password: option.NewSecret(config.Passwd), Database: config.DBName,
	}
}

// executeMySQL runs statements in the database, as its users would.
func executeMySQL(t *testing.T, server *realtest.MariaDBServer, statements ...string) {
	t.Helper()
	db, err := sql.Open("mysql", server.DSN)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, statement := range statements {
		_, err := db.ExecContext(context.Background(), statement)
		require.NoError(t, err, statement)
	}
}

func mysqlReusesItsConnection(t *testing.T, server *realtest.MariaDBServer) {
	options := mysqlOptions(t, server)
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

func mysqlObservesQueries(t *testing.T, server *realtest.MariaDBServer) {
	executeMySQL(t, server,
		"CREATE TABLE partner_daily (day DATE, synced_at TIMESTAMP NULL, plain DATETIME(3), tier ENUM('primary', 'standby'), active BIT(1))",
		"INSERT INTO partner_daily SELECT '2020-01-01', NOW() - INTERVAL 90 SECOND, UTC_TIMESTAMP() - INTERVAL 90 SECOND, 'standby', b'1' FROM (VALUES (1), (2), (3)) v")
	options := mysqlOptions(t, server)
	options.Queries = map[string]string{
		"rows_partner_daily": "SELECT COUNT(*) FROM partner_daily",
		"sync_age_seconds":   "SELECT MAX(synced_at) FROM partner_daily",
		"plain_age_seconds":  "SELECT MAX(plain) FROM partner_daily",
		"lag_seconds":        "SELECT TIMEDIFF(NOW(), MAX(synced_at)) FROM partner_daily",
		"ahead":              "SELECT TIME('-01:00:01.5')",
		"average":            "SELECT AVG(n) FROM (SELECT 1 n UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) v",
		"ratio":              "SELECT 0.25e0",
		"small":              "SELECT CAST(7 AS UNSIGNED)",
		"up":                 "SELECT true",
		"active":             "SELECT active FROM partner_daily LIMIT 1",
		"text":               "SELECT 'größe'",
		"enum":               "SELECT MAX(tier) FROM partner_daily",
		"nothing":            "SELECT MAX(synced_at) FROM partner_daily WHERE false",
		"empty":              "SELECT ''",
		"no_date":            "SELECT CAST('0000-00-00' AS DATE)",
		"read_only":          "SELECT @@tx_isolation",
	}
	options.Expect = []string{"rows_partner_daily == 3 && lag_seconds < 900", `text == "größe" && nothing == nil && no_date == nil`, "latency < duration('5s')"}
	prober := open(t, options)
	for range 2 {
		result := probe(t, prober, 5*time.Second)
		requireHealthy(t, result)
		for _, name := range []string{"sync_age_seconds", "plain_age_seconds", "lag_seconds"} {
			require.InDelta(t, 90, result.Observations[name], 20, name)
			delete(result.Observations, name)
		}
		require.Equal(t, map[string]float64{
			"rows_partner_daily": 3, "ahead": -3601.5, "average": 2.5, "ratio": 0.25, "small": 7, "up": 1, "active": 1,
		}, result.Observations)
		require.Equal(t, map[string]string{"text": "größe", "enum": "standby", "empty": "", "read_only": "REPEATABLE-READ"}, result.Facts)
	}
}

func mysqlJudgesQueries(t *testing.T, server *realtest.MariaDBServer) {
	executeMySQL(t, server, "CREATE TABLE jobs (n INT)", "CREATE SEQUENCE numbers",
		"CREATE USER echo IDENTIFIED BY 'pass-4711'",
		"CREATE FUNCTION enqueue() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO jobs VALUES (1); RETURN 1; END")
	const readOnly = "Cannot execute statement in a READ ONLY transaction while running the query n"
	cases := map[string]struct {
		query, expect, degraded string
		status                  health.Status
		want                    string
	}{
		"unhealthy":     {query: "SELECT 4711", expect: "n < 1800", status: health.Unhealthy, want: "n < 1800: n is 4711"},
		"degraded":      {query: "SELECT 4711", degraded: "n < 1800", status: health.Degraded, want: "n < 1800: n is 4711"},
		"null":          {query: "SELECT MAX(n) FROM jobs", expect: "n < 1800", status: health.Unhealthy, want: "n < 1800: n is null"},
		"no table":      {query: "SELECT 1 FROM missing", status: health.Unhealthy, want: "Table 'test.missing' doesn't exist while running the query n"},
		"no row":        {query: "SELECT n FROM jobs", status: health.Unhealthy, want: "the query returned no row while running the query n"},
		"rows":          {query: "SELECT seq FROM seq_1_to_10000000", status: health.Unhealthy, want: "the query returned more than one row while running the query n"},
		"columns":       {query: "SELECT 1, 2", status: health.Unhealthy, want: "the query returned 2 columns, not one value while running the query n"},
		"two":           {query: "SELECT 1; COMMIT", status: health.Unhealthy, want: "You have an error in your SQL syntax;"},
		"writes":        {query: "INSERT INTO jobs VALUES (1) RETURNING n", status: health.Unhealthy, want: readOnly},
		"writes inside": {query: "SELECT enqueue()", status: health.Unhealthy, want: readOnly},
		"defines":       {query: "DROP TABLE jobs", status: health.Unhealthy, want: readOnly},
		"long text":     {query: "SELECT REPEAT('x', 2000000)", status: health.Unhealthy, want: "the server sends more than 1048576 bytes while running the query n"},
		"fails later":   {query: "SELECT CASE seq WHEN 1 THEN 1 ELSE (SELECT 1 UNION SELECT 2) END FROM seq_1_to_2", status: health.Unhealthy, want: "Subquery returns more than 1 row while running the query n"},
		"no statement":  {query: "-- nothing", status: health.Unhealthy, want: "the query returned no row while running the query n"},
		"commits":       {query: "COMMIT", status: health.Unhealthy, want: "the query returned no row while running the query n"},
		"counts":        {query: "SELECT NEXTVAL(numbers)", status: health.Unhealthy, want: readOnly},
		"local file":    {query: "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE jobs", status: health.Unhealthy, want: ""},
		"secret echoed": {query: "SELECT 'pass-4711'", expect: "n == 1", status: health.Unhealthy, want: `n == 1: n is "***"`},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			options := mysqlOptions(t, server)
			options.Queries = map[string]string{"n": test.query}
			if name == "secret echoed" {
				options.Username, options.Password, options.Database = "echo", option.NewSecret("pass-4711"), ""
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
					require.Equal(t, test.status, result.Status, result.Message)
				}
				require.NoError(t, prober.Close())
			})
		})
	}
	options := mysqlOptions(t, server)
	options.Queries = map[string]string{"jobs": "SELECT COUNT(*) FROM jobs"}
	require.Zero(t, probe(t, open(t, options), 5*time.Second).Observations["jobs"], "a query has written")
}

func mysqlEndsALongQuery(t *testing.T, server *realtest.MariaDBServer) {
	options := mysqlOptions(t, server)
	options.Queries = map[string]string{"long": "SELECT COUNT(*) FROM seq_1_to_100000000 a, seq_1_to_100000000 b"}
	requireNoLeak(t, func() {
		prober, err := options.Open()
		require.NoError(t, err)
		for range 3 {
			requireUnhealthy(t, probe(t, prober, 300*time.Millisecond), "timeout after 300ms while running the query long")
		}
		require.NoError(t, prober.Close())
	})
	// The server has noticed too: nothing of it still runs there.
	options.Queries = map[string]string{"others": "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'tester' AND id <> CONNECTION_ID()"}
	idle := open(t, options)
	require.Eventually(t, func() bool {
		return probe(t, idle, 5*time.Second).Observations["others"] == 0
	}, 10*time.Second, 50*time.Millisecond)
}

func mysqlSaysWhatTheServerRefuses(t *testing.T, server *realtest.MariaDBServer) {
	options := mysqlOptions(t, server)
	relay := newRelay(t, options.Address)
	options.Address = relay.Addr
	requireNoLeak(t, func() {
		for want, change := range map[string]func(o *MySQL){
			`Access denied for user 'tester'@'127.0.0.1' (using password: YES) while connecting to ` + relay.Addr: func(o *MySQL) { o.Password = option.NewSecret("wrong-password") },
			"Unknown database 'nowhere' while connecting to " + relay.Addr:                                        func(o *MySQL) { o.Database = "nowhere" },
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

func mysqlVerifies(t *testing.T, server *realtest.MariaDBServer, ca string) {
	options := mysqlOptions(t, server)
	options.TLS = true
	requireUnhealthy(t, probe(t, open(t, options), 5*time.Second),
		"TLS: certificate signed by an unknown authority while connecting to "+options.Address)
	options.CA = ca
	options.Queries = map[string]string{"cipher": "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'"}
	result := probe(t, open(t, options), 5*time.Second)
	requireHealthy(t, result)
	require.NotEmpty(t, result.Facts["cipher"])
}

func mysqlSurvivesFreezeAndRestart(t *testing.T, server *realtest.MariaDBServer) {
	options := mysqlOptions(t, server)
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
	requireUnhealthy(t, probe(t, prober, 300*time.Millisecond), "timeout after 300ms while running SELECT 1 at "+server.Addr)
	for range 2 {
		requireUnhealthy(t, probe(t, fresh, 300*time.Millisecond), "timeout after 300ms while connecting to "+server.Addr)
	}
	server.Cont()
	requireHealthy(t, probe(t, fresh, 5*time.Second))
	requireHealthy(t, probe(t, prober, 5*time.Second))
}

func TestMySQLSurvivesSilence(t *testing.T) {
	for _, secure := range []bool{false, true} {
		requireSurvivesSilence(t, func(address string) Options { return &MySQL{Address: address, Username: "u", TLS: secure} },
			"timeout after 200ms while connecting to @silent", "connection refused while connecting to @deaf")
	}
}

// What is no MySQL, or one without TLS, gets no password.
func TestMySQLOfOthers(t *testing.T) {
	const old = "5.7.0\x00\x07\x00\x00\x00saltsalt\x00\x00\x82\x21\x02\x00\x08\x00\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00saltsaltsalt\x00mysql_native_password\x00"
	for name, test := range map[string]struct{ greeting, want string }{
		"ssh":     {"SSH-2.0-OpenSSH_9.2\r\n", "timeout after 300ms while connecting to @"},
		"no tls":  {string([]byte{byte(len(old) + 1), 0, 0, 0, 10}) + old, "TLS requested but server does not support TLS while connecting to @"},
		"refuses": {"\x17\x00\x00\x00\xff\x10\x04Too many connections", "Too many connections while connecting to @"},
		"endless": {strings.Repeat("\xff", 2*bodyLimit), fmt.Sprintf("the server sends more than %d bytes while connecting to @", bodyLimit)},
	} {
		t.Run(name, func(t *testing.T) {
			address := recite(t, test.greeting)
			requireUnhealthy(t, probe(t, open(t, &MySQL{Address: address, Username: "u", TLS: true}), 300*time.Millisecond),
				strings.ReplaceAll(test.want, "@", address))
		})
	}
}

func TestMySQLOptions(t *testing.T) {
	problems := (&MySQL{
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

// TestMySQLThatIsGoneAfterTooLongAnAnswer: what the old connection has read is
// not why there is no new one.
func TestMySQLThatIsGoneAfterTooLongAnAnswer(t *testing.T) {
	server := &mysqlServer{socket: newRationed(nil)}
	server.socket.left.Store(0)
	_, err := server.dial(t.Context(), "tcp", "127.0.0.1:1")
	require.Error(t, err)
	require.Equal(t, err, server.plain(err))
}
