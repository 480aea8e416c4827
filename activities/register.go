package activities

import (
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

// World is all that the activities act on.
type World interface {
	Prober
	Remediator
	Notifier
	Limiter
}

// Register makes a worker know every activity but the batches. The client is that of the
// worker's own namespace.
func Register(registry worker.ActivityRegistry, world World, archiver Archiver, c client.Client) {
	registry.RegisterActivity(&Probes{Prober: world})
	registry.RegisterActivity(&Alerts{Notifier: world, Client: c})
	registry.RegisterActivity(&Incidents{Client: c, Archiver: archiver})
	registry.RegisterActivity(&Permits{Client: c, Limits: world})
	RegisterRemedies(registry, world, c)
}

// RegisterBatches makes a worker know only the activities that look at many
// targets. At a vantage point that is all that it does.
func RegisterBatches(registry worker.ActivityRegistry, surveyor Surveyor) {
	registry.RegisterActivity(&Batches{Surveyor: surveyor})
}

// RegisterRemedies makes a worker know only the activities that act, which is
// what an agent on a host is for.
func RegisterRemedies(registry worker.ActivityRegistry, remediator Remediator, c client.Client) {
	registry.RegisterActivity(&Remedies{Remediator: remediator, Client: c})
}
