package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

func TestPeersThatAreNotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	measured := map[string]values{}
	for name, p := range peers {
		var err error
		measured[name], err = p.measure(t.Context(), 1, t.Logf)
		require.NoError(t, err)
	}
	rows := peerRows(measured)
	require.Len(t, rows, len(peers))
	for _, row := range rows {
		require.Equal(t, "not installed", row.measured)
	}
}

func TestPrometheusIsToldOfAllTargets(t *testing.T) {
	site, err := openTown(t.Context(), 300)
	require.NoError(t, err)
	defer func() { require.NoError(t, site.close()) }()
	dir := t.TempDir()
	_, err = prepareBlackbox(dir, site)
	require.NoError(t, err)
	said, err := exec.Command(realtest.Binary(t, "promtool", "apt-get install prometheus"), "check", "config", filepath.Join(dir, "prometheus.yml")).CombinedOutput()
	require.NoError(t, err, string(said))
	require.FileExists(t, filepath.Join(dir, "blackbox.yml"))
	require.FileExists(t, filepath.Join(dir, "targets.json"))
}

func TestMonitIsToldOfAllTargets(t *testing.T) {
	site, err := openTown(t.Context(), 300)
	require.NoError(t, err)
	defer func() { require.NoError(t, site.close()) }()
	dir := t.TempDir()
	arguments, err := prepareMonit(dir, site)
	require.NoError(t, err)
	file := filepath.Join(dir, "monitrc")
	require.Equal(t, [][]string{{"-I", "-c", file}}, arguments)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 300, strings.Count(string(text), "check host "))
	require.Contains(t, string(text), fmt.Sprintf("check host shop-299 with address 127.1.1.50\n  if failed port %d protocol http", site.port))
}

// TestCostOfAPeer: what programs cost is that of all of them, and they end when
// they are told to.
func TestCostOfAPeer(t *testing.T) {
	site, err := openTown(t.Context(), 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, site.close()) }()
	two := peer{name: "two shells", programs: []string{"sh", "sh"}, prepare: func(string, *town) ([][]string, error) {
		return [][]string{{"-c", "while :; do :; done"}, {"-c", "exec sleep 60"}}, nil
	}}
	running, err := two.start(t.Context(), t.TempDir(), site)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		used, err := running.cost()
		return err == nil && used.cpu > 50*time.Millisecond && used.highest > 0.5
	}, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, running.stop())
	_, err = running.cost()
	require.ErrorContains(t, err, "reading the CPU time")
}
