package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

// idleLimit is how long a Gatekeeper with nothing in its books stays; the next
// question starts a new one. It is also how often quiet books are tidied.
const idleLimit = time.Hour

// Gatekeeper grants permits to restart. It is one workflow for the whole
// deployment, so that what holds for the fleet is exact and no guess from a
// list that lags behind. Its input is the ledger of an earlier run.
func Gatekeeper(ctx workflow.Context, ledger Ledger) error {
	g := newGatekeeper(ctx, ledger)
	if err := g.listen(ctx); err != nil {
		return err
	}
	for {
		g.settle(ctx)
		switch {
		case workflow.GetInfo(ctx).GetContinueAsNewSuggested():
			return g.continueAsNew(ctx)
		case g.idle(workflow.Now(ctx)):
			return g.hearOut(ctx)
		}
		if err := g.await(ctx); err != nil {
			return err
		}
	}
}

// gatekeeper is one run of the Gatekeeper.
type gatekeeper struct {
	// Ledger is what goes from run to run.
	Ledger
	logger log.Logger
	// down and out name the services that are down, and those that hold a
	// permit, sorted. They are an index of the accounts.
	down, out []string
	// nudge tells the main path that something has changed.
	nudge workflow.Channel
	// emptySince is when the last account was dropped; tidyAt is when the
	// accounts are looked through next.
	emptySince, tidyAt time.Time
	// timer fires at timerAt, when something ends or is due.
	timer     workflow.Future
	timerAt   time.Time
	stopTimer workflow.CancelFunc
	sweep     sweep
	// waking counts the wakes that are on their way.
	waking int
}

func newGatekeeper(ctx workflow.Context, ledger Ledger) *gatekeeper {
	now := workflow.Now(ctx)
	g := &gatekeeper{
		Ledger:     ledger,
		logger:     workflow.GetLogger(ctx),
		nudge:      workflow.NewNamedBufferedChannel(ctx, "nudge", 1),
		emptySince: now,
		tidyAt:     now,
		sweep:      sweep{at: now.Add(sweepEvery), looked: map[string]time.Time{}},
	}
	if g.Accounts == nil {
		g.Accounts = map[string]*Account{}
	}
	for _, service := range workflow.DeterministicKeys(g.Accounts) {
		account := g.Accounts[service]
		if account.Down {
			g.down = append(g.down, service)
		}
		if !account.Permit.IsZero() {
			g.out = append(g.out, service)
		}
	}
	g.Queue = slices.DeleteFunc(g.Queue, func(service string) bool {
		return g.Accounts[service] == nil || !g.Accounts[service].Down
	})
	return g
}

func (g *gatekeeper) listen(ctx workflow.Context) error {
	err := workflow.SetUpdateHandlerWithOptions(ctx, activities.UpdateAsk, g.ask,
		workflow.UpdateHandlerOptions{Validator: validateBatch})
	if err != nil {
		return fmt.Errorf("registering the %s update: %w", activities.UpdateAsk, err)
	}
	err = workflow.SetQueryHandler(ctx, QueryLedger, func() (Ledger, error) { return g.Ledger, nil })
	if err != nil {
		return fmt.Errorf("registering the %s query: %w", QueryLedger, err)
	}
	return nil
}

// settle does what time or a message has made due, and shows where things stand.
func (g *gatekeeper) settle(ctx workflow.Context) {
	now := workflow.Now(ctx)
	g.expire(now)
	g.tidy(now)
	g.startSweep(ctx, now)
	g.wake(ctx, now)
	g.describe(ctx)
}

