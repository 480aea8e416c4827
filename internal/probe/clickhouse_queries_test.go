package probe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

func TestClickHouseObservesQueries(t *testing.T) {
	server := realtest.ClickHouse(t)
	execute(t, server.Addr, createEvents,
		"INSERT INTO events SELECT now() - 90, number FROM system.numbers LIMIT 3",
		"CREATE TABLE partner_daily (day Date, n UInt64) ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY day")
	prober := open(t, &ClickHouse{
		Address: server.Addr, Username: realtest.ClickHouseReader,
		Password: option.NewSecret(realtest.ClickHouseReaderPassword), Table: "events",
		Queries: map[string]string{
			"last_event_seconds": "SELECT max(at) FROM events",
			"nullable_seconds":   "SELECT toNullable(max(at)) FROM events",
			"rows_partner_daily": "SELECT count() FROM partner_daily",
			"tier":               "SELECT 'standby'",
			"digits":             "SELECT '12'",
			"decimal":            "SELECT toDecimal64(7.25, 2)",
			"id":                 "SELECT toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
			"nothing":            "SELECT CAST(NULL AS Nullable(UInt8))",
		},
		Expect:         []string{"rows == 3", "last_event_seconds < 900"},
		ExpectDegraded: []string{`tier != "dlq" && nothing == nil`, "latency < duration('5s')"},
	})
	result := probe(t, prober, 5*time.Second)
	requireHealthy(t, result)
	require.Equal(t, "row count 3", result.Message)
	for _, name := range []string{"last_event_seconds", "nullable_seconds"} {
		require.InDelta(t, 90, result.Observations[name], 5, name)
		delete(result.Observations, name)
	}
	require.Equal(t, map[string]float64{"rows": 3, "rows_partner_daily": 0, "decimal": 7.25}, result.Observations)
	require.Equal(t, map[string]string{
		"tier": "standby", "digits": "12", "id": "61f0c404-5cb3-11e7-907b-a6006ad3dba0",
	}, result.Facts)
}

func TestClickHouseJudgesQueries(t *testing.T) {
	server := realtest.ClickHouse(t)
	execute(t, server.Addr, createEvents)
	cases := map[string]struct {
		change func(o *ClickHouse)
		status health.Status
		want   string
	}{
		"unhealthy": {
			change: func(o *ClickHouse) { o.Expect = []string{"lag < 1800"} },
			status: health.Unhealthy, want: "lag < 1800: lag is 4711",
		},
		"degraded": {
			change: func(o *ClickHouse) { o.ExpectDegraded = []string{"lag < 1800"} },
			status: health.Degraded, want: "lag < 1800: lag is 4711",
		},
		"beside min_rows": {
			change: func(o *ClickHouse) { o.Table, o.MinRows, o.Expect = "events", 1, []string{"lag < 1800"} },
			status: health.Unhealthy, want: "row count 0 < 1; lag < 1800: lag is 4711",
		},
		"min_rows is worse": {
			change: func(o *ClickHouse) { o.Table, o.MinRows, o.ExpectDegraded = "events", 1, []string{"lag < 1800"} },
			status: health.Unhealthy, want: "row count 0 < 1",
		},
		"null": {
			change: func(o *ClickHouse) {
				o.Queries["lag"], o.Expect = "SELECT CAST(NULL AS Nullable(UInt8))", []string{"lag < 1800"}
			},
			status: health.Unhealthy, want: "lag < 1800: lag is null",
		},
		"failing query": {
			change: func(o *ClickHouse) { o.Queries["lag"] = "SELECT 1 FROM missing" },
			status: health.Unhealthy, want: "Table default.missing doesn't exist while running the query lag",
		},
		"no row": {
			change: func(o *ClickHouse) { o.Queries["lag"] = "SELECT id FROM events" },
			status: health.Unhealthy, want: "the query returned no row while running the query lag",
		},
		"a list": {
			change: func(o *ClickHouse) { o.Queries["lag"] = "SELECT [1000, 2000]" },
			status: health.Unhealthy, want: `[1000,2000] is not a number, a text or a time while running the query lag`,
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			options := &ClickHouse{Address: server.Addr, Username: "default", Queries: map[string]string{"lag": "SELECT 4711"}}
			test.change(options)
			result := probe(t, open(t, options), 5*time.Second)
			require.Equal(t, test.want, result.Message)
			require.Equal(t, test.status, result.Status)
		})
	}
}

func TestClickHouseReusesItsConnectionForQueries(t *testing.T) {
	server := realtest.ClickHouse(t)
	relay := newRelay(t, server.Addr)
	requireNoLeak(t, func() {
		prober, err := (&ClickHouse{Address: relay.Addr, Username: "default", Expect: []string{"a + b == 4"}, Queries: map[string]string{
			"a": "SELECT 1", "b": "SELECT 3", "c": "SELECT now()",
		}}).Open()
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

func TestClickHouseQueriesOptions(t *testing.T) {
	problems := (&ClickHouse{
		Queries: map[string]string{"rows": "SELECT 1", "Lag": "SELECT 1", "empty": " "},
		Expect:  []string{"rows > 1", "empty > 1"},
	}).Validate()
	require.Equal(t, option.Problems{
		{Path: "queries.Lag", Text: `"Lag" is not a name for a value; write small letters, digits and _, like lag_seconds`},
		{Path: "queries.rows", Text: "rows means something else in conditions already; take another name"},
		{Path: "queries.empty", Text: "is empty; write a query that returns one value"},
	}, problems)
	problems = (&ClickHouse{Expect: []string{"rows > 1"}}).Validate()
	require.Equal(t, option.Problems{{Path: "expect[0]", Text: "unknown name rows (line 1, column 1); known are latency"}}, problems)
}
