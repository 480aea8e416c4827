// Package alert tells people. Each kind of receiver is one file that holds its
// name, its options, their checks and their documentation, and one line in the
// table of kinds. The receiver says of each failure whether trying again can
// help; how often and how long is decided by the workflow that sends.
package alert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Receiver delivers alerts to one place.
type Receiver interface {
	// Send delivers a group of alerts, oldest first, at most as many as the kind's
	// Batch, at least one. A retry brings the same group; the dedup key of its
	// first alert names it. An error is worth a retry unless it is a Refused.
	Send(ctx context.Context, alerts []health.Alert) error
	Close() error
}

// Refused is a final failure: the receiver has understood and will not take
// this alert, however often it is sent.
type Refused struct{ Err error }

// Error implements error.
func (r Refused) Error() string { return r.Err.Error() }

// Unwrap gives the cause.
func (r Refused) Unwrap() error { return r.Err }

// Final reports that trying again cannot help.
func (r Refused) Final() bool { return true }

// Busy is a passing failure whose receiver said when to come back.
type Busy struct {
	Err   error
	After time.Duration
}

// Error implements error.
func (b Busy) Error() string { return fmt.Sprintf("%v (retry after %v)", b.Err, b.After) }

// Unwrap gives the cause.
func (b Busy) Unwrap() error { return b.Err }

// RetryAfter is how long the receiver asked to be left alone.
func (b Busy) RetryAfter() time.Duration { return b.After }

// IsRefused reports whether err is final.
func IsRefused(err error) bool {
	var refused Refused
	return errors.As(err, &refused)
}

// Options are the options of one kind of receiver; package option says how
// they are declared.
type Options interface {
	// Validate reports every mistake in the options.
	Validate() option.Problems
	// Open builds the receiver, which writes what people read with texts. Call
	// it on valid options only.
	Open(texts *Texts) (Receiver, error)
}

// Kind is one way to tell people.
type Kind struct {
	// Name is its key below a receiver's name.
	Name string
	// Doc says in one sentence where alerts go.
	Doc string
	// Options returns fresh options that hold the defaults.
	Options func() Options
	// Batch is how many alerts one Send takes at most.
	Batch int
	// GroupWait is how long the first alert of a group waits for others unless
	// the configuration says otherwise; zero for what machines read.
	GroupWait time.Duration
}

// Kinds returns every kind of receiver, in the order of the documentation.
func Kinds() []Kind {
	return []Kind{logs, webhook, smtps, mailgun, alertmanager, services}
}
