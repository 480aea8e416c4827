package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
)

// execution names one run of a workflow; an empty run means the latest.
type execution struct{ workflow, run string }

// compressFrom is the size in bytes from which a history is stored compressed.
const compressFrom = 256 << 10

// save writes the history of a run as the temporal command exports it.
func save(ctx context.Context, temporal client.Client, of execution, dir, name string) error {
	var recorded history.History
	events := temporal.GetWorkflowHistory(ctx, of.workflow, of.run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return fmt.Errorf("history of %s: %w", of.workflow, err)
		}
		anonymize(event)
		recorded.Events = append(recorded.Events, event)
	}
	text, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&recorded)
	if err != nil {
		return fmt.Errorf("writing the history of %s: %w", of.workflow, err)
	}
	file := filepath.Join(dir, name+".json")
	if len(text) >= compressFrom {
		if text, err = compress(text); err != nil {
			return fmt.Errorf("compressing the history of %s: %w", of.workflow, err)
		}
		file += ".gz"
	}
	return os.WriteFile(file, text, 0o644)
}

// anonymize takes out of an event what only means something to the server that
// wrote it, and the name of this machine, which the SDK puts into the name of
// the worker's own task queue.
func anonymize(event *history.HistoryEvent) {
	event.TaskId = 0
	queue := event.GetWorkflowTaskScheduledEventAttributes().GetTaskQueue()
	if queue.GetKind() == enums.TASK_QUEUE_KIND_STICKY {
		queue.Name = "sticky"
	}
}

func compress(text []byte) ([]byte, error) {
	var buffer bytes.Buffer
	writer, err := gzip.NewWriterLevel(&buffer, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(text); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}
