package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const routed = `
services:
  - {name: clickhouse, severity: P0, labels: {team: data}, probe: {other: {}}}
  - {name: clickstream, labels: {team: data, env: dev}, probe: {other: {}}}
  - {name: clickbait, labels: {team: ads}, probe: {other: {}}}
  - {name: web, labels: {env: prod}, probe: {other: {}}}
  - {name: own, severity: P0, probe: {other: {}}, alerts: [log]}
  - {name: silent, severity: P0, probe: {other: {}}, alerts: []}
  - {name: other, probe: {other: {}}}
alerts: {a: {log: }, b: {log: }, c: {log: }, d: {log: }}
routes:
  - {match: {severity: [P0, P3]}, alerts: [a, b], continue: true}
  - {match: {service: "click*", labels: {team: data}}, alerts: [b, c]}
  - {match: {service: [web, "cl?ckhouse"], labels: {env: prod}}, alerts: [d]}
`

func receiversOf(t *testing.T, text string) map[string][]string {
	t.Helper()
	config, err := read("paramedic.yml", text)
	require.NoError(t, err)
	told := map[string][]string{}
	for _, s := range config.Services {
		told[s.Name] = s.Alerts
	}
	return told
}

func TestRoutes(t *testing.T) {
	require.Equal(t, map[string][]string{
		"clickhouse": {"a", "b", "c"}, "clickstream": {"b", "c"}, "clickbait": {"log"}, "web": {"d"}, "own": {"log"}, "silent": {}, "other": {"log"},
	}, receiversOf(t, routed))
}

// The last route may be for all that is left, written in three ways.
func TestRouteForTheRest(t *testing.T) {
	for _, last := range []string{"{alerts: [d]}", "{match: {}, alerts: [d]}", "{match: , alerts: [d]}"} {
		told := receiversOf(t, routed+"  - "+last+"\n")
		require.Equal(t, []string{"d"}, told["other"], last)
		require.Equal(t, []string{"b", "c"}, told["clickstream"], last)
		require.Equal(t, []string{}, told["silent"], last)
	}
}

// Defaults that name receivers leave nothing to the routes, also when they
// name nobody.
func TestRoutesAfterDefaults(t *testing.T) {
	require.Equal(t, []string{"d"}, receiversOf(t, routed+"defaults: {alerts: [d]}\n")["clickhouse"])
	require.Empty(t, receiversOf(t, routed+"defaults: {alerts: []}\n")["clickhouse"])
}
