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
		timeout_over_interval_when_none_is_set timeout_over_retry_interval timezone timezone_local question_mark_key
		flapping_low_over_high flapping_low_over_default_high flapping_in_defaults
		maintenance_no_beginning maintenance_no_end maintenance_cron_no_end maintenance_cron_and_from
		maintenance_cron_and_until maintenance_until_and_for maintenance_until_before_from maintenance_too_long
		maintenance_cron_never_ends maintenance_cron_value maintenance_time maintenance_time_of_another_hour
		maintenance_in_defaults escalation_without_delay escalation_unknown_receiver escalation_no_severity
		escalation_does_not_grow escalation_before_the_response_time response_times_fall
		response_times_fall_by_default label_name label_value_too_long labels_too_many min_healthy_over_hundred
		remediation_approve_within step_tries_without_end step_evidence_of_none step_post_check_option
		receiver_group_wait templates_missing templates_not_a_directory templates_broken web_ui
		web_ui_with_a_password heartbeat_address heartbeat_every route_receiver route_for_all_not_last
		route_service_unknown route_pattern route_empty_keys store_url store_url_empty store_url_without_host
		store_cache store_cache_port store_cache_database store_results_too_short store_hours_too_short store_days_too_short
		store_incidents_too_long store_failures_shorter_than_results
		pipeline_service_unknown pipeline_card_unknown pipeline_card_twice pipeline_reference_unknown pipeline_reference
		pipeline_reference_empty pipeline_critical_before_warn pipeline_queue_twice pipeline_queues_alike pipeline_table_name
		access_hash_too_cheap access_hash_too_slow access_name access_name_local access_name_twice
		access_password_in_the_clear access_token_in_the_clear access_token_twice behind_proxy_without_access
		listen_without_tls oidc_issuer oidc_issuer_plain oidc_scope oidc_without_public_url oidc_without_roles
		public_url_path public_url_plain tls_no_file trusted_proxies_name trusted_proxies_without_proxy
		trusted_proxies_everybody
		http_system_alert_unknown
		target_file_name target_label_name target_label_value target_lacks_label target_name target_twice
		targets_interval_fraction targets_interval_fraction_in_defaults targets_null targets_say_nothing targets_with_cron
		targets_with_flapping template_does_not_fit template_elsewhere template_in_control template_in_secret
		template_of_a_unit template_option_of_all template_unclosed template_unknown template_without_targets
		fleet_without_targets class_interval_below_timeout class_interval_below_timeout_of_defaults class_interval_fraction
		class_interval_no_part_of_watch class_interval_over_watch class_name quorum_over_vantage quorum_without_vantage
		quorum_zero vantage_name dependency_on_targets pipeline_of_targets`)
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