// await returns when a message has been taken or the timer has fired.
func (g *gatekeeper) await(ctx workflow.Context) error {
	g.setTimer(ctx)
	selector := workflow.NewNamedSelector(ctx, "messages")
	g.receiveAll(ctx, selector)
	selector.AddReceive(g.nudge, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
	selector.AddFuture(g.timer, func(workflow.Future) { g.timer = nil })
	selector.Select(ctx)
	for selector.HasPending() && ctx.Err() == nil {
		selector.Select(ctx)
	}
	return ctx.Err()
}

func (g *gatekeeper) receiveAll(ctx workflow.Context, selector workflow.Selector) {
	receive(ctx, selector, SignalRelease, g.release)
	receive(ctx, selector, SignalClosed, func(closed Closed) { g.close(closed, workflow.Now(ctx)) })
	receive(ctx, selector, SignalRearm, g.rearm)
}

// setTimer makes the one timer fire no later than what is due next. One that
// fires too early does no harm, and setting it anew would cost history.
func (g *gatekeeper) setTimer(ctx workflow.Context) {
	now := workflow.Now(ctx)
	due, what := g.nextDue(now)
	if g.timer != nil && !due.Before(g.timerAt) {
		return
	}
	if g.timer != nil {
		g.stopTimer()
	}
	ctx, g.stopTimer = workflow.WithCancel(ctx)
	g.timer = workflow.NewTimerWithOptions(ctx, max(0, due.Sub(now)), workflow.TimerOptions{Summary: what})
	g.timerAt = due
}

// nextDue is when time alone changes something, and what.
func (g *gatekeeper) nextDue(now time.Time) (due time.Time, what string) {
	due, what = g.tidyAt, "tidy the books"
	if len(g.Accounts) == 0 {
		due, what = g.emptySince.Add(idleLimit), "go home if nothing is asked"
	}
	sooner := func(at time.Time, why string) {
		if at.Before(due) {
			due, what = at, why
		}
	}
	if len(g.down) > 0 && !g.sweep.under {
		sooner(g.sweep.at, "look after services that have not been heard of")
	}
	for _, service := range g.out {
		sooner(g.Accounts[service].Permit, "take back the permit of "+service)
	}
	for _, service := range g.Queue {
		if woken := g.Accounts[service].Woken; !woken.IsZero() {
			sooner(woken.Add(wakeLimit), "tell the next if "+service+" does not ask")
		}
	}
	return due, what
}

// idle reports whether there has been nothing to guard for long enough.
func (g *gatekeeper) idle(now time.Time) bool {
	return len(g.Accounts) == 0 && !now.Before(g.emptySince.Add(idleLimit))
}

// tidy drops the accounts that say nothing any more.
func (g *gatekeeper) tidy(now time.Time) {
	if len(g.Accounts) == 0 || now.Before(g.tidyAt) {
		return
	}
	g.tidyAt = now.Add(idleLimit)
	for _, service := range workflow.DeterministicKeys(g.Accounts) {
		account := g.Accounts[service]
		account.forget(now)
		if account.idle(now) {
			delete(g.Accounts, service)
		}
	}
	if len(g.Accounts) == 0 {
		g.emptySince = now
	}
}

// continueAsNew takes the books into a fresh history.
func (g *gatekeeper) continueAsNew(ctx workflow.Context) error {
	if err := g.hearOut(ctx); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, GatekeeperType, g.Ledger)
}

// hearOut takes every message that this run has received, and begins nothing
// new. What it tells the next run must not be older than what it has answered.
func (g *gatekeeper) hearOut(ctx workflow.Context) error {
	err := workflow.Await(ctx, func() bool { return g.waking == 0 && workflow.AllHandlersFinished(ctx) })
	if err != nil {
		return err
	}
	selector := workflow.NewNamedSelector(ctx, "last messages")
	g.receiveAll(ctx, selector)
	for selector.HasPending() {
		selector.Select(ctx)
	}
	return nil
}

// lateDecision is what the Gatekeeper answers to a question that comes too late.
func lateDecision(service string, now time.Time) health.Decision {
	return health.Decision{
		Rule: health.RuleGatekeeper, At: now,
		Note: "this question is older than what the gatekeeper of restarts has heard of " + service + " since",
	}
}
