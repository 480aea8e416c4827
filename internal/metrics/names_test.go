package metrics

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// family is what the registry says of a metric before anything is collected.
type family struct {
	name, help string
	labels     []string
}

var description = regexp.MustCompile(`^Desc\{fqName: (".*"), help: (".*"), constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// families are the metrics that a registry of a whole process describes, by name.
func families(t *testing.T) map[string]family {
	t.Helper()
	descriptions := make(chan *prometheus.Desc, 1000)
	busy(noon).registry.Describe(descriptions)
	for _, g := range gaugesOfServices {
		descriptions <- g.desc
	}
	close(descriptions)
	found := map[string]family{}
	for each := range descriptions {
		match := description.FindStringSubmatch(each.String())
		require.NotNil(t, match, each.String())
		f := family{}
		for text, to := range map[string]*string{match[1]: &f.name, match[2]: &f.help} {
			_, err := fmt.Sscanf(text, "%q", to)
			require.NoError(t, err, text)
		}
		for constant := range strings.SplitSeq(match[3], ",") {
			name, _, _ := strings.Cut(constant, "=")
			f.labels = append(f.labels, name)
		}
		f.labels = append(f.labels, strings.Split(match[4], ",")...)
		f.labels = slices.DeleteFunc(f.labels, func(label string) bool { return label == "" })
		found[f.name] = f
	}
	return found
}

var constant = regexp.MustCompile(`= (TemporalMetricsPrefix|TemporalRequest|TemporalLongRequest) \+ "(\w+)"`)

// ofSDK are the metrics that the Temporal SDK may have, as its source names
// them, without the endings that Prometheus adds.
func ofSDK(t *testing.T) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "go.temporal.io/sdk").Output()
	require.NoError(t, err)
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "internal", "common", "metrics", "constants.go"))
	require.NoError(t, err)
	prefixes := map[string]string{
		"TemporalMetricsPrefix": "temporal_", "TemporalRequest": "temporal_request", "TemporalLongRequest": "temporal_long_request",
	}
	var names []string
	for _, match := range constant.FindAllStringSubmatch(string(source), -1) {
		names = append(names, prefixes[match[1]]+match[2])
	}
	require.Contains(t, names, "temporal_request_failure")
	require.Greater(t, len(names), 40)
	return names
}

// known are the names that an expression may use.
func known(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{"up": true, "ALERTS": true}
	for name := range families(t) {
		names[name] = true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		names["paramedic_probe_duration_seconds"+suffix] = true
		names["paramedic_probe_lateness_seconds"+suffix] = true
	}
	for _, name := range ofSDK(t) {
		for _, suffix := range []string{"", "_total", "_seconds_bucket", "_seconds_sum", "_seconds_count"} {
			names[name+suffix] = true
		}
	}
	return names
}

var (
	// passedOver is what an expression has besides metrics: texts, matchers,
	// ranges, lists of labels, numbers with units.
	passedOver = regexp.MustCompile(`"[^"]*"|'[^']*'|\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\b[0-9][\w.]*`)
	word       = regexp.MustCompile(`[a-zA-Z_:][\w:]*\s*\(?`)
	operators  = []string{"and", "or", "unless", "bool", "offset", "group_left", "group_right", "inf", "nan"}
)

// used are the names of the metrics in an expression. Its syntax is for
// promtool to judge.
func used(expression string) []string {
	names := map[string]bool{}
	for _, name := range word.FindAllString(passedOver.ReplaceAllString(expression, " "), -1) {
		if !strings.HasSuffix(name, "(") && !slices.Contains(operators, strings.TrimSpace(name)) {
			names[strings.TrimSpace(name)] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func TestUsed(t *testing.T) {
	require.Equal(t, []string{"a_total", "b", "c_bucket"}, used(
		`histogram_quantile(0.99, sum by (le, x) (rate(c_bucket{y="not(me)"}[5m]))) or max without(z) (a_total offset 5m) > 1e3 unless on (q) group_left(r) b`))
}
