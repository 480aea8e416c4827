package probe

import (
	"context"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

// execute runs statements on a server, as its users would.
func execute(t *testing.T, address string, statements ...string) {
	t.Helper()
	client, err := clickhouse.Open(&clickhouse.Options{Addr: []string{address}})
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close()) }()
	for _, statement := range statements {
		require.NoError(t, client.Exec(context.Background(), statement), statement)
	}
}

// settled waits until the last query's connection is back in the pool, which
// the driver does a moment after it has handed over the rows.
func settled(t *testing.T, prober Prober) {
	t.Helper()
	client := prober.(*clickHouseProber).client
	require.Eventually(t, func() bool { return client.Stats().Idle == 1 }, 20*time.Second, time.Millisecond)
}

const createEvents = "CREATE TABLE events (at DateTime, id UInt64) ENGINE = MergeTree PARTITION BY toYYYYMM(at) ORDER BY id"

func TestClickHouseCountsRows(t *testing.T) {
	server := realtest.ClickHouse(t)
	execute(t, server.Addr, createEvents)
	prober := open(t, &ClickHouse{Address: server.Addr, Username: "default", Table: "default.events", MinRows: 1})
	requireUnhealthy(t, probe(t, prober, 5*time.Second), "row count 0 < 1")
	execute(t, server.Addr, "INSERT INTO events SELECT now(), number FROM system.numbers LIMIT 3")
	result := probe(t, prober, 5*time.Second)
	requireHealthy(t, result)
	require.Equal(t, "row count 3", result.Message)
	require.Equal(t, map[string]float64{"rows": 3}, result.Observations)
}

func TestClickHouseReusesItsConnection(t *testing.T) {
	server := realtest.ClickHouse(t)
	execute(t, server.Addr, createEvents)
	relay := newRelay(t, server.Addr)
	requireNoLeak(t, func() {
		// The user may only read, as monitoring users should: no setting is sent.
		prober, err := (&ClickHouse{
			Address: relay.Addr, Username: realtest.ClickHouseReader,
			Password: option.NewSecret(realtest.ClickHouseReaderPassword), Table: "events",
		}).Open()
		require.NoError(t, err)
		for range 5 {
			requireHealthy(t, probe(t, prober, 5*time.Second))
			settled(t, prober)
		}
		require.EqualValues(t, 1, relay.accepted.Load())
		require.NoError(t, prober.Close())
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 20*time.Second, time.Millisecond)
	})
}

func TestClickHouseQueries(t *testing.T) {
	server := realtest.ClickHouse(t)
	cases := map[string]string{
		"SELECT toUInt8(7)":                    "query result 7",
		"SELECT toInt64(-7)":                   "query result -7",
		"SELECT 2.5":                           "query result 2.5",
		"SELECT toNullable(7)":                 "query result 7",
		"SELECT toDecimal64(7.25, 2)":          "query result 7.25",
		"SELECT CAST(NULL AS Nullable(UInt8))": "the query returned NULL, not a number while running the query",
		"SELECT 'many'":                        `the query returned "many", not a number while running the query`,
		"SELECT '12'":                          "query result 12",
		"SELECT 1, 2":                          "the query returned 2 columns, not one value while running the query",
		"SELECT 1 WHERE 0":                     "the query returned no row while running the query",
		"SELECT number FROM system.numbers":    "the query returned more than one row while running the query",
		"SELECT 1 FROM missing":                "Table default.missing doesn't exist while running the query",
	}
	for query, want := range cases {
		t.Run(query, func(t *testing.T) {
			prober := open(t, &ClickHouse{Address: server.Addr, Username: "default", Query: query})
			require.Equal(t, want, probe(t, prober, 5*time.Second).Message)
			require.Equal(t, want, probe(t, prober, 5*time.Second).Message)
		})
	}
}

func TestClickHouseEndsALongQuery(t *testing.T) {
	server := realtest.ClickHouse(t)
	requireNoLeak(t, func() {
		prober, err := (&ClickHouse{Address: server.Addr, Username: "default", Query: "SELECT count() FROM system.numbers"}).Open()
		require.NoError(t, err)
		for range 3 {
			requireUnhealthy(t, probe(t, prober, 300*time.Millisecond), "timeout after 300ms while running the query")
		}
		require.NoError(t, prober.Close())
	})
	// The server has noticed too: nothing of it still runs there.
	idle := open(t, &ClickHouse{Address: server.Addr, Username: "default", Query: "SELECT count() FROM system.processes"})
	require.Eventually(t, func() bool {
		return probe(t, idle, 5*time.Second).Message == "query result 1"
	}, 10*time.Second, 50*time.Millisecond)
}

