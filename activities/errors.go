package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
)

// Final is implemented by errors that trying again cannot mend.
type Final interface {
	error
	Final() bool
}

// Delayed is implemented by errors whose sender said when to come back.
type Delayed interface {
	error
	RetryAfter() time.Duration
}

// classify tells Temporal whether an error may be retried. What is not known
// to be final is retried.
func classify(err error) error {
	if errors.Is(err, ErrNotConfigured) {
		return temporal.NewNonRetryableApplicationError(err.Error(), TypeNotConfigured, nil)
	}
	if final, ok := errors.AsType[Final](err); ok && final.Final() {
		return temporal.NewNonRetryableApplicationError(err.Error(), TypeRefused, nil)
	}
	if delayed, ok := errors.AsType[Delayed](err); ok {
		return temporal.NewApplicationErrorWithOptions(err.Error(), "Busy",
			temporal.ApplicationErrorOptions{NextRetryDelay: delayed.RetryAfter()})
	}
	return err
}
