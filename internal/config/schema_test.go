package config

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

func compile(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("paramedic.json", parsed))
	compiled, err := compiler.Compile("paramedic.json")
	require.NoError(t, err)
	return compiled
}

// instance turns YAML into what the schema judges; nil if it cannot.
func instance(text []byte) (any, error) {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
}

func TestSchemaAcceptsGoodConfigurations(t *testing.T) {
	text, err := testKinds().schema()
	require.NoError(t, err)
	test := compile(t, text)
	everything, err := os.ReadFile("testdata/good/everything.yml")
	require.NoError(t, err)
	value, err := instance(everything)
	require.NoError(t, err)
	require.NoError(t, test.Validate(value))
}

// The schema knows everything that does not take two values to see, so it
// refuses most bad configurations too; those it accepts are listed here, and
// Load finds them.
func TestSchemaRefusesBadConfigurations(t *testing.T) {
	beyond := strings.Fields(`active_hours alias_bomb cron_fields cron_never cron_value concurrent
		dependency_circle dependency_on_itself dependency_unknown directive duplicate_alert duplicate_dependency
		duplicate_service duration_negative env_in_duration env_malformed env_unset env_value_not_shown
		interval_and_cron interval_below_a_second listen_everywhere listen_no_port listen_public
		option_of_kind option_of_kind_as_a_whole patient_on_the_same_address patient_public receiver_built_in
		receiver_name receiver_unknown receiver_unknown_in_defaults remediation_host
		retry_interval_below_a_second retry_interval_over_interval runbook second_document secret_file_directory
		secret_file_missing service_name tag task_queue_of_a_host temporal_address timeout_of_defaults_over_interval
		timeout_over_cron timeout_over_interval timeout_over_interval_in_defaults timeout_over_interval_of_defaults
		timeout_over_interval_when_none_is_set timeout_over_retry_interval timezone timezone_local question_mark_key`)
	text, err := testKinds().schema()
	require.NoError(t, err)
	schema := compile(t, text)
	paths, err := filepath.Glob("testdata/bad/*.yml")
	require.NoError(t, err)
	refused := 0
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".yml")
		if slices.Contains(beyond, name) {
			continue
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		value, err := instance(text)
		if err != nil {
			continue // not even YAML
		}
		refused++
		require.Error(t, schema.Validate(value), name)
	}
	require.Greater(t, refused, 30)
}

func TestSchemaDescribes(t *testing.T) {
	text, err := testKinds().schema()
	require.NoError(t, err)
	for _, part := range []string{
		`"https://json-schema.org/draft/2020-12/schema"`, `"description": "Asks a web server."`,
		`"description": "The address to ask."`, `"default": "P1"`, `"default": 4`, `"default": "GET"`, `"maximum": 1000`,
	} {
		require.Contains(t, string(text), part)
	}
}
