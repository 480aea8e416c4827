package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Hostile files end with an error, in bounded time. The limit is generous for
// slow machines: unbounded, each of these takes minutes or kills the process.
func TestHostileFiles(t *testing.T) {
	const size = sizeLimit - 10
	fill := func(head, part string) string { return head + strings.Repeat(part, (size-len(head))/len(part)) }
	var keys, indents strings.Builder
	for i := 0; keys.Len() < size-20; i++ {
		fmt.Fprintf(&keys, "k%d: v\n", i)
	}
	for i := 0; indents.Len() < size-2000; i++ {
		indents.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	secret := "services: [{name: w, probe: {http: {url: &s \"" + strings.Repeat("x", size/2) + "\", headers: {"
	for i := range 20000 {
		secret += fmt.Sprintf("k%d: *s, ", i)
	}
	for name, text := range map[string]string{
		"brackets": fill("services: ", "["), "braces": fill("", "{a: "), "dashes": fill("", "- "),
		"question marks": fill("", "? "), "anchors": fill("a: ", "&a "), "anchors in lines": fill("a: ", "&a\n "),
		"tags": fill("a: ", "!a "), "keys": keys.String(), "indents": indents.String(),
		"services":        fill("services:\n", "- {}\n"),
		"unknown keys":    fill("services:\n", "- {a: b, c: {d: [e]}}\n"),
		"one line":        fill("services: [", "{name: a, probe: {other: {}}},") + "]",
		"one long secret": secret + "}}}}]",
		"long plain":      fill("a: ", "x "),
		"long quoted":     fill("a: \"", "\\n") + "\"",
		"long block":      fill("a: |\n", "  x\n"),
		"comments":        fill("", "# a\n"),
		"references":      fill("services: [{name: \"", "${") + "\"}]",
		"unset variables": fill("services: [{name: \"", "${A}") + "\"}]",
		"documents":       fill("", "---\n"),
		"dependencies":    fill("services:\n- name: a\n  probe: {other: {}}\n  depends_on:\n", "  - b\n"),
		"chain":           chain(8000),
		"windows":         fill("services: [{name: a, probe: {other: {}}, wrong: , maintenance: [", "{cron: '* 0-22 * * *', for: 1h},") + "]}]",
		"levels":          fill("services: [{name: a, probe: {other: {}}, wrong: , escalation: [", "{alerts: [log]},") + "]}]",
		"routes":          fill("services: [{name: a, probe: {other: {}}}]\nroutes: [", "{alerts: [log]},") + "]",
		"patterns":        fill("services: [{name: a, probe: {other: {}}}]\nroutes: [{match: {service: [", "'*a*a*a*a*a*a*a*b',") + "]}}]",
		"steps":           fill("services: [{name: a, probe: {other: {}}, wrong: , remediation: {steps: [", "{exec: {unit: a}, tries: 0},") + "]}}]",
		"labels":          fill("services: [{name: a, probe: {other: {}}, labels: {", "'-': a,") + "}}]",
		"targets":         fill("services: [{name: a, probe: {other: {}}, targets: [", "{target: a},") + "]}]",
		"targets and steps": fill("services: [{name: a, probe: {other: {}}, remediation: {steps: ["+
			strings.Repeat("{exec: {unit: a}, pre_check: {http: {url: 'h://{{target}}'}}},", 5000)+"]}, targets: [", "{target: a},") + "]}]",
		"templates":         fill("services: [", "{name: a, impact: '{{target}}'},") + "]",
		"colons":            fill("", ":"),
		"commas":            fill("[", ","),
		"merges":            fill("a: &a {b: c}\n", "<<: *a\n"),
		"newlines":          fill("", "\n"),
		"quotes":            fill("a: ", "'"),
		"receivers unknown": fill("services: [{name: a, probe: {other: {}}, alerts: [", "b,") + "]}]",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := read("paramedic.yml", text)
			var mistakes Errors
			require.ErrorAs(t, err, &mistakes)
			requirePositions(t, text, mistakes)
			require.Less(t, len(err.Error()), 2<<20)
			require.Less(t, time.Since(start), 30*time.Second)
		})
	}
}

// chain is many services of which each depends on the next, and the last on
// the first.
func chain(n int) string {
	var text strings.Builder
	text.WriteString("services: [")
	for i := range n {
		fmt.Fprintf(&text, "{name: s%d, probe: {other: {}}, depends_on: [s%d]},", i, (i+1)%n)
	}
	return text.String() + "]"
}

func requirePositions(t *testing.T, text string, mistakes Errors) {
	t.Helper()
	require.NotEmpty(t, mistakes)
	lines := strings.Count(strings.ReplaceAll(text, "\r\n", "\n"), "\n") + 1
	for i, m := range mistakes {
		require.True(t, m.Line >= 1 && m.Line <= lines && m.Column >= 1, "%+v", m)
		require.NotEmpty(t, m.Text)
		require.NotContains(t, m.Error(), "\x1b")
		require.True(t, i == 0 || mistakes[i-1].Line <= m.Line)
	}
}

// requireBounded reads text as any configuration may be: it is read, or there
// are mistakes with positions.
func requireBounded(t *testing.T, kinds tables, text string) {
	t.Helper()
	config, err := reader{kinds, testEnv}.read("testdata/good/fuzz.yml", []byte(text))
	if err == nil {
		require.NotEmpty(t, config.Services)
		require.NoError(t, config.WriteYAML(io.Discard))
		return
	}
	require.Nil(t, config)
	var mistakes Errors
	require.ErrorAs(t, err, &mistakes)
	requirePositions(t, text, mistakes)
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yml", "testdata/good/*.yml"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(string(text))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kinds := range []tables{testKinds(), allKinds()} {
			requireBounded(t, kinds, text)
		}
	})
}
