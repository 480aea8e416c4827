package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
)

func withToken(token string) string {
	return "services:\n  - name: web\n    probe:\n      http:\n        url: http://x\n        token: " + token + "\n"
}

func tokenOf(t *testing.T, config *Config) string {
	t.Helper()
	return config.Services[0].Probe.Options.(*testProbe).Token.Reveal()
}

func TestSecretFiles(t *testing.T) {
	dir, credentials := t.TempDir(), t.TempDir()
	name := filepath.Join(dir, "paramedic.yml")
	write := func(dir, name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write(dir, "beside", "one\n")
	write(credentials, "beside", "not this one")
	write(credentials, "credential", "two\r\n")
	absolute := write(credentials, "absolute", " three \n\n")
	env := func(name string) (string, bool) {
		values := map[string]string{credentialsVariable: credentials, "FILE": "beside"}
		value, set := values[name]
		return value, set
	}
	for token, want := range map[string]string{
		"{file: beside}":               "one",
		"{file: credential}":           "two",
		"{file: \"" + absolute + "\"}": " three \n",
		"{file: \"${FILE}\"}":          "one",
	} {
		config, err := reader{testKinds(), env}.read(name, []byte(withToken(token)))
		require.NoError(t, err, token)
		require.Equal(t, want, tokenOf(t, config), token)
		require.Contains(t, config.Secrets(), want)
	}

	write(dir, "empty", "\n")
	write(dir, "huge", strings.Repeat("x", secretLimit+1))
	for file, want := range map[string]string{
		"empty": "is empty; write the secret into it", "huge": "larger than 64 KiB",
		"nowhere": filepath.Join(dir, "nowhere") + " cannot be read: it does not exist",
	} {
		_, err := reader{testKinds(), env}.read(name, []byte(withToken("{file: "+file+"}")))
		require.ErrorContains(t, err, want)
	}
}

func TestEnvironment(t *testing.T) {
	for text, want := range map[string]string{
		"plain $5 $HOST":     "plain $5 $HOST",
		"${HOST}":            "db.internal",
		"a${HOST}b${HOST}":   "adb.internalbdb.internal",
		"${NOWHERE:-x y}":    "x y",
		"${NOWHERE:-}":       "",
		"${EMPTY:-fallback}": "fallback",
		"${EMPTY}":           "",
		"$${HOST}":           "${HOST}",
		"$${HOST} ${HOST}":   "${HOST} db.internal",
		"${HOST:-fallback}":  "db.internal",
	} {
		var secrets []string
		expanded, wrong := environment{lookup: testEnv, secrets: &secrets}.expand(text)
		require.Empty(t, wrong, text)
		require.Equal(t, want, expanded, text)
		require.NotContains(t, secrets, "fallback")
		require.Equal(t, strings.Contains(strings.ReplaceAll(want, "${HOST}", ""), "db.internal"), len(secrets) > 0, text)
	}
}

// Whatever is wrong with a configuration, a secret in it is not shown.
func TestSecretsAreNotInErrors(t *testing.T) {
	const secret = "hunter2 \\ \"hunter3"
	quoted := `"hunter2 \\ \"hunter3"`
	probe := func(options string) string {
		return "services:\n  - name: web\n    probe: {http: {" + options + "}}\n    severity: P9\n"
	}
	for name, text := range map[string]string{
		"beside a mistake":       probe("url: http://x, min_rows: many, token: " + quoted + ", ratio: x"),
		"before a mistake":       probe("token: " + quoted + ", url: 5"),
		"under a wrong key":      probe("url: http://x, tokem: " + quoted),
		"under a strange key":    probe("url: http://x, zzz: " + quoted),
		"under a wrong kind":     "services:\n  - {name: web, probe: {htttp: {password: " + quoted + "}}}\n",
		"in a list":              probe("url: http://x, token: [" + quoted + "]"),
		"in a mapping":           probe("url: http://x, token: {value: " + quoted + "}"),
		"in a map of secrets":    probe("url: x, headers: {X-A: " + quoted + "}"),
		"in two lines":           "services:\n  - name: web\n    probe:\n      http: {url: x, token: \"hunter2\n        hunter3\", follow: 1}\n",
		"in a block":             "services:\n  - name: web\n    probe:\n      http:\n        url: x\n        token: |\n          hunter2\n          hunter3\n        follow: 1\n",
		"by an alias":            "services:\n  - name: &s hunter2hunter3\n    probe: {http: {url: x, token: *s}}\n    severity: P9\n",
		"in an unclosed quote":   probe("url: x, token: \"hunter2"),
		"in text that no YAML":   "token: hunter2: hunter3\n",
		"in an address":          probe("url: \"http://me:hunter2@x\", follow: 1"),
		"in a default":           probe("url: x, follow: 1, token: \"${NOWHERE:-hunter2}\""),
		"a number":               probe("url: x, token: 20022002"),
		"in a value that is bad": "services:\n  - {name: web, probe: {http: {url: x, token: refused}}}\n",
	} {
		_, err := read("paramedic.yml", text)
		require.Error(t, err, name)
		for _, part := range []string{"hunter2", "hunter3", "20022002", "refused", secret} {
			require.NotContains(t, err.Error(), part, name)
		}
	}
}

func TestEnvironmentValuesAreNotInErrors(t *testing.T) {
	for _, text := range []string{
		"services: [{name: \"${HOST}\", probe: {http: {url: \"${BAD_URL}\", method: \"${HOST}\"}}, depends_on: [\"${HOST}\"], timezone: \"${HOST}\", cron: \"${HOST}\", severity: \"${HOST}\"}]",
		"http: {listen: \"${HOST}\"}\nservices: [{name: web, interval: \"${HOST}\", probe: {other: {}}, alerts: [\"${HOST}\"]}]",
	} {
		_, err := read("paramedic.yml", text)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "db.internal")
		require.NotContains(t, err.Error(), "no-address")
	}
}

func TestDisguisesAreRedacted(t *testing.T) {
	redact := redactor([]string{`a"b c/d`})
	require.Equal(t, "x "+option.Mask+" y", redact(`x a"b c/d y`))
	require.Equal(t, "x \""+option.Mask+"\" y", redact(`x "a\"b c/d" y`))
	require.Equal(t, "?q="+option.Mask, redact(`?q=a%22b+c%2Fd`))
}
