package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

func readFile(t *testing.T, path string) *Config {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	config, err := read(path, string(text))
	require.NoError(t, err)
	return config
}

func seconds(n int) health.Duration { return health.Duration(time.Duration(n) * time.Second) }

func TestDefaultsWhenNothingIsWritten(t *testing.T) {
	config, err := read("paramedic.yml", "services: [{name: web, probe: {other: {}}, remediation: {steps: [exec: {unit: x}]}}]")
	require.NoError(t, err)
	require.Equal(t, Temporal{TaskQueue: "paramedic"}, config.Temporal)
	require.Equal(t, "127.0.0.1:8080", config.HTTP.Listen)
	require.Nil(t, config.Patient)
	require.Equal(t, 1, config.Limits.ConcurrentRestarts)
	web, found := config.Service("web")
	require.True(t, found)
	require.Equal(t, Policy{
		Interval: seconds(60), RetryInterval: seconds(60), Timeout: seconds(10),
		FailureThreshold: 3, SuccessThreshold: 2, Watch: 10, Severity: "P1",
		Alerts: []string{"log"}, Timezone: "UTC",
		Flapping: Flapping{Low: 25, High: 30}, Reminder: seconds(3600),
	}, web.Policy)
	require.Equal(t, RemediationPolicy{
		Mode: health.ModeAct, ApproveWithin: seconds(1800), StableFor: seconds(600),
		Settle: seconds(10), Backoff: []health.Duration{seconds(10), seconds(30), seconds(90)},
		Limits: IncidentLimits{PerIncident: 3, IncidentsPerHour: 1, RestartsPerDay: 3},
	}, web.Remediation.RemediationPolicy)
	log, found := config.Receiver("log")
	require.True(t, found)
	require.Equal(t, Receiver{Name: "log", Kind: "log", Options: &testLog{}, Language: "en"}, log)
	require.Empty(t, config.Secrets())

	_, found = config.Service("nobody")
	require.False(t, found)
	_, found = config.Receiver("nobody")
	require.False(t, found)
}

func TestEveryKey(t *testing.T) {
	config := readFile(t, "testdata/good/everything.yml")
	require.Equal(t, Temporal{"medic", "temporal.example:7233", "ops", "prod"}, config.Temporal)
	require.Equal(t, "localhost:8099", config.Patient.Listen)

	plain, _ := config.Service("plain")
	require.Equal(t, seconds(120), plain.Interval)
	require.Equal(t, []string{"ops", "log"}, plain.Alerts)
	require.Equal(t, seconds(3), plain.Remediation.Settle)
	require.Equal(t, 7, plain.Remediation.Limits.PerIncident)

	full, _ := config.Service("full")
	require.Equal(t, []string{}, full.Alerts)
	require.Equal(t, seconds(1), full.Timeout)
	require.Equal(t, health.Duration(0), full.Remediation.Settle)
	require.Equal(t, []health.Duration{}, full.Remediation.Backoff)
	require.Equal(t, []Step{
		{
			Kind: "exec", Options: &testRemedy{Unit: "one"}, Tries: 2,
			PreCheck:  &Probe{Kind: "other", Options: &testOther{Samples: 4}},
			PostCheck: &Probe{Kind: "http", Options: &testProbe{URL: "http://x", Method: "GET"}},
		},
		{Kind: "systemd", Options: &testRemedy{Unit: "two.service", seen: true}, Tries: 1, Evidence: 100},
		{Kind: "systemd", Options: &testRemedy{Unit: "three.service", seen: true}, Tries: 5, Evidence: 20},
	}, full.Remediation.Steps)
	require.Equal(t, &testProbe{
		URL: "http://db.internal:80/${literal}", Method: "HEAD", Token: option.NewSecret("tok-12345"),
		Headers: map[string]option.Secret{"X-Key": option.NewSecret("literal-key")},
		Expect:  []string{"a == b"}, MinRows: 16, Ratio: 0.5, Follow: true,
		Within: health.Duration(90 * time.Minute), TLS: &testTLS{CA: "ca.pem"},
	}, full.Probe.Options)

	merged, _ := config.Service("merged")
	require.Equal(t, "P3", merged.Severity)
	require.Equal(t, full.Runbook, merged.Runbook)

	cron, _ := config.Service("by-cron")
	require.Zero(t, cron.Interval)
	require.Equal(t, seconds(30), cron.RetryInterval)
	requireFleets(t, config)
	require.Equal(t, []string{
		"alert-token-1", "cache-word", "db.internal", "https://beat.example/key", "literal-key", "p@ss-word",
		"postgres://medic:p%40ss-word@db.example/paramedic", "rediss://:cache-word@cache.example/1", "tok-12345",
	}, config.Secrets())

	var names []string
	for _, r := range config.Receivers {
		names = append(names, r.Name)
	}
	require.Equal(t, []string{"log", "ops", "quiet"}, names)
}

