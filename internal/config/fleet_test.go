package config

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// requireFleets compares the services with targets of everything.yml.
func requireFleets(t *testing.T, config *Config) {
	t.Helper()
	file, err := filepath.Abs("testdata/good/shops.json")
	require.NoError(t, err)
	shops, _ := config.Service("shops")
	gold := map[string]string{"tier": "gold", "path": "${literal}"}
	require.Equal(t, &Targets{
		List: []health.Target{
			{Name: "10.0.0.1:80", Labels: map[string]string{"path": "a"}},
			{Name: "[::1]:80", Labels: map[string]string{"path": "", "tier": "lead"}},
			{Name: "10.0.0.2:80", Labels: gold}, {Name: "10.0.0.3:80", Labels: gold},
		},
		FileSD: file, API: true,
	}, shops.Targets)
	require.Equal(t, &Fleet{
		Batch: 500, Parallel: 32, PerHost: 0, Retries: 0, MaxOpenIncidents: 5,
		Control: &Probe{Kind: "other", Options: &testOther{Samples: 4}},
		Vantage: []string{"eu", "us", "asia"}, Quorum: 3,
		Classes: []Class{
			{Name: "gold", Match: map[string]string{"tier": "gold"}, Interval: seconds(30)},
			{Name: "slow", Match: map[string]string{"tier": "lead", "dc": ""}, Interval: seconds(600)},
		},
	}, shops.Fleet)
	require.Equal(t, []string{"", "slow", "gold", "gold"}, []string{
		shops.Fleet.ClassOf(shops.Targets.List[0]), shops.Fleet.ClassOf(shops.Targets.List[1]),
		shops.Fleet.ClassOf(shops.Targets.List[2]), shops.Fleet.ClassOf(shops.Targets.List[3]),
	}, "a label that is not there is as one that is empty")
	require.Zero(t, shops.Flapping, "it is not looked for, though the defaults say how")

	desks, _ := config.Service("desks")
	require.Equal(t, &Targets{List: []health.Target{{Name: "a"}, {Name: "b"}}}, desks.Targets)
	require.Equal(t, &Fleet{Batch: 1000, Parallel: 64, PerHost: 16, Retries: 2, MaxOpenIncidents: 50}, desks.Fleet)
	plain, _ := config.Service("plain")
	require.Nil(t, plain.Targets)
	require.Nil(t, plain.Fleet)
}
