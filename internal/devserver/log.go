//go:build !noembed

package devserver

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// serverLog writes the server's log to slog.
type serverLog struct {
	log *slog.Logger
	// fail learns of a fatal error.
	fail func(error)
}

var (
	_ log.Logger     = serverLog{}
	_ log.WithLogger = serverLog{}
)

func (l serverLog) Debug(msg string, tags ...tag.Tag)  { l.write(slog.LevelDebug, msg, tags) }
func (l serverLog) Info(msg string, tags ...tag.Tag)   { l.write(slog.LevelInfo, msg, tags) }
func (l serverLog) Warn(msg string, tags ...tag.Tag)   { l.write(slog.LevelWarn, msg, tags) }
func (l serverLog) Error(msg string, tags ...tag.Tag)  { l.write(slog.LevelError, msg, tags) }
func (l serverLog) DPanic(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// Panic logs and panics, as the server expects of it.
func (l serverLog) Panic(msg string, tags ...tag.Tag) {
	l.write(slog.LevelError, msg, tags)
	panic(msg)
}

// Fatal reports the failure and ends the calling goroutine only. The server
// relies on not getting control back, but must not take the worker's process
// with it: the worker still has activities to hand over.
func (l serverLog) Fatal(msg string, tags ...tag.Tag) {
	l.write(slog.LevelError, msg, tags)
	err := fmt.Errorf("embedded Temporal server: %s", msg)
	for _, t := range tags {
		if cause, ok := t.Value().(error); ok || t.Key() == "error" {
			err = fmt.Errorf("embedded Temporal server: %s: %v", msg, valueOr(cause, t.Value()))
		}
	}
	l.fail(err)
	runtime.Goexit()
}

// With implements log.WithLogger.
func (l serverLog) With(tags ...tag.Tag) log.Logger {
	return serverLog{log: slog.New(l.log.Handler().WithAttrs(attributes(tags))), fail: l.fail}
}

func (l serverLog) write(level slog.Level, msg string, tags []tag.Tag) {
	ctx := context.Background()
	if !l.log.Enabled(ctx, level) {
		return
	}
	l.log.LogAttrs(ctx, level, msg, attributes(tags)...)
}

func attributes(tags []tag.Tag) []slog.Attr {
	attrs := make([]slog.Attr, 0, len(tags))
	for _, t := range tags {
		attrs = append(attrs, slog.Any(t.Key(), t.Value()))
	}
	return attrs
}

func valueOr(cause error, value any) any {
	if cause != nil {
		return cause
	}
	return value
}
