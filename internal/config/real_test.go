package config

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The example of the documentation, with the real kinds.
func TestParseReadsTheExample(t *testing.T) {
	text, err := os.ReadFile("testdata/good/ingest.yml")
	require.NoError(t, err)
	env := func(name string) (string, bool) { return "s3cret-word", name == "CLICKHOUSE_PASSWORD" }
	config, err := Parse("testdata/good/ingest.yml", text, env)
	require.NoError(t, err)
	require.Len(t, config.Services, 2)
	require.Equal(t, "clickhouse", config.Services[0].Probe.Kind)
	require.Equal(t, "systemd", config.Services[0].Remediation.Steps[0].Kind)
	require.Equal(t, 20, config.Services[0].Remediation.Steps[0].Evidence, "a unit has a log")
	require.Nil(t, config.Services[1].Remediation)
	require.Equal(t, []string{"alert-token-1", "s3cret-word"}, config.Secrets())
	log, found := config.Receiver(BuiltinReceiver)
	require.True(t, found)
	require.NotNil(t, log.Options)

	var dump strings.Builder
	require.NoError(t, config.WriteYAML(&dump))
	require.NotContains(t, dump.String(), "s3cret-word")
	_, err = Parse("testdata/good/dump.yml", []byte(dump.String()), env)
	require.NoError(t, err)

	_, err = Parse("paramedic.yml", text, func(string) (string, bool) { return "", false })
	require.ErrorContains(t, err, "paramedic.yml:12:57: the environment variable CLICKHOUSE_PASSWORD is not set")
	require.ErrorContains(t, err, "paramedic.yml:26:80: the secret file token cannot be read")
}

func TestSchemaJudgesTheExample(t *testing.T) {
	text, err := Schema()
	require.NoError(t, err)
	schema := compile(t, text)
	example, err := os.ReadFile("testdata/good/ingest.yml")
	require.NoError(t, err)
	value, err := instance(example)
	require.NoError(t, err)
	require.NoError(t, schema.Validate(value))

	for written, wrong := range map[string]string{
		"table: events": "tabel: events", "steps:": "step:", "http: {listen": "https: {listen", "webhook:": "webhok:",
	} {
		value, err := instance([]byte(strings.Replace(string(example), written, wrong, 1)))
		require.NoError(t, err)
		require.Error(t, schema.Validate(value), wrong)
	}
}

// Every option of every kind has a type that can be read and a sentence of
// documentation, and fresh options do not share anything.
func TestKindsDeclareTheirOptions(t *testing.T) {
	all := allKinds()
	for _, kinds := range [][]kind{all.probes, all.remedies, all.receivers} {
		require.NotEmpty(t, kinds)
		for _, k := range kinds {
			require.NotEmpty(t, k.doc, k.name)
			v := reflect.ValueOf(k.options())
			require.Equal(t, reflect.Pointer, v.Kind(), k.name)
			requireReadable(t, k.name, v.Elem().Type())
			require.False(t, v.Elem().Type().Size() > 0 && k.options() == k.options(), "%s: fresh options are shared", k.name)
		}
	}
	requireReadable(t, "", reflect.TypeFor[document]())
}

func requireReadable(t *testing.T, path string, typ reflect.Type) {
	t.Helper()
	switch {
	case typ == secretType, typ == durationType, isChoice(typ):
		return
	case typ == targetType:
		typ = reflect.TypeFor[listedTarget]()
	}
	switch typ.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Float64:
	case reflect.Pointer, reflect.Slice:
		requireReadable(t, path, typ.Elem())
	case reflect.Map:
		require.Equal(t, reflect.String, typ.Key().Kind(), path)
		requireReadable(t, path, typ.Elem())
	case reflect.Struct:
		for _, f := range fieldsOf(typ) {
			require.NotEmpty(t, f.doc, join(path, f.name))
			requireReadable(t, join(path, f.name), f.typ)
		}
	default:
		require.Fail(t, "no option can have this type", "%s %s", path, typ)
	}
}
