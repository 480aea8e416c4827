package metrics

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	require.NoError(t, err)
	return string(text)
}

var ownMetric = regexp.MustCompile(`^(paramedic|worker)_`)

// TestDocumentListsEveryMetric: the table of the document is what the registry
// says of itself, word for word.
func TestDocumentListsEveryMetric(t *testing.T) {
	all := families(t)
	var want []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !ownMetric.MatchString(name) {
			continue
		}
		labels := make([]string, len(all[name].labels))
		for i, label := range all[name].labels {
			labels[i] = "`" + label + "`"
		}
		want = append(want, fmt.Sprintf("| `%s` | %s | %s |", name, strings.Join(labels, " "), all[name].help))
	}
	require.Greater(t, len(want), 35)
	var rows []string
	for line := range strings.Lines(document(t)) {
		if strings.HasPrefix(line, "| `paramedic_") || strings.HasPrefix(line, "| `worker_") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	slices.Sort(rows)
	slices.Sort(want)
	require.Equal(t, strings.Join(want, "\n"), strings.Join(rows, "\n"))
}

// TestDocumentListsEveryAlert by name, with how bad it is.
func TestDocumentListsEveryAlert(t *testing.T) {
	text := document(t)
	for _, rule := range alertRules(t) {
		row := regexp.MustCompile("(?m)^\\| `" + rule.Alert + "` \\| [^|]*" + rule.Labels["severity"] + "[^|]* \\|")
		require.Regexp(t, row, text)
	}
}

// TestDocumentAsksForMetricsThatExist: the expressions in its examples.
func TestDocumentAsksForMetricsThatExist(t *testing.T) {
	names := known(t)
	blocks := regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(document(t), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		for line := range strings.Lines(block[1]) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			for _, name := range used(line) {
				require.Contains(t, names, name, line)
			}
		}
	}
}
