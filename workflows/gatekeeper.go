package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
)

// idleLimit is how long a Gatekeeper with nothing to guard stays; the next
// request starts a new one.
const idleLimit = time.Hour

// Gatekeeper grants permits to restart. It is one workflow for the whole
// deployment, so that "at most one at a time" is exact and no guess from a
// list that lags behind. Its input is the ledger of an earlier run.
func Gatekeeper(ctx workflow.Context, ledger Ledger) error {
	g := &gatekeeper{Ledger: ledger}
	if err := workflow.SetUpdateHandler(ctx, activities.UpdateAcquire, g.acquire); err != nil {
		return fmt.Errorf("registering the %s update: %w", activities.UpdateAcquire, err)
	}
	err := workflow.SetQueryHandler(ctx, QueryLedger, func() (Ledger, error) { return g.Ledger, nil })
	if err != nil {
		return fmt.Errorf("registering the %s query: %w", QueryLedger, err)
	}
	messages := workflow.NewNamedSelector(ctx, "messages")
	receive(ctx, messages, SignalRelease, func(release Release) { g.release(ctx, release) })
	for {
		timer := workflow.NewTimerWithOptions(ctx, idleLimit, workflow.TimerOptions{Summary: "go home if nothing is asked"})
		idle := false
		messages.AddFuture(timer, func(workflow.Future) { idle = true })
		for !idle && !workflow.GetInfo(ctx).GetContinueAsNewSuggested() && ctx.Err() == nil {
			messages.Select(ctx)
		}
		if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
			return err
		}
		g.expire(workflow.Now(ctx))
		switch {
		case workflow.GetInfo(ctx).GetContinueAsNewSuggested():
			return workflow.NewContinueAsNewError(ctx, Gatekeeper, g.Ledger)
		case len(g.Permits) == 0:
			return nil
		}
	}
}

// Ledger holds the permits that are out.
type Ledger struct {
	Permits []Permit `json:"permits,omitempty"`
}

// Permit allows its holder to restart something, until it is given back or its
// lease ends: a holder that is terminated takes no permit with it.
type Permit struct {
	Holder  string    `json:"holder"`
	Service string    `json:"service"`
	Until   time.Time `json:"until"`
}

type gatekeeper struct{ Ledger }

// acquire grants a permit or says who has them. It never waits: an incident
// has better things to do, and asks again. Asking twice gives the same permit.
func (g *gatekeeper) acquire(ctx workflow.Context, ask activities.AcquireInput) (activities.AcquireAnswer, error) {
	now := workflow.Now(ctx)
	g.expire(now)
	until := now.Add(ask.Lease.Std())
	for i := range g.Permits {
		if g.Permits[i].Holder == ask.Holder {
			g.Permits[i].Until = until
			return activities.AcquireAnswer{Granted: true}, nil
		}
	}
	if len(g.Permits) >= ask.Limit {
		return activities.AcquireAnswer{Reason: fmt.Sprintf("%d of %d restarts at the same time: %s",
			len(g.Permits), ask.Limit, strings.Join(g.services(), ", "))}, nil
	}
	g.Permits = append(g.Permits, Permit{Holder: ask.Holder, Service: ask.Service, Until: until})
	g.describe(ctx)
	return activities.AcquireAnswer{Granted: true}, nil
}

func (g *gatekeeper) release(ctx workflow.Context, release Release) {
	g.Permits = slices.DeleteFunc(g.Permits, func(p Permit) bool { return p.Holder == release.Holder })
	g.describe(ctx)
}

// expire takes permits back whose lease has ended.
func (g *gatekeeper) expire(now time.Time) {
	g.Permits = slices.DeleteFunc(g.Permits, func(p Permit) bool { return !now.Before(p.Until) })
}

func (g *gatekeeper) services() []string {
	names := make([]string, len(g.Permits))
	for i, permit := range g.Permits {
		names[i] = permit.Service
	}
	return names
}

// describe writes the permits for the Web UI.
func (g *gatekeeper) describe(ctx workflow.Context) {
	var page strings.Builder
	fmt.Fprintf(&page, "%d permits to restart are out\n\n", len(g.Permits))
	for _, permit := range g.Permits {
		fmt.Fprintf(&page, "- %s, at the latest until %s\n", permit.Service, stamp(permit.Until))
	}
	workflow.SetCurrentDetails(ctx, page.String())
}
