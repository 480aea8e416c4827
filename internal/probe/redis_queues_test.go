package probe

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

// fillQueues makes two lists and a stream of three entries, two of which a
// group has read and one of these acknowledged.
func fillQueues(t *testing.T, address string) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address})
	defer func() { require.NoError(t, client.Close()) }()
	ctx := context.Background()
	require.NoError(t, client.RPush(ctx, "dlq:s2s", 1, 2, 3, 4).Err())
	require.NoError(t, client.RPush(ctx, "DLQ.Pixel", 1).Err())
	for range 3 {
		require.NoError(t, client.XAdd(ctx, &redis.XAddArgs{Stream: "events/raw", Values: []string{"a", "b"}}).Err())
	}
	require.NoError(t, client.XGroupCreate(ctx, "events/raw", "workers", "0").Err())
	read, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: "workers", Consumer: "one", Streams: []string{"events/raw", ">"}, Count: 2,
	}).Result()
	require.NoError(t, err)
	require.NoError(t, client.XAck(ctx, "events/raw", "workers", read[0].Messages[0].ID).Err())
	require.NoError(t, client.XAdd(ctx, &redis.XAddArgs{Stream: "plain", Values: []string{"a", "b"}}).Err())
}

func TestRedisObservesWhatIsPending(t *testing.T) {
	server := realtest.Redis(t)
	fillQueues(t, server.Addr)
	relay := newRelay(t, server.Addr)
	requireNoLeak(t, func() {
		prober, err := (&Redis{
			Address: relay.Addr, Write: true, Key: "paramedic:probe",
			Lists: []string{"dlq:s2s", "DLQ.Pixel", "dlq:click"}, Streams: []string{"events/raw/workers", "plain"},
			Expect: []string{"pending_dlq_click == 0"}, ExpectDegraded: []string{"pending < 1000"},
		}).Open()
		require.NoError(t, err)
		for range 3 {
			result := probe(t, prober, 5*time.Second)
			requireHealthy(t, result)
			require.Equal(t, "PING, write, read and delete passed, 7 pending", result.Message)
			require.Equal(t, map[string]float64{
				"pending": 7, "pending_dlq_s2s": 4, "pending_dlq_pixel": 1, "pending_dlq_click": 0,
				"pending_events_raw_workers": 1, "pending_plain": 1,
			}, result.Observations)
		}
		require.EqualValues(t, 1, relay.accepted.Load())
		require.NoError(t, prober.Close())
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 20*time.Second, time.Millisecond)
	})
}

func TestRedisJudgesWhatIsPending(t *testing.T) {
	server := realtest.Redis(t)
	fillQueues(t, server.Addr)
	cases := map[string]struct {
		options Redis
		status  health.Status
		want    string
	}{
		"degraded":  {Redis{Lists: []string{"dlq:s2s"}, ExpectDegraded: []string{"pending < 3"}}, health.Degraded, "pending < 3: pending is 4"},
		"unhealthy": {Redis{Lists: []string{"dlq:s2s"}, Expect: []string{"pending_dlq_s2s < 3"}}, health.Unhealthy, "pending_dlq_s2s < 3: pending_dlq_s2s is 4"},
		"latency":   {Redis{Expect: []string{"latency < duration('0s')"}}, health.Unhealthy, "latency < duration('0s'): latency is "},
		"not there": {Redis{Lists: []string{"nowhere"}, Streams: []string{"nowhere2"}}, health.Healthy, "PING passed, 0 pending"},
		"no group":  {Redis{Streams: []string{"plain/workers"}}, health.Unhealthy, "NOGROUP No such key 'plain' or consumer group 'workers' while counting what group workers has not acknowledged of stream plain"},
		"no list":   {Redis{Lists: []string{"plain"}}, health.Unhealthy, "WRONGTYPE Operation against a key holding the wrong kind of value while counting the entries of list plain"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			test.options.Address = server.Addr
			result := probe(t, open(t, &test.options), 5*time.Second)
			require.Equal(t, test.status, result.Status, result.Message)
			require.True(t, strings.HasPrefix(result.Message, test.want), result.Message)
		})
	}
}

// A user who may not write can still look.
func TestRedisLooksWithoutWriting(t *testing.T) {
	server := realtest.Redis(t, "--user", "default", "reset", "on", "nopass", "~*", "+ping", "+llen")
	prober := open(t, &Redis{Address: server.Addr, Lists: []string{"jobs"}})
	result := probe(t, prober, 5*time.Second)
	requireHealthy(t, result)
	require.Equal(t, "PING passed, 0 pending", result.Message)
}

func TestRedisQueuesOptions(t *testing.T) {
	problems := (&Redis{
		Lists:   []string{"a:b", "", "::", strings.Repeat("x", 60)},
		Streams: []string{"A/b", "/group"},
		Expect:  []string{"pending_a_b > pending", "pending_c == 0"},
	}).Validate()
	require.Equal(t, option.Problems{
		{Path: "lists[1]", Text: "is empty; write the name of a key"},
		{Path: "lists[2]", Text: `"::" has no letter or digit that an observation could be named by`},
		{Path: "lists[3]", Text: strings.Repeat("x", 60) + " would be observed as pending_" + strings.Repeat("x", 60) + ", which is longer than 60 bytes"},
		{Path: "streams[0]", Text: "would be observed as pending_a_b, as lists[0] is already"},
		{Path: "streams[1]", Text: "is empty; write the name of a key"},
	}, problems[:5])
	require.Len(t, problems, 6)
	require.Equal(t, "expect[1]", problems[5].Path)
	require.Contains(t, problems[5].Text, "unknown name pending_c (line 1, column 1); known are latency, pending, pending_a_b")

	many := make([]string, 17)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	require.Equal(t, option.Problems{{Text: "lists and streams hold 17 names; at most 16 fit into one probe"}}, (&Redis{Lists: many}).Validate())
	require.Equal(t, "unknown name pending (line 1, column 1); known are latency", (&Redis{Expect: []string{"pending < 1"}}).Validate()[0].Text)
}
