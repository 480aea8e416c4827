package probe

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// shop is a target with labels of all kinds.
var shop = health.Target{Name: "shop.test:8080", Labels: map[string]string{
	"path": "status", "limit": "5", "evil": `1 || true || "`, "user": "root:pw@x",
}}

func TestExpandValidatesTheOutcome(t *testing.T) {
	for _, test := range []struct {
		name    string
		written Options
		filled  func(t *testing.T, filled Options)
		want    option.Problems
	}{
		{
			"an address and a path", httpWith(`https://{{target}}/{{label "path"}}?a={{ label "limit" }}`, nil),
			func(t *testing.T, filled Options) {
				require.Equal(t, "https://shop.test:8080/status?a=5", filled.(*HTTP).URL)
			}, nil,
		},
		{
			"a condition", httpWith("http://x", []string{`body.queue < {{label "limit"}}`}),
			func(t *testing.T, filled Options) {
				require.Equal(t, []string{"body.queue < 5"}, filled.(*HTTP).Expect)
			}, nil,
		},
		{
			"a value that would change a condition", httpWith("http://x", []string{`status == {{label "evil"}}`}), nil,
			option.Problems{{Path: "expect[0]", Text: `label evil of target "shop.test:8080" is "1 || true || \"", which a shell or another language might misread here; ` +
				"what is written here consists of letters, digits and . _ : / @ % + = , ~ - [ ], does not begin with -, and has no . or .. between slashes"}},
		},
		{
			"a label that is not there", httpWith(`http://{{target}}/{{label "shelf"}}`, nil), nil,
			option.Problems{{Path: "url", Text: `target "shop.test:8080" has no label "shelf"`}},
		},
		{
			"credentials by the back door", httpWith(`http://{{label "user"}}/`, nil), nil,
			option.Problems{{Path: "url", Text: "holds a user name or password; use token or headers, which are kept secret"}},
		},
		{
			"an address that is none", &TCP{Address: "{{target}}:80"}, nil,
			option.Problems{{Path: "address", Text: `"shop.test:8080:80" is not an address; write host:port, like 127.0.0.1:9000`}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.True(t, HasTemplate(test.written))
			filled, problems := Expand(test.written, shop)
			require.Equal(t, test.want, problems)
			if test.filled != nil {
				test.filled(t, filled)
			}
		})
	}
}

func httpWith(url string, expect []string) *HTTP {
	options := httpOptions(url)
	if expect != nil {
		options.Expect = expect
	}
	return options
}

func TestExpandRepeatsNoSecret(t *testing.T) {
	options := httpOptions("http://{{target}}/")
	options.Token = option.NewSecret("s3cret-{{target}}")
	options.Headers = map[string]option.Secret{"X-Key": option.NewSecret(`s3cret-{{label "path"}}`)}
	_, problems := Expand(options, shop)
	require.Len(t, problems, 2)
	for _, p := range problems {
		require.NotContains(t, p.Text, "s3cret")
		require.True(t, strings.HasPrefix(p.Text, "holds {{target}}"), p.Text)
	}
}

func TestOptionsWithoutTemplates(t *testing.T) {
	options := httpOptions("http://x/{{.State}}")
	require.False(t, HasTemplate(options), "the braces of another language")
	_, problems := Expand(options, shop)
	require.Len(t, problems, 1, "which do not belong beside targets")
	same, problems := Expand(httpOptions("http://x/"), shop)
	require.Empty(t, problems)
	require.Equal(t, httpOptions("http://x/"), same)
}

func TestCheckManyNeedsNoTarget(t *testing.T) {
	for text, test := range map[string]struct {
		options Options
		want    option.Problems
	}{
		"whatever a target may bring":   {httpWith(`{{label "scheme"}}://{{target}}:{{label "port"}}/`, nil), nil},
		"no template":                   {httpOptions("http://x/"), nil},
		"a mistake that all share":      {&HTTP{URL: "http://{{target}}", Method: "GET", Body: "x"}, option.Problems{{Path: "body", Text: "needs method POST"}}},
		"a mistake beside a template":   {httpWith("http://{{target}}", []string{"status == {{label \"a\"}}", "status = 1"}), nil},
		"a template that is none":       {&TCP{Address: "{{host}}:80"}, option.Problems{{Path: "address", Text: `{{host}} means nothing here; write {{target}} or {{label "name"}}, or {{"{{"}} for the braces themselves`}}},
		"a mistake in a constant place": {&TCP{Address: "nowhere", Send: "{{target}}"}, option.Problems{{Path: "address", Text: `"nowhere" is not an address; write host:port, like 127.0.0.1:9000`}}},
	} {
		t.Run(text, func(t *testing.T) {
			problems := CheckMany(test.options)
			if text == "a mistake beside a template" {
				require.Len(t, problems, 1)
				require.Equal(t, "expect[1]", problems[0].Path)
				return
			}
			if len(test.want) == 0 {
				require.Empty(t, problems)
				return
			}
			require.Equal(t, test.want, problems)
		})
	}
}
