package logging

import (
	"context"
	"log/slog"
	"time"
)

// Operation is something that is done for a service, and stands in the log in
// one line once it is over. Machines find the same fields in all of them:
// operation, service, incident, duration, success.
type Operation struct {
	log               *slog.Logger
	name              string
	service, incident string
	begin             time.Time
}

// Begin begins an operation: "remediate", "alert", "archive". The incident may
// be empty.
func Begin(log *slog.Logger, name, service, incident string) Operation {
	return Operation{log: log, name: name, service: service, incident: incident, begin: time.Now()}
}

// End writes the line: a message for people, which names the service, and more
// attributes. An error makes it a warning without success; whether that is the
// end of it is for those to say who try again.
func (o Operation) End(ctx context.Context, err error, message string, more ...any) {
	level := slog.LevelInfo
	attributes := []any{"operation", o.name, "service", o.service}
	if o.incident != "" {
		attributes = append(attributes, "incident", o.incident)
	}
	attributes = append(attributes, "duration", time.Since(o.begin).Round(time.Millisecond).String(), "success", err == nil)
	if err != nil {
		level = slog.LevelWarn
		attributes = append(attributes, "error", err)
	}
	o.log.Log(ctx, level, message, append(attributes, more...)...)
}
