package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// dashboard is one of Grafana's, as far as it is looked at here.
type dashboard struct {
	UID        string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []panel
}

type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []struct {
		Expr       string
		Datasource struct{ UID string }
	}
	FieldConfig struct {
		Defaults struct {
			Mappings []struct {
				Options map[string]struct{ Text, Color string }
			}
			NoValue string
		}
	}
}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(deployed, "grafana", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	all := map[string]dashboard{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(text, &d), file)
		all[filepath.Base(file)] = d
	}
	return all
}

// workerAlert is the provisioned alert, as far as it is looked at here.
type workerAlert struct {
	Groups []struct {
		Rules []struct {
			Title, Condition, For string
			NoDataState           string `yaml:"noDataState"`
			Labels, Annotations   map[string]string
			Data                  []struct {
				RefID         string `yaml:"refId"`
				DatasourceUID string `yaml:"datasourceUid"`
				Model         struct{ Expr, Expression string }
			}
		}
	}
}

func provisionedAlert(t *testing.T) workerAlert {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployed, "grafana", "provisioning", "alerting", "paramedic.yml"))
	require.NoError(t, err)
	var alert workerAlert
	require.NoError(t, yaml.Unmarshal(text, &alert))
	require.Len(t, alert.Groups, 1)
	require.Len(t, alert.Groups[0].Rules, 1)
	return alert
}

// variables are what Grafana fills in, with something that Prometheus reads.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$service", "web")

var labelValues = regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)

// expressions are all that Grafana asks, by where it stands.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for file, d := range dashboards(t) {
		for _, variable := range d.Templating.List {
			if variable.Type == "query" {
				match := labelValues.FindStringSubmatch(variable.Definition)
				require.NotNil(t, match, "%s of %s", variable.Name, file)
				all[file+" $"+variable.Name] = match[1]
			}
		}
		for _, panel := range d.Panels {
			for i, target := range panel.Targets {
				all[fmt.Sprintf("%s %q %d", file, panel.Title, i)] = variables.Replace(target.Expr)
			}
		}
	}
	all["alerting"] = provisionedAlert(t).Groups[0].Rules[0].Data[0].Model.Expr
	require.Greater(t, len(all), 60)
	return all
}

func TestDashboardsUseMetricsThatExist(t *testing.T) {
	names := known(t)
	for where, expression := range expressions(t) {
		require.NotEmpty(t, used(expression), where)
		for _, name := range used(expression) {
			require.Contains(t, names, name, where)
		}
	}
}

// TestDashboardsAskWhatPrometheusUnderstands: promtool reads rules, so that the
// expressions are put into some.
func TestDashboardsAskWhatPrometheusUnderstands(t *testing.T) {
	type recording struct {
		Record string            `yaml:"record"`
		Expr   string            `yaml:"expr"`
		Labels map[string]string `yaml:"labels"`
	}
	var recordings []recording
	for where, expression := range expressions(t) {
		recordings = append(recordings, recording{"grafana", expression, map[string]string{"where": where}})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "grafana", "rules": recordings}}})
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yml"), text, 0o600))
	output, err := realtest.Promtool(t, dir, "", "check", "rules", "rules.yml")
	require.NoError(t, err, output)
	require.Contains(t, output, fmt.Sprintf("%d rules found", len(recordings)))
}

// TestDashboardsAreSound: Grafana takes much, and shows nothing.
func TestDashboardsAreSound(t *testing.T) {
	for file, d := range dashboards(t) {
		require.Regexp(t, `^[a-z-]{1,40}$`, d.UID)
		require.Equal(t, "datasource", d.Templating.List[0].Type, "%s: whoever imports it chooses the data source", file)
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, panel := range d.Panels {
			where := fmt.Sprintf("panel %q of %s", panel.Title, file)
			require.False(t, ids[panel.ID], where)
			ids[panel.ID] = true
			require.Equal(t, panel.Type == "row", len(panel.Targets) == 0, where)
			for _, target := range panel.Targets {
				require.Equal(t, "${datasource}", target.Datasource.UID, where)
			}
			for x := panel.GridPos.X; x < panel.GridPos.X+panel.GridPos.W; x++ {
				for y := panel.GridPos.Y; y < panel.GridPos.Y+panel.GridPos.H; y++ {
					require.Empty(t, taken[[2]int{x, y}], "%s lies on another", where)
					require.Less(t, x, 24, where)
					taken[[2]int{x, y}] = where
				}
			}
		}
	}
}

// TestBackgroundWorkerStatusPanel: green RUNNING, red STOPPED, STOPPED also
// without data, and an alert of its own that points at the panel.
func TestBackgroundWorkerStatusPanel(t *testing.T) {
	rule := provisionedAlert(t).Groups[0].Rules[0]
	require.Equal(t, []string{"BackgroundWorkerDown", "1m", "Alerting", "critical"},
		[]string{rule.Title, rule.For, rule.NoDataState, rule.Labels["severity"]})
	require.Equal(t, rule.Condition, rule.Data[1].RefID)
	require.Equal(t, rule.Data[0].RefID, rule.Data[1].Model.Expression)
	require.Equal(t, "prometheus", rule.Data[0].DatasourceUID)
	d := dashboards(t)["paramedic.json"]
	require.Equal(t, d.UID, rule.Annotations["__dashboardUid__"])
	for _, panel := range d.Panels {
		if fmt.Sprint(panel.ID) != rule.Annotations["__panelId__"] {
			continue
		}
		require.Equal(t, "Background Worker Status", panel.Title)
		shown := panel.FieldConfig.Defaults
		require.Equal(t, "STOPPED", shown.NoValue)
		require.Equal(t, []string{"RUNNING", "green"}, []string{shown.Mappings[0].Options["1"].Text, shown.Mappings[0].Options["1"].Color})
		require.Equal(t, []string{"STOPPED", "red"}, []string{shown.Mappings[0].Options["0"].Text, shown.Mappings[0].Options["0"].Color})
		return
	}
	t.Fatal("the alert points at no panel")
}
