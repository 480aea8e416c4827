package apply

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/config"
	"paramedic/internal/option"
)

// What people wrote with a variable is not told to workflows, whose histories
// many can read; the configuration itself keeps it.
func TestNoSecretIsToldToWorkflows(t *testing.T) {
	cfg, err := config.Parse("test.yml", []byte(`
services:
  - name: web
    labels: {team: "${KEY}"}
    impact: "who knows ${KEY} can pay"
    runbook: "https://runbooks.example/?key=${KEY}"
    maintenance: [{from: 2026-11-22 02:00, for: 1h, reason: "as ${KEY} says"}]
    probe: {tcp: {address: "127.0.0.1:1"}}
    remediation: {steps: [{exec: {command: ["${KEY}", "${KEY}"]}}]}
`), func(string) (string, bool) { return "hunter2", true })
	require.NoError(t, err)
	text, err := json.Marshal(masked(CheckOf(cfg.Services[0]), option.NewRedactor(cfg.Secrets())))
	require.NoError(t, err)
	require.NotContains(t, string(text), "hunter2")
	require.Contains(t, string(text), `"runbook":"https://runbooks.example/?key=***"`)
	require.Equal(t, "hunter2", cfg.Services[0].Labels["team"])
}
