//go:build noembed

package devserver_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/devserver"
)

func TestStartSaysThatThereIsNoServer(t *testing.T) {
	_, err := devserver.Start(t.Context(), devserver.Options{})
	require.ErrorIs(t, err, devserver.ErrNotEmbedded)
	require.ErrorContains(t, err, "set TEMPORAL_ADDRESS")
}

func TestServerIsNotLinked(t *testing.T) {
	dependencies, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "noembed", ".").Output()
	require.NoError(t, err)
	require.NotContains(t, string(dependencies), "go.temporal.io/server")
	require.NotContains(t, string(dependencies), "temporalio/ui-server")
}
