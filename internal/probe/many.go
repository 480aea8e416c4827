package probe

import (
	"context"

	"paramedic/internal/health"
)

// Many looks at many targets by the same options, whose texts may hold
// {{target}} and {{label "name"}}. It is safe for concurrent use.
type Many interface {
	// Probe looks at one target, as Prober does.
	Probe(ctx context.Context, target health.Target) health.Result
	// Host names the machine that a probe of the target asks, for limits per
	// host; empty if there is none.
	Host(target health.Target) string
	// Close releases everything.
	Close() error
}
