package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// answer is what one command line gave.
type answer struct {
	code        int
	out, errors string
}

// starter runs one command line on a configuration file with the given text.
func starter(t *testing.T, configuration string, args ...string) answer {
	t.Helper()
	for _, name := range []string{"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_PROFILE", "TEMPORAL_API_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
	path := filepath.Join(t.TempDir(), "paramedic.yml")
	require.NoError(t, os.WriteFile(path, []byte(configuration), 0o600))
	var out, errors bytes.Buffer
	code := run(t.Context(), append(args, "--config", path), &out, &errors)
	clean := strings.NewReplacer(path, "paramedic.yml")
	return answer{code, clean.Replace(out.String()), clean.Replace(errors.String())}
}

const secret = "hunter2-hunter2"

// watching is a configuration with one HTTP service.
func watching(url string) string {
	return fmt.Sprintf("services:\n  - name: web\n    probe: {http: {url: %q, token: %q}}\n", url, secret)
}

// nobody is an address on which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestValidate(t *testing.T) {
	require.Equal(t, answer{exitGood, "paramedic.yml is valid: 1 service\n", ""},
		starter(t, watching("http://127.0.0.1/"), "validate"))
	good := starter(t, watching("http://127.0.0.1/"), "validate", "--json")
	require.JSONEq(t, `{"file": "paramedic.yml", "valid": true, "services": 1, "errors": []}`, good.out)
}

func TestValidateNamesEveryMistake(t *testing.T) {
	bad := "services:\n  - name: web\n    intervall: 60s\n    probe: {http: {}}\n"
	got := starter(t, bad, "validate")
	require.Equal(t, exitBad, got.code)
	require.Empty(t, got.out)
	require.Contains(t, got.errors, "paramedic.yml:3:5: ")
	require.Contains(t, got.errors, `did you mean "interval"?`)
	require.Contains(t, got.errors, "paramedic.yml:4:")

	var list validation
	got = starter(t, bad, "validate", "--json")
	require.Equal(t, exitBad, got.code)
	require.Empty(t, got.errors)
	require.NoError(t, json.Unmarshal([]byte(got.out), &list))
	require.False(t, list.Valid)
	require.Len(t, list.Errors, 2)
	require.Equal(t, 3, list.Errors[0].Line)
}

func TestMissingConfigurationIsNamed(t *testing.T) {
	var out, errors bytes.Buffer
	require.Equal(t, exitBad, run(t.Context(), []string{"status", "--config", "/nowhere/p.yml"}, &out, &errors))
	require.Equal(t, "configuration /nowhere/p.yml does not exist; name one with --config\n", errors.String())
}

func TestSchemaIsJSON(t *testing.T) {
	got := starter(t, "", "schema")
	require.Equal(t, exitGood, got.code)
	require.True(t, json.Valid([]byte(got.out)))
	require.Contains(t, got.out, "clickhouse")
}

func TestConfigMasksSecrets(t *testing.T) {
	for _, args := range [][]string{{"config"}, {"config", "--json"}} {
		got := starter(t, watching("http://127.0.0.1/"), args...)
		require.Equal(t, exitGood, got.code, got.errors)
		require.NotContains(t, got.out, secret)
		require.Contains(t, got.out, "***")
		require.Contains(t, got.out, "failure_threshold")
	}
}

func TestProbe(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+secret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)

	got := starter(t, watching(server.URL), "probe", "web")
	require.Equal(t, exitGood, got.code, got.errors)
	require.Regexp(t, `^web is healthy \([0-9.]+ ms\): `, got.out)

	status = http.StatusServiceUnavailable
	got = starter(t, watching(server.URL), "probe", "web", "--json")
	require.Equal(t, exitBad, got.code)
	require.Empty(t, got.errors, "an unhealthy service is an answer, not an error")
	var found struct {
		Service, Status, At, Message string
		LatencyMS                    float64 `json:"latency_ms"`
		Observations                 map[string]float64
	}
	require.NoError(t, json.Unmarshal([]byte(got.out), &found))
	require.Equal(t, "unhealthy", found.Status)
	require.Contains(t, found.Message, "503")
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, found.At)
	require.NotContains(t, got.out, secret)
}

func TestUnknownServiceIsAnsweredWithTheKnownOnes(t *testing.T) {
	for _, args := range [][]string{
		{"probe", "wep"}, {"ack", "wep", "--by", "ana"}, {"pause", "wep", "--by", "ana"},
		{"resume", "wep", "--by", "ana"}, {"probe-now", "wep"},
	} {
		require.Equal(t, answer{exitBad, "", "unknown service \"wep\"; configured: web\n"},
			starter(t, watching("http://127.0.0.1/"), args...), args)
	}
}

func TestRequestsNeedAName(t *testing.T) {
	for _, command := range []string{"ack", "pause", "resume"} {
		got := starter(t, watching("http://127.0.0.1/"), command, "web")
		require.Equal(t, answer{exitBad, "", "who are you? Add --by, for example --by \"$USER\"\n"}, got)
	}
}

func TestUnreachableTemporalIsExitCode2(t *testing.T) {
	address := nobody(t)
	for _, args := range [][]string{
		{"apply"}, {"apply", "--dry-run"}, {"status"}, {"incidents"}, {"incident", "web"},
		{"ack", "web", "--by", "ana"}, {"pause", "web", "--by", "ana"}, {"probe-now", "web"},
	} {
		got := starter(t, watching("http://127.0.0.1/"), append(args, "--address", address)...)
		require.Equal(t, exitUnreachable, got.code, args)
		require.Contains(t, got.errors, "cannot reach Temporal at "+address)
		require.Contains(t, got.errors, "go run ./worker")
	}
}

func TestWrongCommandLines(t *testing.T) {
	for want, args := range map[string][]string{
		`unknown command "stauts" for "starter"`:                                  {"stauts"},
		`0 arguments, and one is needed: starter pause SERVICE --by NAME [flags]`: {"pause"},
		`--limit -1: give a number from 1, or 0 for all`:                          {"incidents", "--limit", "-1"},
		`unknown flag: --opne`:                                                    {"incidents", "--opne"},
	} {
		got := starter(t, watching("http://127.0.0.1/"), args...)
		require.Equal(t, exitBad, got.code)
		require.Contains(t, got.errors, want)
	}
}

func TestInterruptIsClean(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paramedic.yml")
	require.NoError(t, os.WriteFile(path, []byte(watching("http://127.0.0.1/")), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errors bytes.Buffer
	require.Equal(t, exitBad, run(ctx, []string{"status", "--config", path, "--address", nobody(t)}, &out, &errors))
	require.Equal(t, "interrupted\n", errors.String())
}

func TestVersionAndHelp(t *testing.T) {
	require.Regexp(t, `^paramedic .+ \(.+, go1`, starter(t, "", "version").out)
	require.True(t, json.Valid([]byte(starter(t, "", "version", "--json").out)))
	help := starter(t, "", "--help")
	require.Equal(t, exitGood, help.code)
	require.Contains(t, help.out, "Exit codes: 0")
}
