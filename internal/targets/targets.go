// Package targets knows which targets each service has: those written in the
// configuration, those of a Prometheus file_sd file, and those registered by
// the API. It keeps one list for each service, current within seconds, so that
// a batch of probes only has to look it up.
package targets

import (
	"context"
	"errors"

	"paramedic/internal/health"
)

var (
	// ErrUnknown says that the targets of a service are not known yet: its file
	// or the store could not be read so far. That is not the same as having none.
	ErrUnknown = errors.New("its targets are not known yet")
	// ErrNone says that a service is not configured to have targets.
	ErrNone = errors.New("it is no service with targets")
)

// Source says where the targets of one service come from; they are those of
// all its sources together.
type Source struct {
	// Service is the name of the service.
	Service string
	// List are the targets written in the configuration.
	List []health.Target
	// FileSD is the path of a Prometheus file_sd file; empty if there is none.
	FileSD string
	// API is set if targets may be registered by the API.
	API bool
	// ClassOf names the class of a target; nil if there are no classes.
	ClassOf func(health.Target) string
	// Mask hides the secrets in a text; nil if there are none. Labels in List
	// may hold some.
	Mask func(string) string
}

// Registry holds the targets that were registered by the API.
type Registry interface {
	// Targets returns the registered targets of a service.
	Targets(ctx context.Context, service string) ([]health.Target, error)
	// TargetsStamp is a number that changes whenever a target is registered,
	// changed or removed, of whatever service.
	TargetsStamp(ctx context.Context) (int64, error)
}
