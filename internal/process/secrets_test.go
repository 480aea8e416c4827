package process

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"

	"paramedic/internal/realtest"
)

const (
	// mark begins every secret of the test; nothing else holds it, nor the four
	// bytes of it from which on a secret that was cut short is masked.
	mark = tell + "hush"
	tell = "hush"
	// What people show to come in, and the hash of a password, which is a secret too.
	adminSecret  = mark + "-token-of-the-administrator"
	viewerSecret = mark + "-token-of-a-viewer-of-pages"
	passwordHash = "$2b$10$hushhushhushhushhushhushhushhushhushhushhushhushhushh"
)

// Every place of the configuration that takes a secret gets one, from every
// source there is, and all services, receivers and providers repeat what they
// are told. None of it comes out anywhere.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	t.Run("in a file", func(t *testing.T) {
		o := newOutlook(t, "", "--verbose")
		o.look()
		o.stop(0)
		for path, content := range files(t, filepath.Join(o.place.dir, "data")) {
			o.outputs[path] = content
		}
		o.requireNoSecret()
	})
	t.Run("in PostgreSQL", func(t *testing.T) {
		server := realtest.OwnPostgreSQL(t)
		dsn := withMarkedPassword(t, server.DSN)
		o := newOutlook(t, fmt.Sprintf("url: %q,", dsn), "--verbose", "--log-json")
		o.look()
		o.outputs["the database"] = dump(t, server.DSN)
		server.Kill()
		o.worker.saying("The store cannot be written")
		o.visit("without a store", "/", "/services/redis", "/incidents", "/api/v1/incidents", "/api/v1/services/redis/points", "/metrics", "/healthz")
		o.stop(1) // something could not be stored
		o.requireNoSecret()
	})
	t.Run("in a store that is away", func(t *testing.T) {
		place := newPlace(t, fmt.Sprintf("store: {url: \"postgres://keeper:%s-store@%s/paramedic?password=%[1]s-twice\"}\n", mark, freeAddress(t))+quietService(t))
		worker := start(t, place.dir, nil, workerProgram(t), place.flags("--verbose")...)
		worker.saying("connection refused")
		healthz := call{method: "GET", path: "/healthz"}
		worker.eventually("an answer", func() bool { return !isFree(place.listen) })
		require.NotContains(t, healthz.make(t, place.listen).body, tell)
		worker.signal(syscall.SIGTERM)
		worker.wait(stopLimit)
		require.NotContains(t, worker.stdout.String()+worker.stderr.String(), tell)
	})
}

// requireNoSecret looks through everything for secrets as they are, for the
// beginnings of some, and for what is easily made back into one.
func (o *outlook) requireNoSecret() {
	traces := map[string]string{
		"a secret": tell, "a hexadecimal secret": hex.EncodeToString([]byte(mark)),
		"the hash of a token": tokenHash(adminSecret)[:16], "the hash of another": tokenHash(viewerSecret)[:16],
	}
	for shift := range 3 {
		// Only what does not depend on the neighbours.
		encoded := base64.RawStdEncoding.EncodeToString([]byte("xx"[:shift] + mark))
		traces[fmt.Sprint("a secret in base64, shifted by ", shift)] = encoded[(shift*8+5)/6 : len(encoded)-1]
	}
	for name, output := range o.outputs {
		for what, trace := range traces {
			if at := bytes.Index(output, []byte(trace)); at >= 0 {
				o.t.Errorf("%s: %s: %q", name, what, output[max(0, at-200):min(len(output), at+100)])
			}
		}
	}
}

// withMarkedPassword makes a user whose password is marked.
func withMarkedPassword(t *testing.T, dsn string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE ROLE keeper LOGIN SUPERUSER PASSWORD '"+mark+"-store'")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	address, err := url.Parse(dsn)
	require.NoError(t, err)
	address.User = url.UserPassword("keeper", mark+"-store")
	return address.String()
}

// dump is every row of every table.
func dump(t *testing.T, dsn string) []byte {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	rows, err := conn.Query(t.Context(), "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	var all bytes.Buffer
	for _, table := range tables {
		rows, err := conn.Query(t.Context(), "SELECT t::text FROM "+table+" t")
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		fmt.Fprintln(&all, table, len(lines), strings.Join(lines, "\n"))
	}
	require.NoError(t, conn.Close(t.Context()))
	require.Contains(t, all.String(), "clickhouse", "something was stored")
	return all.Bytes()
}

// histories are all workflows as the server keeps them, by workflow type and
// id: every event, and what is known of the run besides.
func histories(t testing.TB, address string) map[string][]byte {
	t.Helper()
	temporal, ctx := dial(t, address), context.Background()
	list, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	require.NoError(t, err)
	found, types := map[string][]byte{}, map[string]bool{}
	for _, info := range list.Executions {
		types[info.Type.Name] = true
		var all bytes.Buffer
		write := func(message proto.Message) {
			encoded, err := proto.Marshal(message)
			require.NoError(t, err)
			all.Write(encoded)
		}
		write(info)
		events := temporal.GetWorkflowHistory(ctx, info.Execution.WorkflowId, info.Execution.RunId, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			write(event)
		}
		found[info.Type.Name+" "+info.Execution.WorkflowId+" "+info.Execution.RunId] = all.Bytes()
	}
	for _, wanted := range []string{"Monitor", "Remediation", "Gatekeeper"} {
		require.True(t, types[wanted], "no %s among %v", wanted, types)
	}
	return found
}

// files are the contents of all files below dir.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		found[path], err = os.ReadFile(path)
		return err
	}))
	require.NotEmpty(t, found)
	return found
}