func TestClickHouseSurvivesFreezeAndRestart(t *testing.T) {
	server := realtest.ClickHouse(t)
	execute(t, server.Addr, createEvents)
	prober := open(t, &ClickHouse{Address: server.Addr, Username: "default", Table: "events"})
	requireHealthy(t, probe(t, prober, 5*time.Second))
	requireNoLeak(t, func() {
		server.Stop()
		for range 3 {
			requireUnhealthy(t, probe(t, prober, 300*time.Millisecond), "timeout after 300ms while running SELECT 1 at "+server.Addr)
		}
		server.Cont()
		requireHealthy(t, probe(t, prober, 5*time.Second))
	})
	server.Kill()
	requireUnhealthy(t, probe(t, prober, 5*time.Second), "connection refused while running SELECT 1 at "+server.Addr)
	server.Start()
	requireHealthy(t, probe(t, prober, 5*time.Second))
	// The very next probe after a restart finds the old connection dead.
	server.Kill()
	server.Start()
	requireHealthy(t, probe(t, prober, 5*time.Second))
}

func TestClickHouseSaysWhatTheServerRefuses(t *testing.T) {
	server := realtest.ClickHouse(t)
	relay := newRelay(t, server.Addr)
	requireNoLeak(t, func() {
		prober, err := (&ClickHouse{Address: relay.Addr, Username: "reader", Password: option.NewSecret("wrong-password")}).Open()
		require.NoError(t, err)
		for range 3 {
			requireUnhealthy(t, probe(t, prober, 5*time.Second), "Wrong password for user reader while running SELECT 1 at "+relay.Addr)
		}
		// The driver itself would leave these open.
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 20*time.Second, time.Millisecond)
		require.NoError(t, prober.Close())
	})
}

func TestClickHouseSurvivesSilence(t *testing.T) {
	requireSurvivesSilence(t, func(address string) Options { return &ClickHouse{Address: address, Table: "events"} },
		"timeout after 200ms while running SELECT 1 at @silent", "connection refused while running SELECT 1 at @deaf")
	requireSurvivesSilence(t, func(address string) Options { return &ClickHouse{Address: address, Table: "events", TLS: true} },
		"timeout after 200ms while running SELECT 1 at @silent", "connection refused while running SELECT 1 at @deaf")
}

func TestClickHouseGrowth(t *testing.T) {
	start := time.Now()
	var g growth
	for _, step := range []struct {
		after  time.Duration
		number float64
		want   time.Duration
	}{
		{0, 10, 0},
		{time.Minute, 10, time.Minute},
		{2 * time.Minute, 11, 0},
		{4 * time.Minute, 11, 2 * time.Minute},
		{5 * time.Minute, 3, 3 * time.Minute}, // rows were deleted
		{6 * time.Minute, 4, 0},
	} {
		require.Equal(t, step.want, g.observe(step.number, start.Add(step.after)))
	}
	p := &clickHouseProber{options: ClickHouse{GrownWithin: health.Duration(10 * time.Minute)}}
	p.growth.observe(5, start.Add(-12*time.Minute))
	require.Equal(t, "row count 5 has not grown for 12m 0s, more than 10m", p.judge(5).Message)
	require.Equal(t, "row count 6", p.judge(6).Message)
}

func TestClickHouseOptions(t *testing.T) {
	problems := (&ClickHouse{Address: "localhost", Table: "a; DROP TABLE b", Query: "SELECT 1", MinRows: -1, GrownWithin: -1}).Validate()
	require.Equal(t, option.Problems{
		{Path: "address", Text: `"localhost" is not an address; write host:port, like 127.0.0.1:9000`},
		{Path: "table", Text: `"a; DROP TABLE b" is not table or database.table; other names can be counted by query`},
		{Path: "query", Text: "and table exclude each other; keep one"},
		{Path: "min_rows", Text: "-1 is below 0"},
		{Path: "grown_within", Text: "-1ns is below 0"},
	}, problems)
	require.Equal(t, option.Problems{{Path: "min_rows", Text: "needs table or query"}}, (&ClickHouse{MinRows: 1}).Validate())
	require.Equal(t, "SELECT count() FROM `stats`.`events`", (&ClickHouse{Table: "stats.events"}).countQuery())
}
