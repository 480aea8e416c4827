package process

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/realtest"
	"paramedic/workflows"
)

// block is a fenced block of a document.
type block struct {
	language, text string
}

// The documents, by their paths in the repository. Commands of README.md and
// api.md are run one after the other; all that can be checked of the others
// without the story that they tell is checked.
const (
	readmeFile  = "README.md"
	healingFile = "docs/healing.md"
	alertsFile  = "docs/alerts.md"
	pagesFile   = "docs/pages.md"
	apiFile     = "docs/api.md"
	metricsFile = "docs/metrics.md"
	fleetsFile  = "docs/fleets.md"
	scaleFile   = "docs/scale.md"
)

var documents = []string{readmeFile, healingFile, alertsFile, pagesFile, apiFile, metricsFile, fleetsFile, scaleFile}

// blocks are the fenced blocks of a document, also those inside lists.
func blocks(t testing.TB, name string) []block {
	t.Helper()
	var found []block
	fence := regexp.MustCompile("(?ms)^( *)```(\\w+)\n(.*?)^ *```$")
	for _, match := range fence.FindAllStringSubmatch(document(t, name), -1) {
		text := strings.ReplaceAll("\n"+match[3], "\n"+match[1], "\n")[1:]
		found = append(found, block{language: match[2], text: text})
	}
	return found
}

func document(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(t), name))
	require.NoError(t, err)
	return string(text)
}

// texts are the blocks of a document in one language; there is at least one.
func texts(t testing.TB, name, language string) []string {
	t.Helper()
	var found []string
	for _, b := range blocks(t, name) {
		if b.language == language {
			found = append(found, b.text)
		}
	}
	require.NotEmpty(t, found, "%s: %s", name, language)
	return found
}

// Every configuration that the documents show is one that the worker accepts.
func TestReadmeConfigurations(t *testing.T) {
	t.Parallel()
	place := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(place, "alert"), []byte("token-of-the-test\n"), 0o600))
	writeCertificate(t, place)
	moved := strings.NewReplacer("/run/secrets", place, "/etc/paramedic/templates", place, "/etc/paramedic/tls", filepath.Join(place, "tls"),
		"${DATABASE_URL}", "postgres://ana:word@db.example/paramedic", "${REDIS_URL}", "redis://cache.example:6379/0")
	for _, name := range []string{readmeFile, healingFile, alertsFile, pagesFile, fleetsFile} {
		for _, text := range texts(t, name, "yaml") {
			cfg, err := config.Parse(name, []byte(moved.Replace(text)), func(string) (string, bool) { return "value-of-the-test", true })
			require.NoError(t, err, text)
			require.NotEmpty(t, cfg.Services)
		}
	}
}

