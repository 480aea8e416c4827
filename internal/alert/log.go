package alert

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// logs writes alerts where the process writes everything else; it is where
// alerts go when nothing else is configured.
var logs = Kind{
	Name:    "log",
	Batch:   100,
	Doc:     "Writes each alert as one line of paramedic's own log.",
	Options: func() Options { return &LogOptions{} },
}

// LogOptions has nothing to choose.
type LogOptions struct{}

// Validate implements Options.
func (*LogOptions) Validate() option.Problems { return nil }

// Open implements Options. The receiver keeps the logger that is the default
// of package slog at this moment.
func (*LogOptions) Open(*Texts) (Receiver, error) { return logReceiver{slog.Default()}, nil }

type logReceiver struct{ log *slog.Logger }

// Send implements Receiver; it never fails.
func (l logReceiver) Send(ctx context.Context, alerts []health.Alert) error {
	for _, message := range alerts {
		level := slog.LevelError
		if message.Status == health.AlertRecovered {
			level = slog.LevelInfo
		}
		l.log.LogAttrs(ctx, level, line(message), attributes(message)...)
	}
	return nil
}

// Close implements Receiver.
func (logReceiver) Close() error { return nil }

func line(message health.Alert) string {
	name := message.Service
	if message.Target != "" {
		name += "/" + message.Target
	}
	if message.Status == health.AlertRecovered {
		return fmt.Sprintf("%s RECOVERED after %s: %s", name, health.Span(message.Downtime.Std()), message.Reason)
	}
	return fmt.Sprintf("%s is DOWN: %s", name, message.Reason)
}

func attributes(message health.Alert) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("severity", message.Severity),
		slog.Int("attempts", message.Attempts),
		slog.String("incident", message.Incident),
	}
	if message.News != "" {
		attrs = append(attrs, slog.String("news", message.News))
	}
	if len(message.Affected) > 0 {
		attrs = append(attrs, slog.String("affected", strings.Join(message.Affected, ", ")))
	}
	if message.Runbook != "" {
		attrs = append(attrs, slog.String("runbook", message.Runbook))
	}
	return attrs
}
