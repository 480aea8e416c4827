package targets

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// Whatever a file holds: its targets can be listed, or there is a mistake that
// names the file.
func FuzzFileSD(f *testing.F) {
	for _, text := range []string{
		`[{"targets": ["10.0.0.1:80"], "labels": {"dc": "eu", "__meta_x": ""}}, {"targets": []}]`,
		"- targets: [a, b]\n  labels: &l {dc: eu, port: 80, none: ~}\n- {labels: *l, targets: [c]}\n",
		"- targets: &t [a]\n- targets: *t\n", "&a [*a]", "- *a", "? - a\n: b", "[{targets: [!!binary x]}]",
		`[`, `[{]`, `[{"targets": [[]]}]`, "\t", "---\n---\n", "- <<: {targets: [a]}\n", "[1e999]", `["\ud800"]`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, path := range []string{"a.json", "a.yml"} {
			found, err := parseFileSD(path, []byte(text))
			if err != nil {
				require.True(t, strings.HasPrefix(err.Error(), path+":"), err.Error())
				continue
			}
			_, err = NewList(found, func(health.Target) string { return "" })
			require.NoError(t, err)
			for _, target := range found {
				require.NoError(t, CheckTarget(target))
			}
		}
	})
}
