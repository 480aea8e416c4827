package store

import (
	"errors"
	"time"

	"paramedic/internal/health"
)

// The reasons why a change of the registered targets is refused.
var (
	// ErrExists says that there is a target of that name.
	ErrExists = errors.New("there is such a target already")
	// ErrChanged says that somebody else has changed the target meanwhile.
	ErrChanged = errors.New("the target was changed meanwhile")
)

// Registered is a target that was registered by the API.
type Registered struct {
	Key
	Labels map[string]string
	// Version grows with each change, and is never given twice for a name; it is
	// what an ETag is made of.
	Version              int64
	CreatedAt, UpdatedAt time.Time
}

// AsTarget is what a prober needs of it.
func (r Registered) AsTarget() health.Target { return health.Target{Name: r.Target, Labels: r.Labels} }

// Remembered is the answer to a request that carried an idempotency key.
type Remembered struct {
	// Request is a fingerprint of what was asked.
	Request string
	Status  int
	Header  map[string]string
	Body    []byte
	At      time.Time
}
