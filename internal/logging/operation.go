package logging

import (
	"context"
	"log/slog"
	"time"
)

// operationKey is the attribute that makes a line one of an operation.
const operationKey = "operation"

// Operation is something that was done for a service. It stands in the log in
// one line, in which machines find the same fields whatever it was: operation,
// service, incident, duration in seconds, success. People hear of it from the
// workflows, so that a terse log leaves out the lines of what succeeded.
type Operation struct {
	// Name is what was done: "remediate", "alert", "archive".
	Name    string
	Service string
	// Incident may be empty.
	Incident string
	Took     time.Duration
	// Err is why it failed; nil if it succeeded.
	Err error
}

// Write writes the line, with a message that names the service, and more
// attributes. A failure is a warning: those who try again say whether that was
// the end of it.
func (o Operation) Write(log *slog.Logger, message string, more ...any) {
	level := slog.LevelInfo
	attributes := []any{operationKey, o.Name, "service", o.Service}
	if o.Incident != "" {
		attributes = append(attributes, "incident", o.Incident)
	}
	attributes = append(attributes, "duration", o.Took, "success", o.Err == nil)
	if o.Err != nil {
		level = slog.LevelWarn
		attributes = append(attributes, "error", o.Err)
	}
	log.Log(context.Background(), level, message, append(attributes, more...)...)
}