// Files that the documents link to exist, and so do the headings.
func TestReadmeLinks(t *testing.T) {
	t.Parallel()
	for _, name := range documents {
		for _, match := range regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`).FindAllStringSubmatch(document(t, name), -1) {
			target := name
			if match[1] != "" {
				target = filepath.Join(filepath.Dir(name), match[1])
				_, err := os.Stat(filepath.Join(repository(t), target))
				require.NoError(t, err, name)
			}
			if match[2] != "" {
				require.Contains(t, anchors(t, target), match[2], name)
			}
		}
	}
}

// anchors are the headings of a document as links name them.
func anchors(t testing.TB, name string) []string {
	t.Helper()
	var all []string
	for _, match := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(document(t, name), -1) {
		text := regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(match[1]), "")
		all = append(all, "#"+strings.ReplaceAll(text, " ", "-"))
	}
	return all
}

// The commands of the other documents are ones that starter takes: it gets as
// far as looking for Temporal.
func TestReadmeFurtherCommands(t *testing.T) {
	t.Parallel()
	program, dir, nobody := starterProgram(t), t.TempDir(), freeAddress(t)
	services := "services: [{name: clickhouse, labels: {team: data}, probe: {tcp: {address: \"127.0.0.1:1\"}}}]\n" +
		"alerts: {ops: {log: {}}}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "paramedic.yml"), []byte(services), 0o600))
	for _, name := range []string{healingFile, alertsFile} {
		for _, text := range texts(t, name, "sh") {
			for _, command := range strings.Split(strings.TrimSpace(text), "\n") {
				require.True(t, strings.HasPrefix(command, "starter "), command)
				env := []string{"PATH=" + filepath.Dir(program) + ":" + os.Getenv("PATH"), "TEMPORAL_ADDRESS=" + nobody}
				got := execute(t, dir, env, "bash", "-c", command)
				require.Equal(t, 2, got.code, "%s\n%s%s", command, got.out, got.errors)
			}
		}
	}
}

// The commands of api.md work in their order, against the shipped configuration.
func TestAPICommands(t *testing.T) {
	realtest.Binary(t, "curl", "apt-get install curl")
	t.Parallel()
	configuration, _ := shipped(t)
	place := newPlace(t, configuration)
	worker := place.start(t)
	worker.saying("patient: healthy")
	script := "set -eu -o pipefail\n" + strings.ReplaceAll(strings.Join(texts(t, apiFile, "sh"), "\n"), "127.0.0.1:8080", place.listen)
	got := execute(t, place.dir, []string{"PATH=" + os.Getenv("PATH")}, "bash", "-xc", script)
	require.Equal(t, 0, got.code, "%s\n%s", got.out, got.errors)
}

// What the documents have people send from the Web UI is what workflows read.
func TestReadmeSignals(t *testing.T) {
	t.Parallel()
	for _, text := range texts(t, healingFile, "json") {
		var into any = &workflows.Instruction{}
		switch {
		case strings.Contains(text, `"mode"`):
			into = &workflows.SetMode{}
		case strings.Contains(text, `"for"`):
			into = &workflows.Span{}
		}
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(into), text)
	}
}

// The reasons that healing.md quotes are those that incidents give.
func TestReadmeReasons(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 14, 30, 0, 0, time.UTC)
	told := document(t, healingFile)
	for _, decision := range []health.Decision{
		{Rule: health.RulePassing}, {Rule: health.RuleAlertOnly}, {Rule: health.RuleFlapping},
		{Rule: health.RuleMaintenance, At: at},
		{Rule: health.RuleDependency, Names: []string{"clickhouse"}},
		{Rule: health.RulePerIncident, Count: 3, Limit: 3},
		{Rule: health.RuleUnverified, Count: 2}, {Rule: health.RuleRunbook, Count: 4},
		{Rule: health.RuleBackoff, Count: 2, Wait: health.Duration(30 * time.Second)},
		{Rule: health.RuleIncidentsPerHour, Count: 1, Limit: 1, At: at.Add(35 * time.Minute)},
		{Rule: health.RuleRestartsPerDay, Count: 3, Limit: 3, At: at.Add(-25 * time.Minute)},
		{Rule: health.RuleApproval, At: at}, {Rule: health.RuleLapsed, Deadline: at},
		{Rule: health.RuleMinHealthy, Count: 5, Services: 12, Limit: 51},
		{Rule: health.RuleConcurrent, Count: 1, Limit: 1, Names: []string{"clickhouse"}, Ahead: 2},
		{Rule: health.RuleObserve, Count: 1, Limit: 3},
	} {
		require.True(t, strings.Contains(told, decision.Reason()), "%s does not quote %q", healingFile, decision.Reason())
	}
}

// The defaults that healing.md and alerts.md tell are those of the configuration.
func TestReadmeDefaults(t *testing.T) {
	t.Parallel()
	text := "services: [{name: web, probe: {tcp: {address: \"127.0.0.1:1\"}}, remediation: {steps: [{systemd: {unit: web.service}}]}}]\n"
	cfg, err := config.Parse("paramedic.yml", []byte(text), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	service := cfg.Services[0]
	plan := service.Remediation
	require.Equal(t, config.FleetLimits{ConcurrentRestarts: 1, MinHealthy: 51}, cfg.Limits)
	require.Equal(t, config.IncidentLimits{PerIncident: 3, IncidentsPerHour: 1, RestartsPerDay: 3}, plan.Limits)
	require.Equal(t, health.ModeAct, plan.Mode)
	require.Equal(t, []string{"30m", "10m", "[10s 30s 90s]"},
		[]string{plan.ApproveWithin.String(), plan.StableFor.String(), fmt.Sprint(plan.Backoff)})
	require.Equal(t, config.Flapping{Low: 25, High: 30}, service.Flapping)
	require.Equal(t, 20, plan.Steps[0].Evidence)
	require.Equal(t, "1h", service.Reminder.String())
	for severity, response := range map[string]health.Duration{
		"P0": cfg.ResponseTimes.P0, "P1": cfg.ResponseTimes.P1, "P2": cfg.ResponseTimes.P2, "P3": cfg.ResponseTimes.P3,
	} {
		require.Regexp(t, "(?m)^\\| `"+severity+"`.* \\| "+response.String()+" \\|$", document(t, alertsFile))
	}
}
