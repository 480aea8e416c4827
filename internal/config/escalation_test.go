package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// Each service keeps the levels of its severity, with the response time of its
// severity where no delay is written.
func TestEscalationFollowsTheSeverity(t *testing.T) {
	config, err := read("paramedic.yml", `
response_times: {P3: 48h}
defaults:
  escalation:
    - {after: 0s, alerts: [log]}
    - {after: 5m, alerts: [log], severities: [P0]}
    - {alerts: [log]}
    - {alerts: [log], severities: [P0, P1]}
services:
  - {name: worst, severity: P0, probe: {other: {}}}
  - {name: bad, probe: {other: {}}}
  - {name: mild, severity: P3, probe: {other: {}}}
  - {name: none, probe: {other: {}}, escalation: []}
  - {name: late, severity: P2, probe: {other: {}}, escalation: [{after: 1m, alerts: [log], severities: [P0]}, {alerts: [log]}]}
`)
	require.NoError(t, err)
	delays := func(name string) []string {
		service, found := config.Service(name)
		require.True(t, found)
		after := []string{}
		for _, level := range service.Escalation {
			after = append(after, level.After.String())
		}
		return after
	}
	require.Equal(t, []string{"0s", "5m", "20m", "35m"}, delays("worst"))
	require.Equal(t, []string{"0s", "1h", "2h"}, delays("bad"))
	require.Equal(t, []string{"0s", "48h"}, delays("mild"))
	require.Empty(t, delays("none"))
	require.Equal(t, []string{"4h"}, delays("late"), "the first level of a severity comes after its response time")
	require.Equal(t, []health.Duration{minutes(15), minutes(60), minutes(48 * 60)},
		[]health.Duration{config.Services[0].Response, config.Services[1].Response, config.Services[2].Response})
}

// A threshold that nobody wrote never contradicts one that somebody did.
func TestUnsetFlappingFollowsHigh(t *testing.T) {
	config, err := read("paramedic.yml", `
services:
  - {name: a, probe: {other: {}}, flapping: {high: 10%}}
  - {name: b, probe: {other: {}}, flapping: {high: 0, low: 50}}
  - {name: c, probe: {other: {}}, flapping: {high: 50, low: 0}}
`)
	require.NoError(t, err)
	for i, want := range []Flapping{{Low: 10, High: 10}, {Low: 50, High: 0}, {Low: 0, High: 50}} {
		require.Equal(t, want, config.Services[i].Flapping)
	}
}
