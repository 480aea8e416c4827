package internal

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestContributingExampleBuilds: the probe that CONTRIBUTING.md shows fits into
// the package of today.
func TestContributingExampleBuilds(t *testing.T) {
	guide, err := os.ReadFile("../CONTRIBUTING.md")
	require.NoError(t, err)
	_, example, found := strings.Cut(string(guide), "```go\n")
	require.True(t, found)
	example, _, found = strings.Cut(example, "```")
	require.True(t, found)

	dir := t.TempDir()
	source, err := filepath.Abs("probe")
	require.NoError(t, err)
	files := map[string]string{ // what the compiler reads instead
		filepath.Join(source, "socket.go"): written(t, dir, "socket.go", strings.ReplaceAll(example, "\n   ", "\n")),
		filepath.Join(source, "probe.go"):  written(t, dir, "probe.go", withKind(t, filepath.Join(source, "probe.go"))),
	}
	overlay, err := json.Marshal(map[string]any{"Replace": files})
	require.NoError(t, err)
	build := exec.CommandContext(t.Context(), "go", "vet", "-overlay", written(t, dir, "overlay.json", string(overlay)), "./probe")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// withKind is the table of kinds with the line that the guide says to add.
func withKind(t *testing.T, file string) string {
	t.Helper()
	table, err := os.ReadFile(file)
	require.NoError(t, err)
	extended := strings.Replace(string(table), "\t\ttcpKind(),\n", "\t\ttcpKind(),\n\t\tsocketKind(),\n", 1)
	require.NotEqual(t, string(table), extended)
	return extended
}

func written(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}
