package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/targets"
)

const fleetsFile = "../../docs/fleets.md"

// examples are the fenced blocks of fleets.md in a language.
func examples(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile(fleetsFile)
	require.NoError(t, err)
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	require.NotEmpty(t, found)
	return found
}

func noEnvironment(string) (string, bool) { return "", false }

// The examples of fleets.md are configurations.
func TestFleetsExamples(t *testing.T) {
	for _, example := range examples(t, "yaml") {
		config, err := Parse("paramedic.yml", []byte(example), noEnvironment)
		require.NoError(t, err, example)
		require.NotNil(t, config.Services[0].Fleet, example)
	}
	for _, example := range examples(t, "json") {
		path := filepath.Join(t.TempDir(), "shops.json")
		require.NoError(t, os.WriteFile(path, []byte(example), 0o644))
		found, err := targets.ReadFileSD(path)
		require.NoError(t, err)
		require.Len(t, found, 3)
	}
}

// The tables of fleets.md have every option, with its default.
func TestFleetsTables(t *testing.T) {
	text, err := os.ReadFile(fleetsFile)
	require.NoError(t, err)
	for _, typ := range []reflect.Type{reflect.TypeFor[Targets](), reflect.TypeFor[Fleet](), reflect.TypeFor[Class]()} {
		for _, f := range fieldsOf(typ) {
			require.Contains(t, string(text), "\n| `"+f.name+"` | ")
		}
	}
	defaults := reflect.ValueOf(builtinFleet())
	for _, f := range fieldsOf(defaults.Type()) {
		if value := defaults.FieldByIndex(f.index); !value.IsZero() {
			require.Contains(t, string(text), fmt.Sprintf("\n| `%s` | %d | ", f.name, value.Int()))
		}
	}
}

// The intervals that fleets.md says a class may have are those that it may have.
func TestFleetsIntervals(t *testing.T) {
	text, err := os.ReadFile(fleetsFile)
	require.NoError(t, err)
	listed := regexp.MustCompile(`a class may have (.*)\. `).FindStringSubmatch(string(text))
	require.NotNil(t, listed)
	for _, interval := range regexp.MustCompile(`[0-9]+[sm]`).FindAllString(listed[1], -1) {
		example := strings.Replace(examples(t, "yaml")[0], "interval: 20s", "interval: "+interval, 1)
		_, err := Parse("paramedic.yml", []byte(example), noEnvironment)
		require.NoError(t, err, interval)
	}
}
