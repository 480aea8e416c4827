package fleet

import (
	"errors"

	"paramedic/internal/option"
)

// redacted is an error whose text shows no secret. Callers can still ask what
// kind of error it is, but cannot reach the original's text: it does not
// unwrap, because Temporal writes every text of a chain into the history.
type redacted struct {
	text     string
	original error
}

func redact(err error, redactor *option.Redactor) error {
	if err == nil {
		return nil
	}
	return redacted{text: redactor.Redact(err.Error()), original: err}
}

// Error implements error.
func (r redacted) Error() string { return r.text }

// Is lets errors.Is see through.
func (r redacted) Is(target error) bool { return errors.Is(r.original, target) }

// As lets errors.As see through.
func (r redacted) As(target any) bool { return errors.As(r.original, target) }
