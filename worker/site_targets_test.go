package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/config"
	"paramedic/internal/health"
)

const fleetOfShops = `services:
  - name: web
    probe: {tcp: {address: "127.0.0.1:1"}}
  - name: shops
    targets: {api: true, list: [{target: "shop-1", labels: {port: "80", unit: shop.service}}]}
    probe: {http: {url: "http://{{target}}:{{label \"port\"}}/", token: hunter2-hunter2}}
    remediation:
      steps: [{exec: {command: [/bin/heal, "{{target}}", "{{label \"unit\"}}"]}}]
`

// A target is refused that could not be looked at or healed.
func TestTargetsAreCheckedBeforeTheyAreTaken(t *testing.T) {
	cfg, err := config.Parse("paramedic.yml", []byte(fleetOfShops), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	p := &process{cfg: cfg}
	p.inForce.Store(cfg)
	source, has := p.targetSource("shops")
	require.True(t, has)
	require.True(t, source.API)
	require.Len(t, source.List, 1)
	for _, other := range []string{"web", "nobody"} {
		_, has = p.targetSource(other)
		require.False(t, has, other)
	}
	for _, test := range []struct {
		labels map[string]string
		want   string
	}{
		{map[string]string{"port": "80", "unit": "shop.service"}, ""},
		{map[string]string{"unit": "shop.service"}, `probe.http.url: target "shop-2" has no label "port"`},
		{map[string]string{"port": "80"}, `remediation.steps[0].exec`},
		{map[string]string{"port": "80", "unit": "-rf"}, `remediation.steps[0].exec`},
		{map[string]string{"port": "x y", "unit": "shop.service"}, "probe.http.url: "},
	} {
		err := p.checkTarget("shops", health.Target{Name: "shop-2", Labels: test.labels})
		if test.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, test.want)
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.Error(t, p.checkTarget("nobody", health.Target{Name: "x"}))
}
