package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// wakeLimit is how long a service that was told that its turn has come may
// take to ask; then it is the turn of the next.
const wakeLimit = 15 * time.Second

// expire takes back the permits whose lease has ended, and the places in the
// queue of those that were told and did not ask.
func (g *gatekeeper) expire(now time.Time) {
	for _, service := range slices.Clone(g.out) {
		if !now.Before(g.Accounts[service].Permit) {
			g.logger.Warn(fmt.Sprintf("%s: the permit to restart did not come back in time", service))
			g.takeBack(service)
		}
	}
	g.Queue = slices.DeleteFunc(g.Queue, func(service string) bool {
		account := g.Accounts[service]
		if account.Woken.IsZero() || now.Before(account.Woken.Add(wakeLimit)) {
			return false
		}
		account.Woken = time.Time{}
		return true
	})
}

func (g *gatekeeper) dequeue(service string) {
	if at := slices.Index(g.Queue, service); at >= 0 {
		g.Queue = slices.Delete(g.Queue, at, at+1)
		g.Accounts[service].Woken = time.Time{}
	}
}

// wake tells those whose turn has come, each once, and no more of them than
// there are places.
func (g *gatekeeper) wake(ctx workflow.Context, now time.Time) {
	places := min(g.Limits.ConcurrentRestarts-len(g.out), len(g.Queue))
	if places <= 0 || !g.mayRestart(now) {
		return
	}
	for _, service := range g.Queue[:places] {
		if account := g.Accounts[service]; account.Woken.IsZero() {
			account.Woken = now
			g.tell(ctx, service, account)
		}
	}
}

// mayRestart reports whether enough of the fleet is healthy: whether an
// incident that nothing else holds would be let through.
func (g *gatekeeper) mayRestart(now time.Time) bool {
	willing := health.Situation{Now: now, Steps: []int{0}, Limits: health.Limits{PerIncident: 1}}
	return health.Decide(&willing, &health.Fleet{
		Services: g.Limits.Services, Down: g.countDown(), MinHealthy: g.Limits.MinHealthy,
		ConcurrentRestarts: 1,
	}).Act
}

// countDown counts all that is down, what some incidents stand for besides
// themselves included.
func (g *gatekeeper) countDown() int {
	count := len(g.down)
	for _, service := range g.down {
		count += g.Accounts[service].Others
	}
	return count
}

// tell sends a wake and does not wait for it. An incident that cannot be told
// gives its place to the next.
func (g *gatekeeper) tell(ctx workflow.Context, service string, account *Account) {
	g.waking++
	run, woken := account.Run, account.Woken
	sent := workflow.SignalExternalWorkflow(ctx, account.Workflow, "", SignalWake, nil)
	workflow.Go(ctx, func(ctx workflow.Context) {
		err := sent.Get(ctx, nil)
		g.waking--
		if err == nil || ctx.Err() != nil {
			return
		}
		g.logger.Warn(fmt.Sprintf("%s: telling it that its turn has come: %v", service, err))
		if account.Run == run && account.Woken.Equal(woken) {
			g.dequeue(service)
			g.nudge.SendAsync(nil)
		}
	})
}
