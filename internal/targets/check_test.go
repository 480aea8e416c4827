package targets

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestTargetsThatCanBe(t *testing.T) {
	for _, name := range []string{
		"10.0.0.1:80", "https://shop.example/a?b=c&d={e}#f", "[::1]:443", "a", strings.Repeat("x", NameLimit),
	} {
		require.NoError(t, CheckTarget(health.Target{Name: name}))
	}
	require.NoError(t, CheckTarget(health.Target{Name: "a", Labels: map[string]string{
		"_dc": "", "Region2": "Málaga, \"centro\"", "long": strings.Repeat("x", ValueLimit),
	}}))
}

func TestTargetsThatCannotBe(t *testing.T) {
	crowd := map[string]string{}
	for i := range LabelsLimit + 1 {
		crowd[fmt.Sprintf("l%d", i)] = ""
	}
	const cannot = "cannot name a target; write printable ASCII without spaces, quotes, backslashes, < and >"
	const label = "cannot name a label; write letters, digits and underscores, not beginning with a digit, at most 200"
	for want, target := range map[string]health.Target{
		"the name of a target is empty; write something like 10.0.0.1:80": {},
		`"a b" ` + cannot:  {Name: "a b"},
		`"a\nb" ` + cannot: {Name: "a\nb"},
		`"a\"b" ` + cannot: {Name: `a"b`},
		`"a'b" ` + cannot:  {Name: "a'b"},
		`"a\\b" ` + cannot: {Name: `a\b`},
		`"<a" ` + cannot:   {Name: "<a"},
		`"café" ` + cannot: {Name: "café"},
		"the name of a target, " + health.Clip(strings.Repeat("x", 201), 80) + ", has 201 bytes; write at most 200": {Name: strings.Repeat("x", 201)},
		"the target a has 21 labels; keep at most 20":                                                               {Name: "a", Labels: crowd},
		`the target a: "1a" ` + label:                                                                               {Name: "a", Labels: map[string]string{"1a": ""}},
		`the target a: "a-b" ` + label:                                                                              {Name: "a", Labels: map[string]string{"a-b": ""}},
		"the target a: the label b has a value of 201 bytes; write at most 200":                                     {Name: "a", Labels: map[string]string{"b": strings.Repeat("x", 201)}},
		"the target a: the label b has a value with control characters; remove them":                                {Name: "a", Labels: map[string]string{"b": "x\ny"}},
	} {
		require.EqualError(t, CheckTarget(target), want)
	}
	require.Error(t, CheckLabel("b", "\xff"))
}
