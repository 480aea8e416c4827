package workflows_test

import (
	"compress/gzip"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"paramedic/workflows"
)

// TestReplay runs stored histories of a real Temporal server through today's
// code. When it fails, a run that is open while the worker is updated would
// fail alike: put the change behind workflow.GetVersion, or, before the first
// release, record anew with `make histories`.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json*")
	require.NoError(t, err)
	require.Len(t, files, len(stories))
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		t.Run(name, func(t *testing.T) {
			recorded := readHistory(t, file)
			replayer := worker.NewWorkflowReplayer()
			workflows.Register(replayer)
			quiet := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
			require.NoError(t, replayer.ReplayWorkflowHistory(quiet, recorded))

			require.Contains(t, stories, name)
			for _, want := range stories[name] {
				require.True(t, has(recorded, want), "the history no longer tells what it is there for: %s", want)
			}
		})
	}
}

// stories are the events for which each history is kept.
var stories = map[string][]enums.EventType{
	"monitor-healthy":          {enums.EVENT_TYPE_MARKER_RECORDED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"monitor-third-failure":    {enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED, enums.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED},
	"monitor-messages":         {enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"remediation-healed":       {enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"remediation-acknowledged": {enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED},
	"remediation-held":         {enums.EVENT_TYPE_TIMER_FIRED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"remediation-alert-only":   {enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"remediation-abandoned":    {enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"remediation-undelivered":  {enums.EVENT_TYPE_TIMER_FIRED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"remediation-observed":     {enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"remediation-approved":     {enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"monitor-maintained":       {enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED},
	"remediation-maintained":   {enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"remediation-affecting":    {enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"remediation-dependent":    {enums.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"monitor-flapping":         {enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED, enums.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED},
	"remediation-flapping":     {enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"remediation-escalated":    {enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"remediation-buried":       {enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"outbox":                   {enums.EVENT_TYPE_ACTIVITY_TASK_FAILED, enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED},
	"outbox-buried":            {enums.EVENT_TYPE_ACTIVITY_TASK_FAILED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED},
	"remediation-continues":    {enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW},
	"remediation-continued":    {enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"monitor-target":           {enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED},
	"remediation-target":       {enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"monitor-storm":            {enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED, enums.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED},
	"remediation-storm":        {enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"monitor-cut-off":          {enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED, enums.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED},
	"remediation-cut-off":      {enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
	"gatekeeper":               {enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED},
}

func has(recorded *history.History, want enums.EventType) bool {
	for _, event := range recorded.GetEvents() {
		if event.GetEventType() == want {
			return true
		}
	}
	return false
}

// readHistory reads a history as the temporal command exports it, compressed
// if it is a long one.
func readHistory(t *testing.T, name string) *history.History {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	var reader io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		reader, err = gzip.NewReader(file)
		require.NoError(t, err)
	}
	recorded, err := client.HistoryFromJSON(reader, client.HistoryJSONOptions{})
	require.NoError(t, err)
	return recorded
}
