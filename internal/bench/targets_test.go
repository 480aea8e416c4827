package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/targets"
)

// TestTown: each target has an address of its own, and is told apart.
func TestTown(t *testing.T) {
	town, err := openTown(t.Context(), 600)
	require.NoError(t, err)
	town.failing.Store(2)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(target int) (int, string) {
		response, err := client.Get("http://" + town.address(target) + "/health")
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(body)
	}
	for _, target := range []int{0, 1, 2, 249, 250, 599, 599} {
		status, body := ask(target)
		require.Equal(t, map[bool]int{true: 503, false: 200}[target < 2], status)
		require.Equal(t, fmt.Sprintf(`{"ok": true, "target": %d}`, target), body)
	}
	require.Equal(t, 6, town.seen())
	require.Positive(t, town.gap[599].Load())
	require.Len(t, town.gaps(2), 598)
	file := filepath.Join(t.TempDir(), "targets.json")
	require.NoError(t, town.write(file))
	listed, err := targets.ReadFileSD(file)
	require.NoError(t, err)
	require.Len(t, listed, 600)
	require.NoError(t, town.close())
}

func TestLateQuantile(t *testing.T) {
	counts := map[float64]uint64{0.1: 50, 0.5: 98, 1: 100, math.Inf(1): 100}
	require.Equal(t, 100.0, lateQuantile(counts, 0.5))
	require.Equal(t, 1000.0, lateQuantile(counts, 0.99))
	require.Equal(t, 500.0, lateQuantile(counts, 0.98))
}

func TestLine(t *testing.T) {
	slope, offset, worst := line([]float64{1, 2, 3}, []float64{12, 14, 16})
	require.InDelta(t, 2, slope, 1e-9)
	require.InDelta(t, 10, offset, 1e-9)
	require.InDelta(t, 0, worst, 1e-9)
	_, _, worst = line([]float64{1, 2, 3}, []float64{10, 30, 20})
	require.Greater(t, worst, 0.2)
}

// TestFleetOfTheBench: what the bench tells its workers is a configuration.
func TestFleetOfTheBench(t *testing.T) {
	text := targetFleet{targets: 10, interval: 4 * time.Second}.configuration("127.0.0.1:0")
	require.Contains(t, text, "timeout: 4s")
}
