// Package remedy acts on services. Each kind of remedy is one file that holds
// its name, its options, their checks and their documentation, and one line in
// the table of kinds. A remedy takes effect at most once for each attempt, also
// when the worker dies in the middle and the attempt is taken up again.
package remedy

import (
	"context"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Checkpoint is the durable memory of one attempt: what a remedy saved before
// the worker died is there when the attempt is taken up again.
type Checkpoint interface {
	// Load fills state with what was saved last, and reports whether there was
	// anything.
	Load(state any) (bool, error)
	// Save returns only once state is durable. A remedy that cannot save must
	// not act.
	Save(ctx context.Context, state any) error
}

// Request is what a remedy knows of the incident.
type Request struct {
	// LastFailure is when the last failed probe began. A unit that was started
	// after it was restarted by somebody else and is left alone. Zero means
	// restart in any case.
	LastFailure time.Time
	Checkpoint  Checkpoint
}

// Remedy carries out one step of a runbook.
type Remedy interface {
	// Apply carries out the step and reports what came of it. A step that ran
	// and failed is a Treatment with effect Failed; an error means that it
	// could not be attempted, and that trying again may help, unless the error
	// is or wraps a Final one.
	Apply(ctx context.Context, request Request) (health.Treatment, error)
	Close() error
}

// Witness is a Remedy that can tell how its patient is before it is treated.
type Witness interface {
	// Evidence returns what the patient's manager says of it and the last lines
	// of its log, lines at most. The text is bounded in bytes, its end is kept,
	// and it takes a few seconds at most. With an error comes what was found
	// up to then; a log that cannot be read is no error, but says so.
	Evidence(ctx context.Context, lines int) (string, error)
}

// Options are the options of one kind of remedy; package option says how they
// are declared.
type Options interface {
	// Validate reports every mistake in the options.
	Validate() option.Problems
	// Title says what the step does, without secrets or arguments that could
	// carry any: "restart clickhouse-server.service".
	Title() string
	// Limit is how long Apply may take at most, waiting included.
	Limit() time.Duration
	// Open builds the remedy. Call it on valid options only.
	Open() (Remedy, error)
}

// Kind is one way to act on a service.
type Kind struct {
	// Name is its key in a step.
	Name string
	// Doc says in one sentence what it does.
	Doc string
	// Options returns fresh options that hold the defaults.
	Options func() Options
}

// Kinds returns every kind of remedy, in the order of the documentation.
func Kinds() []Kind {
	return []Kind{
		systemdKind(),
		dockerKind(),
		httpKind(),
		execKind(),
	}
}

// Final is a failure that trying again cannot mend: a unit that does not
// exist, an access that is denied.
type Final struct{ Err error }

// Error implements error.
func (f Final) Error() string { return f.Err.Error() }

// Unwrap gives the cause.
func (f Final) Unwrap() error { return f.Err }

// Final reports that trying again cannot help.
func (f Final) Final() bool { return true }
