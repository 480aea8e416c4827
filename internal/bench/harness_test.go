//go:build linux && !noembed

package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/config"
)

// The harness works, with numbers too small to mean anything: no figure is
// asserted, for a test machine is no place to measure.

func TestMain(m *testing.M) {
	slog.SetDefault(discard)
	os.Exit(m.Run())
}

func TestMeasureOutages(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	measured, err := outages{services: 2, rounds: 1}.measure(t.Context(), t.Logf)
	require.NoError(t, err)
	require.Equal(t, 2.0, measured["incidents"])
	require.Positive(t, measured["remedy_p50"])
	require.Greater(t, measured["command_p50"], measured["remedy_p50"])
	requireNothingLeft(t)
}

func TestMeasureWatching(t *testing.T) {
	for name, w := range map[string]watching{
		"as paramedic does, with real probes": {real: true},
		"plainly": {schedule: func(ctx context.Context, d *deployment, cfg *config.Config) error {
			return schedulePlainly(ctx, d.Client, cfg, "paramedic")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			w.services, w.interval, w.warmUp, w.window = 3, time.Second, 3*time.Second, 3*time.Second
			measured, err := w.measure(t.Context(), t.Logf)
			require.NoError(t, err)
			require.Positive(t, measured["ticks"])
			require.Positive(t, measured["rss_mb"])
			requireNothingLeft(t)
		})
	}
}

// requireNothingLeft checks that a measurement removes its data.
func requireNothingLeft(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "paramedic-bench-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
