package logging

import (
	"context"
	"log/slog"
	"time"
)

// Deed is something that was done for a service. It stands in the log in one
// line, where machines find the same fields in all of them: operation, service,
// incident, duration in seconds, success.
type Deed struct {
	// Operation is what was done: "remediate", "alert", "archive".
	Operation string
	Service   string
	// Incident may be empty.
	Incident string
	Took     time.Duration
	Success  bool
}

// Done writes the line of a deed, with a message that names the service, and
// more attributes. It is for machines, and so in the log of whoever wants JSON;
// people are told by the workflows, and find it only in a verbose log.
func (l *Log) Done(deed Deed, message string, more ...any) {
	attributes := []any{"operation", deed.Operation, "service", deed.Service}
	if deed.Incident != "" {
		attributes = append(attributes, "incident", deed.Incident)
	}
	attributes = append(attributes, "duration", deed.Took, "success", deed.Success)
	level := slog.LevelDebug
	switch {
	case l.json && deed.Success:
		level = slog.LevelInfo
	case l.json:
		level = slog.LevelWarn
	}
	l.Log(context.Background(), level, message, append(attributes, more...)...)
}
