//go:build !noembed

package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"paramedic/internal/apply"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

const twoServices = `
services:
  - name: cache
    probe: {tcp: {address: "127.0.0.1:6379"}}
  - name: web
    probe: {tcp: {address: "127.0.0.1:80"}}
`

const webSlowerAndNoCache = `
services:
  - name: web
    interval: 30s
    failure_threshold: 5
    probe: {tcp: {address: "127.0.0.1:80"}}
  - name: mail
    probe: {tcp: {address: "127.0.0.1:25"}}
`

func TestApply(t *testing.T) {
	server := startServer(t)
	reconcile := func(text string, dryRun bool) []apply.Change {
		t.Helper()
		changes, err := apply.Apply(t.Context(), server, parse(t, text), dryRun)
		require.NoError(t, err)
		return changes
	}
	bothCreated := []apply.Change{{Service: "cache", Action: apply.Created}, {Service: "web", Action: apply.Created}}
	bothUnchanged := []apply.Change{{Service: "cache", Action: apply.Unchanged}, {Service: "web", Action: apply.Unchanged}}
	moved := []apply.Change{
		{Service: "cache", Action: apply.Deleted},
		{Service: "mail", Action: apply.Created},
		{Service: "web", Action: apply.Changed, Detail: "failure_threshold 3 → 5, interval 60s → 30s, " +
			"retry_interval 60s → 30s, watch 10m → 5m"},
	}

	requireSearchAttributes(t, server)
	require.Equal(t, bothCreated, reconcile(twoServices, true))
	require.Equal(t, bothCreated, reconcile(twoServices, false), "the dry run must have done nothing")
	require.Equal(t, bothUnchanged, reconcile(twoServices, false))
	cache, web := monitorOf(t, server, "cache"), monitorOf(t, server, "web")

	pauseSchedule(t, server, "cache")
	require.Equal(t, bothUnchanged, reconcile(twoServices, false), "a pause by hand is kept")
	require.True(t, describe(t, server, "cache").Schedule.State.Paused)

	require.Equal(t, moved, reconcile(webSlowerAndNoCache, true))
	require.Equal(t, moved, reconcile(webSlowerAndNoCache, false))
	requireEvent(t, server, web, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
	requireEvent(t, server, cache, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
	require.Equal(t, []apply.Change{{Service: "mail", Action: apply.Unchanged}, {Service: "web", Action: apply.Unchanged}},
		reconcile(webSlowerAndNoCache, false))

	t.Run("another deployment is left alone", func(t *testing.T) {
		requireForeignLeftAlone(t, server)
	})
}

// requireForeignLeftAlone applies a configuration of another task queue.
func requireForeignLeftAlone(t *testing.T, server *operator.Connection) {
	others := "temporal: {task_queue: others}\nservices:\n  - {name: proxy, probe: {tcp: {address: \"127.0.0.1:3128\"}}}\n"
	changes, err := apply.Apply(t.Context(), server, parse(t, others), false)
	require.NoError(t, err)
	require.Equal(t, []apply.Change{{Service: "proxy", Action: apply.Created}}, changes, "nothing of ours is deleted")

	changes, err = apply.Apply(t.Context(), server, parse(t, webSlowerAndNoCache), false)
	require.NoError(t, err)
	require.Len(t, changes, 2, "nothing of theirs is deleted")

	same := "temporal: {task_queue: others}\nservices:\n" +
		"  - {name: proxy, probe: {tcp: {address: \"127.0.0.1:3128\"}}}\n  - {name: web, probe: {tcp: {address: \"127.0.0.1:80\"}}}\n"
	changes, err = apply.Apply(t.Context(), server, parse(t, same), false)
	require.EqualError(t, err, `apply service "web": its schedule monitor/web belongs to the paramedic on task queue "paramedic": `+
		`rename the service, or use a namespace of your own`)
	require.Equal(t, []apply.Change{{Service: "proxy", Action: apply.Unchanged}}, changes, "the rest is applied all the same")
}

// requireSearchAttributes registers the attributes twice; the second time finds
// nothing to do.
func requireSearchAttributes(t *testing.T, server *operator.Connection) {
	t.Helper()
	for range 2 {
		require.NoError(t, apply.EnsureSearchAttributes(t.Context(), server, server.Namespace))
	}
	found, err := server.OperatorService().ListSearchAttributes(t.Context(),
		&operatorservice.ListSearchAttributesRequest{Namespace: server.Namespace})
	require.NoError(t, err)
	for name, kind := range apply.SearchAttributes() {
		require.Equal(t, kind, found.CustomAttributes[name], name)
	}
}

func schedule(t *testing.T, server *operator.Connection, service string) client.ScheduleHandle {
	return server.ScheduleClient().GetHandle(t.Context(), workflows.ScheduleID(service))
}

func describe(t *testing.T, server *operator.Connection, service string) *client.ScheduleDescription {
	t.Helper()
	description, err := schedule(t, server, service).Describe(t.Context())
	require.NoError(t, err)
	return description
}

func pauseSchedule(t *testing.T, server *operator.Connection, service string) {
	t.Helper()
	require.NoError(t, schedule(t, server, service).Pause(t.Context(), client.SchedulePauseOptions{Note: "by hand"}))
}

// monitorOf waits until a Monitor is on duty and returns its workflow id.
func monitorOf(t *testing.T, server *operator.Connection, service string) string {
	t.Helper()
	var id string
	require.Eventually(t, func() bool {
		running := describe(t, server, service).Info.RunningWorkflows
		if len(running) > 0 {
			id = running[0].WorkflowID
		}
		return id != ""
	}, soon, poll, "no Monitor is on duty for %s", service)
	return id
}

// requireEvent checks that a workflow's history has an event of a type.
func requireEvent(t *testing.T, server *operator.Connection, workflowID string, kind enumspb.EventType) {
	t.Helper()
	history := server.GetWorkflowHistory(t.Context(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		if event.EventType == kind {
			return
		}
	}
	require.Failf(t, "event is missing", "%s has no event %s", workflowID, kind)
}
