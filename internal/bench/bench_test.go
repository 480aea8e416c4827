package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestTableShowsWhatIsMissed(t *testing.T) {
	var out bytes.Buffer
	printTable(&out, []row{
		below("restart", 23.4, 60, "ms"), below("share", 0.5, 0.45, ""), exactly("missing", 0, 0), info("memory", "%.0f MB", 12.3),
	})
	require.Equal(t, ""+
		"FIGURE    MEASURED   TARGET        \n"+
		"restart   23 ms      below 60 ms   ok\n"+
		"share     0.50       below 0.45    MISSED\n"+
		"missing   0          0             ok\n"+
		"memory    12 MB                    \n", out.String())
}

func TestWhatIsNoNumberIsMissed(t *testing.T) {
	nothing := values{}
	require.True(t, below("share", nothing["bytes"]/nothing["bytes"], 0.15, "").missed)
}

func TestAtLeast(t *testing.T) {
	require.Equal(t, row{"rate", "9999", "at least 10000", true}, atLeast("rate", 9999, 10_000, ""))
	require.Equal(t, row{"rate", "10000 MB", "at least 10000 MB", false}, atLeast("rate", 10_000, 10_000, "MB"))
	nothing := values{}
	require.True(t, atLeast("rate", nothing["a"]/nothing["a"], 0, "").missed)
}

func TestMeasureStore(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	measured, err := measureStore(t.Context(), 0.02, t.Logf)
	require.NoError(t, err)
	require.Positive(t, measured["rate"])
	require.Positive(t, measured["bytes"])
	require.Zero(t, measured["lost"])
	require.Len(t, storeRows(map[string]values{"store": measured}), 6)
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "paramedic-bench-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestQuantile(t *testing.T) {
	var hundred []time.Duration
	for i := 100; i > 0; i-- {
		hundred = append(hundred, time.Duration(i)*time.Millisecond)
	}
	require.Equal(t, 50.0, quantile(hundred, 0.5))
	require.Equal(t, 99.0, quantile(hundred, 0.99))
	require.Equal(t, 100.0, quantile(hundred, 1))
	require.Equal(t, 1.0, quantile(hundred, 0))
	require.Zero(t, quantile(nil, 0.5))
}

func TestClockCountsWhatIsMissing(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	c := &clock{
		grids: map[string]health.Grid{"steady": {Interval: time.Minute}, "silent": {Interval: time.Minute}},
		last:  map[string]time.Time{},
	}
	c.start(start)
	c.note("steady", start.Add(time.Minute))
	c.note("steady", start.Add(4*time.Minute)) // two points passed over
	lateness, missing := c.stop(start.Add(5 * time.Minute))
	require.Len(t, lateness, 2)
	// start lies 40 s after a grid point, and so do the ticks.
	require.Equal(t, []time.Duration{40 * time.Second, 40 * time.Second}, lateness)
	require.Equal(t, 2+4, missing, "the silent one misses all but the latest, which may be on its way")
}

func TestCommandLine(t *testing.T) {
	var said bytes.Buffer
	o, err := parse([]string{"-rows", "tick,worker", "-scale", "0.1"}, &said)
	require.NoError(t, err)
	require.Equal(t, []string{"tick", "worker"}, o.rows)
	_, err = parse([]string{"-rows", "speed"}, &said)
	require.EqualError(t, err, `-rows: there is no figure "speed"; there are restart, tick, fleet, worker, incidents, decide, store, overview, metrics, targets, peers, rate, outage, silence, table, killed`)
	_, err = parse([]string{"-scale", "0"}, &said)
	require.EqualError(t, err, "-scale: 0 is not above 0")
}
