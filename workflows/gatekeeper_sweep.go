package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// sweep looks after services that have not been heard of.
type sweep struct {
	// at is when the next one is due.
	at time.Time
}

func (g *gatekeeper) startSweep(ctx workflow.Context, now time.Time) {
	if now.Before(g.sweep.at) {
		return
	}
	g.sweep.at = now.Add(time.Minute)
}
