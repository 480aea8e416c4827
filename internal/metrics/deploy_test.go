package metrics

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// deployed is where the files for Prometheus and Grafana are.
var deployed = filepath.Join("..", "..", "deploy")

// rules are alerts.yml, as far as it is looked at here.
type rules struct {
	Groups []struct {
		Name  string
		Rules []rule
	}
}

type rule struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func alertRules(t *testing.T) []rule {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployed, "prometheus", "alerts.yml"))
	require.NoError(t, err)
	var file rules
	require.NoError(t, yaml.Unmarshal(text, &file))
	var all []rule
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

func TestAlertsUseMetricsThatExist(t *testing.T) {
	names := known(t)
	for _, rule := range alertRules(t) {
		require.NotEmpty(t, used(rule.Expr), rule.Alert)
		for _, name := range used(rule.Expr) {
			require.Contains(t, names, name, rule.Alert)
		}
	}
}

// TestAlertsSayWhatToDo: whoever is woken reads what to do.
func TestAlertsSayWhatToDo(t *testing.T) {
	for _, rule := range alertRules(t) {
		require.Contains(t, []string{"critical", "warning"}, rule.Labels["severity"], rule.Alert)
		for _, name := range []string{"summary", "description", "action"} {
			require.NotEmpty(t, rule.Annotations[name], "%s of %s", name, rule.Alert)
		}
	}
}

func TestEveryAlertIsTested(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(deployed, "prometheus", "alerts_test.yml"))
	require.NoError(t, err)
	for _, rule := range alertRules(t) {
		fires := regexp.MustCompile(`(?m)^\s+alertname: ` + rule.Alert + `\n\s+exp_alerts:`)
		require.Regexp(t, fires, string(text), "a test in which %s fires", rule.Alert)
		rests := "alertname: " + rule.Alert + "}"
		require.Contains(t, string(text), rests, "a test in which %s does not fire", rule.Alert)
	}
}

func TestPromtoolIsContent(t *testing.T) {
	dir := filepath.Join(deployed, "prometheus")
	for _, args := range [][]string{
		{"check", "rules", "alerts.yml"},
		{"test", "rules", "alerts_test.yml"},
		{"check", "config", "--syntax-only", "prometheus.yml"},
	} {
		output, err := realtest.Promtool(t, dir, "", args...)
		require.NoError(t, err, "promtool %s\n%s", strings.Join(args, " "), output)
		require.NotContains(t, strings.ToLower(output), "lint error", output)
	}
}

// TestPromtoolLintsAScrape: the text of a real answer.
func TestPromtoolLintsAScrape(t *testing.T) {
	output, err := realtest.Promtool(t, ".", scrape(t, busy(noon)), "check", "metrics")
	require.NoError(t, err, output)
	require.Empty(t, output)
}
