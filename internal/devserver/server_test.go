//go:build !noembed

package devserver_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/devserver"
)

const taskQueue = "test"

var serviceKey = temporal.NewSearchAttributeKeyKeyword("Service")

func echo(_ workflow.Context, word string) (string, error) { return word, nil }

func options(dir string) devserver.Options {
	return devserver.Options{
		Dir:              dir,
		Log:              slog.New(slog.DiscardHandler),
		Namespace:        "paramedic",
		SearchAttributes: map[string]enums.IndexedValueType{"Service": enums.INDEXED_VALUE_TYPE_KEYWORD},
	}
}

func start(t *testing.T, o devserver.Options) *devserver.Server {
	t.Helper()
	began := time.Now()
	server, err := devserver.Start(t.Context(), o)
	require.NoError(t, err)
	t.Logf("started in %s", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	return server
}

func dial(t *testing.T, server *devserver.Server) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{
		HostPort:  server.Address(),
		Namespace: server.Namespace(),
		Logger:    sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// The life of a data directory: a first run, a second process that is turned
// away, a restart that still knows everything and takes up new options.
func TestServerKeepsHistoryOverRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data with space & 100%?#")
	first := start(t, options(dir))

	t.Run("web UI answers on loopback", func(t *testing.T) {
		require.Contains(t, get(t, first.UIURL()+"/"), "<html")
		require.Contains(t, get(t, first.UIURL()+"/api/v1/settings"), `"DefaultNamespace":"paramedic"`)
	})
	t.Run("files are the owner's alone", func(t *testing.T) { requirePrivate(t, dir) })
	t.Run("a second worker is turned away", func(t *testing.T) {
		_, err := devserver.Start(t.Context(), options(dir))
		require.EqualError(t, err, fmt.Sprintf("data directory %s is in use by another worker (pid %d): "+
			"stop that one, or give this one its own directory with --data", dir, os.Getpid()))
	})
	runID := scheduledRun(t, dial(t, first))
	require.NoError(t, first.Stop())
	requireQuiet(t, dir)

	changed := options(dir)
	changed.Retention = 48 * time.Hour
	changed.SearchAttributes["Severity"] = enums.INDEXED_VALUE_TYPE_KEYWORD
	second := start(t, changed)
	c := dial(t, second)
	t.Run("history is kept", func(t *testing.T) {
		var word string
		require.NoError(t, c.GetWorkflow(t.Context(), "echo", runID).Get(t.Context(), &word))
		require.Equal(t, "heal", word)
	})
	t.Run("new options reach an old file", func(t *testing.T) { requireOptions(t, c, changed) })
	require.NoError(t, second.Stop())
	require.NoError(t, second.Stop(), "a second Stop is harmless")

	// The path is in the file's own metadata; a moved directory must still work.
	moved := filepath.Join(filepath.Dir(dir), "moved")
	require.NoError(t, os.Rename(dir, moved))
	changed.Dir = moved
	c = dial(t, start(t, changed))
	requireFound(t, c, runID)
}

// scheduledRun lets a schedule start a workflow at once, with a search
// attribute, and waits for its end.
func scheduledRun(t *testing.T, c client.Client) (runID string) {
	t.Helper()
	w := worker.New(c, taskQueue, worker.Options{})
	w.RegisterWorkflow(echo)
	require.NoError(t, w.Start())
	defer w.Stop()
	_, err := c.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID:                 "clock",
		Spec:               client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		TriggerImmediately: true,
		Action: &client.ScheduleWorkflowAction{
			ID: "scheduled", Workflow: echo, Args: []any{"tick"}, TaskQueue: taskQueue,
			TypedSearchAttributes: temporal.NewSearchAttributes(serviceKey.ValueSet("clickhouse")),
		},
	})
	require.NoError(t, err)
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "echo", TaskQueue: taskQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(serviceKey.ValueSet("clickhouse")),
	}, echo, "heal")
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	requireCount(t, c, `Service = 'clickhouse' AND TemporalScheduledById = 'clock' AND ExecutionStatus = 'Completed'`)
	requireFound(t, c, run.GetRunID())
	return run.GetRunID()
}

func requireFound(t *testing.T, c client.Client, runID string) {
	t.Helper()
	requireCount(t, c, fmt.Sprintf(`Service = 'clickhouse' AND RunId = '%s' AND ExecutionStatus = 'Completed'`, runID))
}

func requireCount(t *testing.T, c client.Client, query string) {
	t.Helper()
	require.Eventually(t, func() bool {
		found, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		return err == nil && found.GetCount() == 1
	}, 20*time.Second, 50*time.Millisecond, query)
}

// requireOptions finds the namespace as o asks for it.
func requireOptions(t *testing.T, c client.Client, o devserver.Options) {
	t.Helper()
	found, err := c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: o.Namespace})
	require.NoError(t, err)
	require.Equal(t, o.Retention, found.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())
	attributes, err := c.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: o.Namespace})
	require.NoError(t, err)
	for name, kind := range o.SearchAttributes {
		require.Equal(t, kind, attributes.GetCustomAttributes()[name], name)
	}
	// The attribute added later must be usable as soon as Start has returned.
	_, err = c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "severe", TaskQueue: taskQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword("Severity").ValueSet("critical")),
	}, echo, "now")
	require.NoError(t, err)
	cluster, err := c.WorkflowService().GetClusterInfo(t.Context(), &workflowservice.GetClusterInfoRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 1, cluster.GetHistoryShardCount(), "the shard count of a file can never change")
}

// requirePrivate finds no file or directory that others may read.
func requirePrivate(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		require.Zero(t, info.Mode().Perm()&0o077, path)
		return nil
	}))
}

// requireQuiet finds no error in the server's log of a run in which nothing went wrong.
func requireQuiet(t *testing.T, dir string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "temporal.log"))
	require.NoError(t, err)
	require.NotContains(t, string(content), "level=ERROR")
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestTakenPortsNameTheirFlags(t *testing.T) {
	taken := func() int {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, listener.Close()) })
		return listener.Addr().(*net.TCPAddr).Port
	}
	o := options(filepath.Join(t.TempDir(), "data"))
	o.Port, o.UIPort = taken(), taken()
	_, err := devserver.Start(context.Background(), o)
	require.EqualError(t, err, fmt.Sprintf(
		"port %d on 127.0.0.1 is taken by another program: choose another with --temporal-port, or --temporal-port 0 for any free one\n"+
			"port %d on 127.0.0.1 is taken by another program: choose another with --ui-port, or --ui-port 0 for any free one", o.Port, o.UIPort))
	require.NoDirExists(t, o.Dir, "ports are checked before anything is written")
}

func TestUnusableDirectoryIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := devserver.Start(t.Context(), options(filepath.Join(file, "data")))
	require.ErrorContains(t, err, "cannot be used: make it writable, or choose another with --data")
}
