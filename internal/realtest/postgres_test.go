package realtest_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

func postgres(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

func TestPostgreSQLGivesEachTestItsOwnDatabase(t *testing.T) {
	var first string
	t.Run("one", func(t *testing.T) {
		first = realtest.PostgreSQL(t)
		_, err := postgres(t, first).Exec(t.Context(), "CREATE TABLE same (n int)")
		require.NoError(t, err)
	})
	t.Run("another", func(t *testing.T) {
		second := realtest.PostgreSQL(t)
		require.Equal(t, hostOf(t, first), hostOf(t, second), "one server")
		_, err := postgres(t, second).Exec(t.Context(), "CREATE TABLE same (n int)")
		require.NoError(t, err)
		_, err = pgx.Connect(t.Context(), first)
		require.ErrorContains(t, err, "does not exist", "the first database outlived its test")
	})
}

func hostOf(t *testing.T, dsn string) string {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	return net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
}

func TestPostgreSQLEndsWithTheBinary(t *testing.T) {
	if os.Getenv("REALTEST_CHILD") != "" {
		dsn := realtest.PostgreSQL(t)
		var data string
		require.NoError(t, postgres(t, dsn).QueryRow(t.Context(), "SHOW data_directory").Scan(&data))
		t.Logf("found=%s %s", data, dsn)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=TestPostgreSQLEndsWithTheBinary", "-test.v")
	cmd.Env = append(os.Environ(), "REALTEST_CHILD=1")
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	_, found, _ := strings.Cut(string(output), "found=")
	if found == "" && strings.Contains(string(output), "SKIP") {
		realtest.Skip(t, "there is no PostgreSQL")
	}
	fields := strings.Fields(found)
	require.Eventually(t, func() bool {
		_, missing := os.Stat(fields[0])
		return errors.Is(missing, fs.ErrNotExist)
	}, 10*time.Second, 10*time.Millisecond, "the data is still there: %s", fields[0])
	_, err = pgx.Connect(ctx, fields[1])
	require.ErrorContains(t, err, "connection refused")
}

func TestOwnPostgreSQLStopsAndStarts(t *testing.T) {
	var address string
	t.Run("life", func(t *testing.T) {
		server := realtest.OwnPostgreSQL(t, "-c", "max_connections=7")
		address = server.Addr
		conn := postgres(t, server.DSN)
		var limit string
		require.NoError(t, conn.QueryRow(t.Context(), "SHOW max_connections").Scan(&limit))
		require.Equal(t, "7", limit)
		_, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 1 AS one")
		require.NoError(t, err)
		server.Stop()
		server.Cont()
		_, err = conn.Exec(t.Context(), "INSERT INTO kept VALUES (2)")
		require.NoError(t, err)
		server.Kill()
		requireRefuses(t, address)
		require.Error(t, conn.Ping(t.Context()))
		server.Start()
		var rows int
		require.NoError(t, postgres(t, server.DSN).QueryRow(t.Context(), "SELECT count(*) FROM kept").Scan(&rows))
		require.Equal(t, 2, rows, "what was committed last is kept")
	})
	if address != "" {
		requireRefuses(t, address)
	}
}
