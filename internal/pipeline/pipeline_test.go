package pipeline

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

var noon = time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)

// among answers from a table of what was observed a minute before noon.
func among(all map[string]Seen) func(string) (Seen, bool) {
	return func(name string) (Seen, bool) {
		seen, known := all[name]
		return seen, known
	}
}

func observed(state health.State, numbers map[string]float64, facts map[string]string) Seen {
	return Seen{State: state, Since: noon.Add(-time.Hour), Result: health.Result{
		At: noon.Add(-time.Minute), LatencyMS: 3, Message: "found", Observations: numbers, Facts: facts,
	}}
}

func number(n float64) *float64 { return &n }

func TestFreshness(t *testing.T) {
	freshness := DefaultFreshness
	freshness.Service = "clickhouse"
	for _, test := range []struct {
		lag   float64
		level Level
	}{{0, OK}, {14 * 60, OK}, {14*60 + 1, Warning}, {59 * 60, Warning}, {59*60 + 1, Critical}, {-500, OK}} {
		look := among(map[string]Seen{"clickhouse": observed(health.StateHealthy, map[string]float64{"lag_seconds": test.lag}, nil)})
		v := Panels{Freshness: &freshness}.Read(look, noon)
		require.Equal(t, test.level, v.Freshness.Level, "lag %v", test.lag)
		require.Equal(t, test.level, v.Level())
		require.Equal(t, max(0, time.Duration(test.lag)*time.Second+time.Minute), v.Freshness.Age, "it has grown since the probe")
	}
	for name, look := range map[string]func(string) (Seen, bool){
		"not configured": among(nil),
		"not observed":   among(map[string]Seen{"clickhouse": observed(health.StateDown, nil, nil)}),
		"nonsense":       among(map[string]Seen{"clickhouse": observed(health.StateHealthy, map[string]float64{"lag_seconds": math.Inf(1)}, map[string]string{"lag_seconds": "yesterday"})}),
	} {
		v := Panels{Freshness: &freshness}.Read(look, noon)
		require.Equal(t, Unknown, v.Freshness.Level, name)
		require.Zero(t, v.Freshness.LastEvent, name)
	}
}

func TestInstants(t *testing.T) {
	r := reader{among(map[string]Seen{"s": observed(health.StateHealthy,
		map[string]float64{"age": 1.5, "unix": 1773921600.25, "never": math.NaN(), "far": 1e300},
		map[string]string{"at": "2026-03-19T13:00:00+01:00"})}), noon}
	for name, want := range map[Ref]time.Time{
		"age": noon.Add(-61500 * time.Millisecond), "unix": noon.Add(250 * time.Millisecond), "at": noon,
		"never": {}, "far": {}, "missing": {}, "s/age": noon.Add(-61500 * time.Millisecond), "other/age": {},
	} {
		require.True(t, want.Equal(r.instant("s", name)), "%s: %s", name, r.instant("s", name))
	}
}

func TestPanels(t *testing.T) {
	wal, failover, sync, queue := DefaultWAL, DefaultFailover, DefaultSync, DefaultQueue
	wal.Service, failover.Service, sync.Service, queue.Service, queue.Name = "wal", "gateway", "sync", "dlq", "S2S"
	wal.Pending = "gateway/replays"
	failover.Standby = "standby/up"
	sync.Tables = []Table{{"geo", "rows_geo"}, {"hourly", "hourly/rows"}}
	panels := Panels{Services: []string{"wal", "gone", "standby"}, WAL: &wal, DLQ: []Queue{queue}, Failover: &failover, Sync: &sync}
	look := among(map[string]Seen{
		"wal": observed(health.StateDegraded, map[string]float64{"size_bytes": 4096, "files": 3, "newest_age_seconds": 60, "pending": 99}, nil),
		"gateway": observed(health.StateHealthy, map[string]float64{"replays": 0, "last_event_seconds": 3600, "last_event_duration_seconds": 135},
			map[string]string{"tier": "Standby"}),
		"standby": observed(health.StateDown, nil, nil),
		"sync":    observed(health.StateHealthy, map[string]float64{"lag_seconds": 540, "rows_geo": 12}, nil),
		"hourly":  observed(health.StateHealthy, map[string]float64{"rows": 7}, nil),
		"dlq":     observed(health.StateHealthy, map[string]float64{"pending": 4, "recovered_today": 17}, map[string]string{"last_attempt_seconds": "2026-03-19T11:00:00Z", "last_result": "ok"}),
	})
	v := panels.Read(look, noon)
	require.Nil(t, v.Freshness)
	require.Equal(t, &WALView{Service: "wal", State: health.StateDegraded, Size: number(4096), Files: number(3), Pending: number(0), LastWrite: noon.Add(-2 * time.Minute)}, v.WAL)
	no := false
	require.Equal(t, &FailoverView{Service: "gateway", State: health.StateHealthy, Tier: "Standby", Level: Warning,
		LastEvent: noon.Add(-61 * time.Minute), Duration: 135 * time.Second, Standby: &no}, v.Failover)
	require.Equal(t, &SyncView{Service: "sync", State: health.StateHealthy, LastSync: noon.Add(-10 * time.Minute), Lag: 10 * time.Minute,
		Lookback: 7 * 24 * time.Hour, Tables: []TableView{{"geo", number(12)}, {"hourly", number(7)}}}, v.Sync)
	require.Equal(t, []QueueView{{Name: "S2S", Service: "dlq", State: health.StateHealthy, Pending: number(4), Recovered: number(17),
		LastAttempt: noon.Add(-time.Hour), LastResult: "ok"}}, v.DLQ)
	require.Equal(t, []Level{Warning, Unknown, Critical}, []Level{v.Services[0].Level, v.Services[1].Level, v.Services[2].Level})
	require.Equal(t, Critical, v.Level())
}

func TestNothingKnown(t *testing.T) {
	wal, failover, sync := DefaultWAL, DefaultFailover, DefaultSync
	v := Panels{WAL: &wal, Failover: &failover, Sync: &sync, DLQ: []Queue{DefaultQueue}}.Read(among(nil), noon)
	require.Nil(t, v.WAL.Size)
	require.Zero(t, v.WAL.LastWrite)
	require.Nil(t, v.Failover.Standby)
	require.Negative(t, v.Failover.Duration)
	require.Zero(t, v.Sync.LastSync)
	require.Equal(t, Unknown, v.Level())
	require.Equal(t, View{}, Panels{}.Read(among(nil), noon))
	require.Equal(t, Unknown, View{}.Level())
}

func TestYesAndNo(t *testing.T) {
	r := reader{among(map[string]Seen{"s": observed(health.StateFailing, map[string]float64{"one": 1, "none": 0, "many": 3},
		map[string]string{"yes": "True", "no": "false", "word": "perhaps"})}), noon}
	for name, want := range map[Ref]string{
		"one": "true", "none": "false", "many": "true", "yes": "true", "no": "false", "word": "?", "missing": "?", "up": "false", "gone/up": "?",
	} {
		got := "?"
		if yes := r.yes("s", name); yes != nil && *yes {
			got = "true"
		} else if yes != nil {
			got = "false"
		}
		require.Equal(t, want, got, name)
	}
}
