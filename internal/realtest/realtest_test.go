package realtest_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

func TestServersStartStopAndEnd(t *testing.T) {
	servers := map[string]func(t *testing.T) *realtest.Process{
		"alertmanager": func(t *testing.T) *realtest.Process { return realtest.Alertmanager(t) },
		"clickhouse":   func(t *testing.T) *realtest.Process { return realtest.ClickHouse(t) },
		"redis":        func(t *testing.T) *realtest.Process { return realtest.Redis(t) },
		"s3":           func(t *testing.T) *realtest.Process { return realtest.S3(t).Process },
	}
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			var address string
			t.Run("life", func(t *testing.T) {
				server := start(t)
				address = server.Addr
				requireAccepts(t, address)
				server.Stop()
				server.Cont()
				server.Kill()
				requireRefuses(t, address)
				server.Start()
				requireAccepts(t, address)
			})
			if address != "" {
				requireRefuses(t, address)
			}
		})
	}
}

func TestMissingBinarySkipsOrFails(t *testing.T) {
	if os.Getenv("REALTEST_CHILD") != "" {
		realtest.Binary(t, "no-such-server", "ask somebody")
		return
	}
	t.Run("skips", func(t *testing.T) {
		output, err := runSelf(t, "")
		require.NoError(t, err)
		require.Contains(t, output, "SKIP no-such-server is not installed (ask somebody)")
	})
	t.Run("fails when all is required", func(t *testing.T) {
		output, err := runSelf(t, "all")
		require.Error(t, err)
		require.Contains(t, output, "PARAMEDIC_TEST_REAL=all, but no-such-server is not installed")
	})
}

func runSelf(t *testing.T, require string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=TestMissingBinarySkipsOrFails", "-test.v")
	cmd.Env = append(os.Environ(), "REALTEST_CHILD=1", realtest.RequireVariable+"="+require)
	output, err := cmd.CombinedOutput()
	return string(output), err
}

func requireAccepts(t *testing.T, address string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, time.Second)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

func requireRefuses(t *testing.T, address string) {
	t.Helper()
	_, err := net.DialTimeout("tcp", address, time.Second)
	require.Error(t, err)
}
