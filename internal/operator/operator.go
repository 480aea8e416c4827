// Package operator is what a person can ask of a running paramedic and tell
// it: how the services are, what happened, "this one is mine", "stop probing".
// It speaks to Temporal alone, so that the command line and the web pages give
// the same answers and work from any machine that reaches the cluster.
package operator

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
)

const (
	// answerTimeout is how long one worker is given to answer a question.
	answerTimeout = 3 * time.Second
	// roundTimeout is how long all workers together are given to answer the
	// questions of one Status or Incidents: with no worker alive, a thousand
	// services must not cost a thousand times answerTimeout.
	roundTimeout = 12 * time.Second
	// parallel is how many services or incidents are asked at the same time.
	parallel = 16
)

// Operator asks and tells on behalf of a person. It is safe for concurrent use.
type Operator struct {
	temporal  client.Client
	taskQueue string
	now       func() time.Time
}

// New returns an operator for the paramedic that works on taskQueue. The
// client stays the caller's to close.
func New(temporal client.Client, taskQueue string) *Operator {
	return &Operator{temporal: temporal, taskQueue: taskQueue, now: time.Now}
}

// ErrNobody is a request by nobody: who acted must be known later.
var ErrNobody = errors.New(`who are you? Add --by, for example --by "$USER"`)

// NotApplied is a service of the configuration that Temporal does not know.
type NotApplied struct{ Service string }

// Error implements error.
func (e NotApplied) Error() string {
	return fmt.Sprintf("service %q has not been applied yet: run `starter apply`", e.Service)
}

// NotOnDuty is a service whose Monitor is not running.
type NotOnDuty struct {
	Service string
	// Reason says why, as far as it is known.
	Reason string
}

// Error implements error.
func (e NotOnDuty) Error() string {
	return fmt.Sprintf("no Monitor is on duty for %q: %s", e.Service, e.Reason)
}

// NoWorker is a question that no worker answered in time.
type NoWorker struct{ TaskQueue string }

// Error implements error.
func (e NoWorker) Error() string {
	return fmt.Sprintf("no worker answers on task queue %q: start one with `go run ./worker`", e.TaskQueue)
}

// Time is an instant in JSON: RFC 3339 in UTC with milliseconds, or null when
// it is zero.
type Time struct{ time.Time }

// TimeLayout is RFC 3339 with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z07:00"

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(t.UTC().Format(`"` + TimeLayout + `"`)), nil
}

// seconds is a length of time in seconds, to the millisecond.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond)) / float64(time.Second)
}

// named checks that a request says who makes it.
func named(by string) error {
	if strings.TrimSpace(by) == "" {
		return ErrNobody
	}
	return nil
}