// A timeout or retry interval that nobody wrote never contradicts an interval
// that somebody did.
func TestUnsetTimesFollowTheInterval(t *testing.T) {
	config, err := read("paramedic.yml", "services: [{name: web, interval: 2s, probe: {other: {}}}]")
	require.NoError(t, err)
	require.Equal(t, seconds(2), config.Services[0].RetryInterval)
	require.Equal(t, seconds(2), config.Services[0].Timeout)

	config, err = read("paramedic.yml", "services: [{name: web, cron: '0 4 * * *', probe: {other: {}}}]")
	require.NoError(t, err)
	require.Equal(t, seconds(60), config.Services[0].RetryInterval)
	require.Equal(t, seconds(10), config.Services[0].Timeout)
}

// What a service changes stays with it, though all start from the same defaults.
func TestServicesDoNotShareDefaults(t *testing.T) {
	config, err := read("paramedic.yml", `
defaults: {remediation: {settle: 1s}}
services:
  - {name: a, probe: {other: {}}, alerts: [], remediation: {settle: 5s, steps: [exec: {unit: x}]}}
  - {name: b, probe: {other: {}}, remediation: {steps: [exec: {unit: x}]}}
`)
	require.NoError(t, err)
	require.Equal(t, seconds(5), config.Services[0].Remediation.Settle)
	require.Equal(t, seconds(1), config.Services[1].Remediation.Settle)
	require.Equal(t, []string{"log"}, config.Services[1].Alerts)
}

// defaults may stand below the services.
func TestOrderOfTheFileDoesNotMatter(t *testing.T) {
	config, err := read("paramedic.yml", "services: [{name: a, probe: {other: {}}}]\ndefaults: {watch: 7}\n")
	require.NoError(t, err)
	require.Equal(t, 7, config.Services[0].Watch)
}

// The dump reads back as the same configuration, secrets aside.
func TestWriteYAML(t *testing.T) {
	config := readFile(t, "testdata/good/everything.yml")
	var text bytes.Buffer
	require.NoError(t, config.WriteYAML(&text))
	for _, secret := range config.Secrets() {
		require.NotContains(t, text.String(), secret)
	}
	// Of what is written, only masked addresses are none.
	addressed := text.String()
	for _, address := range []string{
		"url: https://beat.example/key", "url: postgres://medic:p%40ss-word@db.example/paramedic",
		"cache: rediss://:cache-word@cache.example/1",
	} {
		key, _, _ := strings.Cut(address, " ")
		require.Contains(t, addressed, key+` "***"`)
		addressed = strings.Replace(addressed, key+` "***"`, address, 1)
	}
	again, err := read("testdata/good/again.yml", addressed)
	require.NoError(t, err, text.String())
	var second bytes.Buffer
	require.NoError(t, again.WriteYAML(&second))
	require.Equal(t, text.String(), second.String())

	require.Equal(t, config.Temporal, again.Temporal)
	require.Equal(t, config.Limits, again.Limits)
	require.Equal(t, config.Routes, again.Routes)
	require.Equal(t, config.ResponseTimes, again.ResponseTimes)
	require.Equal(t, config.Heartbeat, again.Heartbeat)
	require.Equal(t, config.Store, again.Store)
	require.Equal(t, []string{"es", "https://temporal.example/ui"}, []string{again.Language, again.WebUI})
	for i := range config.Services {
		require.Equal(t, config.Services[i].Policy, again.Services[i].Policy)
		require.Equal(t, config.Services[i].Labels, again.Services[i].Labels)
		require.Equal(t, config.Services[i].Response, again.Services[i].Response)
		require.Equal(t, config.Services[i].Remediation, again.Services[i].Remediation)
		require.Equal(t, config.Services[i].Targets, again.Services[i].Targets)
		require.Equal(t, config.Services[i].Fleet, again.Services[i].Fleet)
	}
}

func TestLoad(t *testing.T) {
	t.Setenv("PROBED_HOST", "web.internal")
	path := filepath.Join(t.TempDir(), "paramedic.yml")
	_, err := Load(path)
	require.ErrorContains(t, err, "does not exist; name one with --config")
	_, err = Load(filepath.Dir(path))
	require.ErrorContains(t, err, "is a directory")

	text := "services: [{name: web, probe: {http: {url: \"http://${PROBED_HOST}/\"}}}]\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	config, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, "http", config.Services[0].Probe.Kind)
	require.Equal(t, []string{"web.internal"}, config.Secrets())

	require.NoError(t, os.WriteFile(path, make([]byte, sizeLimit+1), 0o600))
	_, err = Load(path)
	require.EqualError(t, err, path+":1:1: the file is larger than 1024 KiB; split the services over several workers")
}
