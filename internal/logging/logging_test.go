package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

func TestSecretsAreMaskedWhereverTheyStand(t *testing.T) {
	for _, options := range []Options{{}, {JSON: true}, {Verbose: true}} {
		var out bytes.Buffer
		log := New(&out, options)
		log.Mask([]string{"hunter22"})
		log.With("early", "hunter22").Error("password hunter22",
			"text", "a hunter22 b", "error", errors.New("login with hunter22"),
			slog.Group("group", "inner", "hunter22"), "list", []string{"hunter22"})
		require.NotContains(t, out.String(), "hunter22")
		require.Contains(t, out.String(), "***")
	}
}

func TestMaskTakesEffectOnLoggersThatExist(t *testing.T) {
	var out bytes.Buffer
	log := New(&out, Options{})
	derived := log.With("part", "x")
	log.Mask([]string{"later-secret"})
	derived.Info("later-secret")
	require.NotContains(t, out.String(), "later-secret")
}

func TestTerseLeavesOutWhatTheSDKSaysOfItself(t *testing.T) {
	var out bytes.Buffer
	log := New(&out, Options{})
	sdk := log.With("Namespace", "default", "TaskQueue", "paramedic")
	sdk.Info("Started Worker")
	require.Empty(t, out.String())
	sdk.Warn("something is wrong")
	require.Contains(t, out.String(), "something is wrong")
	out.Reset()
	sdk.With("WorkflowType", "Monitor", "RunID", "1").With("service", "redis").Info("redis: failure 1/3")
	require.Contains(t, out.String(), "redis: failure 1/3")
	require.NotContains(t, out.String(), "RunID")
}

// What services answer and what people note is logged, and must not pass for
// something else.
func TestLinesAreWhatTheySeem(t *testing.T) {
	for _, options := range []Options{{}, {Verbose: true}} {
		var out bytes.Buffer
		log := New(&out, options)
		const said = "down\r\n15:04:05.000 INF web: all is well\x1b[2J\u202e\u009b1m\ttab ñ"
		log.Info("web: " + said)
		log.With("early", said).Warn("x", "late", said, "error", errors.New(said))
		text := out.String()
		require.Contains(t, text, "web: down\\r\n    15:04:05.000 INF web: all is well\\x1b[2J\\u202e\\u009b1m\ttab ñ\n")
		require.Equal(t, 3, strings.Count(text, "\n"), text)
		require.NotContains(t, text, "\n15:04:05.000")
		for _, r := range text {
			require.False(t, unicode.IsControl(r) && r != '\n' && r != '\t', "%q in %q", r, text)
		}
	}
}

func TestJSONKeepsEveryAttribute(t *testing.T) {
	var out bytes.Buffer
	New(&out, Options{JSON: true}).With("Namespace", "default").Info("hello", "service", "redis", "count", 3)
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "default", line["Namespace"])
	require.Equal(t, "redis", line["service"])
	require.EqualValues(t, 3, line["count"])
}
