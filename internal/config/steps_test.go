package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/alert"
)

func TestTriesOfSteps(t *testing.T) {
	config, err := read("paramedic.yml", `
services:
  - name: a
    probe: {other: {}}
    remediation: {steps: [exec: {unit: x}, {exec: {unit: x}, tries: 3}, exec: {unit: x}]}
  - name: b
    probe: {other: {}}
    remediation: {steps: [{exec: {unit: x}, tries: 2}]}
`)
	require.NoError(t, err)
	var tries []int
	for _, s := range config.Services {
		for _, step := range s.Remediation.Steps {
			tries = append(tries, step.Tries)
		}
	}
	require.Equal(t, []int{1, 3, 0, 2}, tries, "only the last step goes on by itself")
}

func TestEvidenceOfSteps(t *testing.T) {
	config, err := read("paramedic.yml", `
services:
  - name: a
    probe: {other: {}}
    remediation: {steps: [systemd: {unit: x}, {systemd: {unit: x}, evidence: 0}, {exec: {unit: x}, evidence: 0}, exec: {unit: x}]}
`)
	require.NoError(t, err)
	var lines []int
	for _, step := range config.Services[0].Remediation.Steps {
		lines = append(lines, step.Evidence)
	}
	require.Equal(t, []int{20, 0, 0, 0}, lines)
}

// The keys that all kinds share must not be the name of one.
func TestSharedKeysAreNoKinds(t *testing.T) {
	all := allKinds()
	for _, k := range all.remedies {
		require.False(t, slices.Contains(fieldNames(fieldsOf(reflect.TypeFor[Step]())), k.name), k.name)
	}
	for _, k := range all.receivers {
		require.False(t, slices.Contains(fieldNames(fieldsOf(reflect.TypeFor[Receiver]())), k.name), k.name)
	}
}

func TestReceiversFollowTheirKindAndTheConfiguration(t *testing.T) {
	config, err := read("paramedic.yml", `
alerts:
  plain: {webhook: {url: http://x}}
  other: {webhook: {url: http://x}, group_wait: 5s, language: en}
services: [{name: a, probe: {other: {}}}]
language: es
`)
	require.NoError(t, err)
	plain, _ := config.Receiver("plain")
	other, _ := config.Receiver("other")
	log, _ := config.Receiver("log")
	require.Equal(t, seconds(30), plain.GroupWait)
	require.Equal(t, []string{"es", "en", "es"}, []string{plain.Language, other.Language, log.Language})
	require.Equal(t, seconds(5), other.GroupWait)
	require.Zero(t, log.GroupWait)
}

// Every language that there are texts in can be chosen, and no other.
func TestLanguages(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[document](), reflect.TypeFor[Receiver]()} {
		fields := fieldsOf(typ)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == "language" })
		require.ElementsMatch(t, alert.Languages(), fields[i].enum)
	}
}

func TestTemplatesStartAtTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "paramedic.yml")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "texts"), 0o700))
	for _, written := range []string{"texts", filepath.Join(dir, "texts")} {
		config, err := read(name, "templates: "+written+"\nservices: [{name: a, probe: {other: {}}}]\n")
		require.NoError(t, err)
		require.Equal(t, filepath.Join(dir, "texts"), config.Templates)
	}
}
