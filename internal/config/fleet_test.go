package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

func TestTargetsFromOneSource(t *testing.T) {
	for written, want := range map[string]Targets{
		"{api: true}":           {API: true},
		"{list: [], api: true}": {List: []health.Target{}, API: true},
		"{list: [{target: a}]}": {List: []health.Target{{Name: "a"}}},
		"{file_sd: /srv/a.yml}": {FileSD: "/srv/a.yml"},
		"['${HOST}:80']":        {List: []health.Target{{Name: "db.internal:80"}}},
	} {
		config, err := read("paramedic.yml", "services: [{name: shops, probe: {other: {}}, targets: "+written+"}]")
		require.NoError(t, err, written)
		require.Equal(t, want, *config.Services[0].Targets, written)
		require.NotNil(t, config.Services[0].Fleet, written)
	}
}

func TestQuorumIsMoreThanHalf(t *testing.T) {
	for points, want := range map[string]int{"[]": 0, "[a]": 1, "[a, b]": 2, "[a, b, c]": 2, "[a, b, c, d]": 3, "[a, b, c, d, e]": 3} {
		config, err := read("paramedic.yml", "services: [{name: shops, probe: {other: {}}, targets: [a], fleet: {vantage: "+points+"}}]")
		require.NoError(t, err, points)
		require.Equal(t, want, config.Services[0].Fleet.Quorum, points)
	}
}

// A timeout that nobody wrote does not keep a class from coming round sooner.
func TestUnsetTimeoutFollowsTheClasses(t *testing.T) {
	const fleet = "targets: [a], fleet: {classes: [{name: fast, match: {tier: fast}, interval: 5s}, {name: faster, match: {tier: faster}, interval: 2s}]}"
	config, err := read("paramedic.yml", "services: [{name: shops, probe: {other: {}}, "+fleet+"}]")
	require.NoError(t, err)
	require.Equal(t, seconds(2), config.Services[0].Timeout)
	config, err = read("paramedic.yml", "services: [{name: shops, timeout: 1s, probe: {other: {}}, "+fleet+"}]")
	require.NoError(t, err)
	require.Equal(t, seconds(1), config.Services[0].Timeout)
}

// Braces of another language are no templates.
func TestBracesOfOtherLanguages(t *testing.T) {
	config, err := Parse("paramedic.yml", []byte(`
services:
  - name: plain
    probe: {tcp: {address: "127.0.0.1:1"}}
    remediation: {steps: [exec: {command: [docker, inspect, -f, "{{.State.Running}}", web]}]}
  - name: shops
    probe: {tcp: {address: "{{target}}"}}
    targets: ["10.0.0.1:80"]
    remediation: {steps: [exec: {command: [docker, inspect, -f, '{{"{{"}}.State.Running}}', "{{target}}"]}]}
`), noEnvironment)
	require.NoError(t, err)
	require.Len(t, config.Services, 2)
}

// With the real kinds: options are checked as they are for listed targets, and
// for unknown ones as far as they are the same for all.
func TestOptionsAreCheckedWithTargets(t *testing.T) {
	for text, want := range map[string]string{
		`probe: {tcp: {address: "{{target}}"}}, targets: ["10.0.0.1:80", "10.0.0.2"]`:                     "address: with the target 10.0.0.2: ",
		`probe: {http: {url: "ftp://{{target}}"}}, targets: [a]`:                                          "url: with the target a: ",
		`probe: {http: {url: "ftp://{{target}}"}}, targets: {api: true}`:                                  "",
		`probe: {http: {url: "http://{{target}}", expect: [status =]}}, targets: [a]`:                     "entry 1 of expect: ",
		`probe: {http: {url: "http://{{target}}", expect: ['text contains "{{target}}"']}}, targets: [a]`: "",
	} {
		_, err := Parse("paramedic.yml", []byte("services: [{name: shops, "+text+"}]"), noEnvironment)
		if want == "" {
			require.NoError(t, err, text)
		} else {
			require.ErrorContains(t, err, want, text)
		}
	}
}

// Ten thousand listed targets are read in a moment.
func TestManyListedTargets(t *testing.T) {
	var text strings.Builder
	text.WriteString("services:\n- name: shops\n  probe: {http: {url: 'http://{{target}}/{{label \"path\"}}'}}\n  targets:\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "  - {target: 10.0.%d.%d, labels: {path: p%d}}\n", i>>8, i&255, i%3)
	}
	start := time.Now()
	config, err := Parse("paramedic.yml", []byte(text.String()), noEnvironment)
	require.NoError(t, err)
	t.Logf("%s", time.Since(start))
	require.Len(t, config.Services[0].Targets.List, 10_000)
	shown := config.ServiceYAML(config.Services[0])
	require.Contains(t, shown, "target: 10.0.0.19\n")
	require.NotContains(t, shown, "target: 10.0.0.20\n")
	require.True(t, strings.HasSuffix(shown, "\n# and 9980 more targets in the list\n"))
	require.Less(t, time.Since(start), 20*time.Second, "generous for slow machines: a mistake in it takes minutes")
}
