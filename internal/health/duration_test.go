package health_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestDurationText(t *testing.T) {
	tests := map[time.Duration]string{
		0:                                     "0s",
		time.Second:                           "1s",
		60 * time.Second:                      "60s",
		90 * time.Second:                      "90s",
		-30 * time.Second:                     "-30s",
		2 * time.Minute:                       "2m",
		-2 * time.Minute:                      "-2m",
		150 * time.Second:                     "2m30s",
		10 * time.Minute:                      "10m",
		time.Hour:                             "1h",
		90 * time.Minute:                      "1h30m",
		time.Hour + time.Second:               "1h0m1s",
		24 * time.Hour:                        "24h",
		500 * time.Millisecond:                "500ms",
		1500 * time.Millisecond:               "1.5s",
		time.Nanosecond:                       "1ns",
		10*time.Minute + 500*time.Millisecond: "10m0.5s",
	}
	for d, want := range tests {
		require.Equal(t, want, health.Duration(d).String())
	}
}

func TestDurationRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	durations := []time.Duration{0, math.MaxInt64, math.MinInt64, time.Hour, 10 * time.Hour, 20 * time.Minute}
	units := []time.Duration{1, time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour}
	for range 10_000 {
		durations = append(durations, time.Duration(random.Int64N(2000)-1000)*units[random.IntN(len(units))])
	}
	for _, d := range durations {
		text, err := json.Marshal(health.Duration(d))
		require.NoError(t, err)
		var back health.Duration
		require.NoError(t, json.Unmarshal(text, &back), "%s", text)
		require.Equal(t, d, back.Std(), "%s", text)
	}
}

func TestDurationRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{"", "60", "1 minute", "1d", "s"} {
		_, err := health.ParseDuration(text)
		require.ErrorContains(t, err, "is not a duration; write it like 60s, 500ms or 1h30m")
	}
	d := health.Duration(time.Minute)
	require.Error(t, d.UnmarshalText([]byte("soon")))
	require.Equal(t, time.Minute, d.Std(), "what cannot be read changes nothing")
}

func TestSpan(t *testing.T) {
	tests := map[time.Duration]string{
		-time.Hour:                            "0s",
		0:                                     "0s",
		499 * time.Millisecond:                "0s",
		500 * time.Millisecond:                "1s",
		12 * time.Second:                      "12s",
		59*time.Second + 600*time.Millisecond: "1m 0s",
		135 * time.Second:                     "2m 15s",
		time.Hour - time.Millisecond:          "1h 0m",
		3*time.Hour + 4*time.Minute + 59*time.Second: "3h 4m",
		24*time.Hour - time.Second:                   "23h 59m",
		51 * time.Hour:                               "2d 3h",
		1000 * time.Hour:                             "41d 16h",
	}
	for d, want := range tests {
		require.Equal(t, want, health.Span(d), "%v", d)
	}
}
