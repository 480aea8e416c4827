package option_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// plan are options with every shape that a text can have.
type plan struct {
	Address string                   `yaml:"address"`
	Args    []string                 `yaml:"args"`
	Queries map[string]string        `yaml:"queries"`
	TLS     plainTLS                 `yaml:"tls"`
	Deep    *plainTLS                `yaml:"deep"`
	Items   []plainTLS               `yaml:"items"`
	Token   option.Secret            `yaml:"token"`
	Headers map[string]option.Secret `yaml:"headers"`
	Every   health.Duration          `yaml:"every"`
	hidden  string
}

type plainTLS struct {
	Name string `yaml:"server_name"`
}

var shop = health.Target{Name: "10.0.0.1:80", Labels: map[string]string{
	"zone": "eu-1", "evil": `"; rm -rf / #`, "empty": "", "dash": "--force", "v6": "[::1]:80",
}}

func careless(string) bool { return false }
func careful(string) bool  { return true }

func TestExpandFillsEveryText(t *testing.T) {
	written := &plan{
		Address: "{{target}}", Args: []string{"-n", `{{ label "zone" }}x`}, hidden: "{{target}}",
		Queries: map[string]string{"lag": `at {{label "zone"}} and {{"{{"}}target}}`},
		TLS:     plainTLS{Name: "a.{{target}}"}, Deep: &plainTLS{Name: "b.{{target}}"},
		Items: []plainTLS{{Name: "c.{{	target	}}"}}, Token: option.NewSecret("p{{ss"), Every: 5,
		Headers: map[string]option.Secret{"X": option.NewSecret("v")},
	}
	require.True(t, option.HasTemplate(written))
	filled, problems := option.Expand(written, shop, careless)
	require.Empty(t, problems)
	require.Equal(t, &plan{
		Address: "10.0.0.1:80", Args: []string{"-n", "eu-1x"}, hidden: "{{target}}",
		Queries: map[string]string{"lag": "at eu-1 and {{target}}"},
		TLS:     plainTLS{Name: "a.10.0.0.1:80"}, Deep: &plainTLS{Name: "b.10.0.0.1:80"},
		Items: []plainTLS{{Name: "c.10.0.0.1:80"}}, Token: option.NewSecret("p{{ss"), Every: 5,
		Headers: map[string]option.Secret{"X": option.NewSecret("v")},
	}, filled)
	require.Equal(t, "{{target}}", written.Address, "the original has changed")
	require.Equal(t, "b.{{target}}", written.Deep.Name, "the original has changed")
	require.Equal(t, "c.{{	target	}}", written.Items[0].Name, "the original has changed")
}

func TestExpandReportsEveryMistake(t *testing.T) {
	_, problems := option.Expand(&plan{
		Address: `{{label "rack"}}`, Args: []string{"ok", "{{targets}}", `{{label zone}}`, "{{target", `{{label "a-b"}}`},
		Queries: map[string]string{"{{target}}": "x", "b": `{{printf "%s" target}}`},
		TLS:     plainTLS{Name: "{{if target}}x{{end}}"}, Token: option.NewSecret("s3cret-{{target}}"),
		Headers: map[string]option.Secret{"X": option.NewSecret(`s3cret {{ label "zone" }}`)},
	}, shop, careless)
	const known = `; write {{target}} or {{label "name"}}, or {{"{{"}} for the braces themselves`
	const fixed = `holds {{target}} or {{label "name"}}, and secrets and names are the same for all targets`
	require.Equal(t, option.Problems{
		{Path: "address", Text: `target "10.0.0.1:80" has no label "rack"`},
		{Path: "args[1]", Text: "{{targets}} means nothing here" + known},
		{Path: "args[2]", Text: "{{label zone}} means nothing here" + known},
		{Path: "args[3]", Text: `holds "{{target" without the }} that ends it` + known},
		{Path: "args[4]", Text: `{{label "a-b"}} does not name a label: names are letters, digits and _, and begin with no digit`},
		{Path: "queries.b", Text: `{{printf "%s" target}} means nothing here` + known},
		{Path: "queries.{{target}}", Text: fixed},
		{Path: "tls.server_name", Text: "{{if target}} means nothing here" + known},
		{Path: "token", Text: fixed},
		{Path: "headers.X", Text: fixed},
	}, problems)
}

func TestExpandRefusesWhatAShellMightMisread(t *testing.T) {
	const why = ", which a shell or another language might misread here; " +
		"what is written here consists of letters, digits and . _ : / @ % + = , ~ - [ ], does not begin with -, and has no . or .. between slashes"
	for label, want := range map[string]string{
		"zone": "", "v6": "",
		"evil":  `label evil of target "10.0.0.1:80" is "\"; rm -rf / #"` + why,
		"empty": `label empty of target "10.0.0.1:80" is ""` + why,
		"dash":  `label dash of target "10.0.0.1:80" is "--force"` + why,
	} {
		_, problems := option.Expand(&plan{Args: []string{"sh", "-c", `echo {{label "` + label + `"}}`}}, shop, careful)
		if want == "" {
			require.Empty(t, problems)
			continue
		}
		require.Equal(t, option.Problems{{Path: "args[2]", Text: want}}, problems)
	}
	for _, name := range []string{"a;b", "$(id)", "`id`", "a|b", "a&b", "a*", "a?", "(a)", "{a}", "!a", "#a", "-a", "a\nb", "é", "..", "../etc", "a/../..", ".", "a/./b"} {
		_, problems := option.Expand(&plan{Address: "{{target}}"}, health.Target{Name: name}, careful)
		require.Len(t, problems, 1, "%q", name)
	}
}

func TestStandInFitsEveryTemplate(t *testing.T) {
	written := &plan{Address: `{{label "zone"}}:{{label "port"}}`, Args: []string{"a", "{{target}}"}, Queries: map[string]string{"a": "b"}}
	target, isFilled := option.StandIn(written)
	_, problems := option.Expand(written, target, careful)
	require.Empty(t, problems)
	for path, want := range map[string]bool{
		"": true, "address": true, "args": true, "args[0]": false, "args[1]": true, "queries": false, "queries.a": false, "arg": false,
	} {
		require.Equal(t, want, isFilled(path), path)
	}
}
