// Package activities is where workflows touch the world: thin methods over
// one-method interfaces, one file a family. They hold no rule of their own;
// what they add is what Temporal needs to know of each act: whether a failure
// may be retried, what survives a crash in the middle, and that no secret
// leaves the process in a message or an error.
package activities

import "errors"

// ErrNotConfigured says that this worker's configuration does not hold what a
// workflow asked for. A workflow can only ever ask for what the worker's own
// configuration allows, so trying again does not help.
var ErrNotConfigured = errors.New("not in this worker's configuration")

// The error types that workflows tell apart.
const (
	// TypeNotConfigured: the service, step or receiver is not configured here.
	TypeNotConfigured = "NotConfigured"
	// TypeRefused: the other side will not have it, however often it is tried.
	TypeRefused = "Refused"
	// TypeUncertain: the attempt failed after its checkpoint, and may have
	// taken effect.
	TypeUncertain = "Uncertain"
)
