package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

// validateBatch refuses questions that nobody could be answered by.
func validateBatch(_ workflow.Context, batch activities.AskBatch) error {
	if len(batch.Asks) == 0 {
		return errors.New("a batch without questions: asks must name at least one service")
	}
	for i := range batch.Asks {
		in := &batch.Asks[i]
		if in.Service == "" || in.Incident == "" || in.Workflow == "" || in.Run == "" || in.Situation.Now.IsZero() {
			return fmt.Errorf("question %d must have a service, an incident, its workflow and run, and the time of its situation", i+1)
		}
	}
	return nil
}

// ask answers a batch of questions, one after the other. It never waits: an
// incident has better things to do, and asks again.
func (g *gatekeeper) ask(ctx workflow.Context, batch activities.AskBatch) ([]activities.AskAnswer, error) {
	now := workflow.Now(ctx)
	g.expire(now)
	g.Limits = batch.Limits
	answers := make([]activities.AskAnswer, len(batch.Asks))
	for i := range batch.Asks {
		answers[i].Decision = g.answer(&batch.Asks[i], now)
	}
	g.nudge.SendAsync(nil)
	return answers, nil
}

// answer answers one question. It registers the service as down first.
func (g *gatekeeper) answer(in *activities.AskInput, now time.Time) health.Decision {
	account := g.Accounts[in.Service]
	if account == nil {
		account = &Account{}
	} else if account.late(in) {
		return lateDecision(in.Service, now)
	}
	g.Accounts[in.Service] = account
	g.enter(account, in)
	if !account.Permit.IsZero() && account.Asked.Equal(in.Situation.Now) {
		return sameAnswer(account, in)
	}
	// Whoever asks anew does not act: its former permit is on its way back.
	g.takeBack(in.Service)
	fleet := g.fleet(account, in)
	decision := health.Decide(&in.Situation, &fleet)
	g.book(account, in, decision, now)
	return decision
}

// late reports whether a question was overtaken, by a later one, by the return
// of its permit or by the end of its incident. To grant it would give a permit
// to nobody.
func (a *Account) late(in *activities.AskInput) bool {
	asked := in.Situation.Now
	return asked.Before(a.SeenAt) || !a.Down && a.Run == in.Run && !asked.After(a.ClosedAt)
}

// enter writes down that a service is down, and which incident is its latest.
func (g *gatekeeper) enter(account *Account, in *activities.AskInput) {
	asked := in.Situation.Now
	if account.Run != "" && account.Run != in.Run {
		if account.Down { // it was terminated and could not say so
			g.leave(in.Service)
			account.ClosedAt = asked
		}
		if asked.Before(account.ClosedAt.Add(account.StableFor.Std())) {
			account.Carried += len(account.restarts(account.Incident, in.Situation.Mode == health.ModeObserve))
		} else {
			account.Carried = 0
		}
	}
	account.Incident, account.Workflow, account.Run = in.Incident, in.Workflow, in.Run
	account.Down, account.Others, account.SeenAt = true, in.Others, asked
	account.ClosedAt, account.StableFor = time.Time{}, in.StableFor
	account.Woken = time.Time{}
	g.down = include(g.down, in.Service)
}

// sameAnswer repeats the answer to a question whose answer was lost.
func sameAnswer(account *Account, in *activities.AskInput) health.Decision {
	return health.Decide(&in.Situation, &health.Fleet{
		Incident: in.Incident, Carried: account.Carried, ConcurrentRestarts: 1,
	})
}

// fleet is what the guards must know beyond the incident that asks.
func (g *gatekeeper) fleet(account *Account, in *activities.AskInput) health.Fleet {
	ahead := slices.Index(g.Queue, in.Service)
	if ahead < 0 {
		ahead = len(g.Queue)
	}
	spent := account.restarts("", in.Situation.Mode == health.ModeObserve)
	spent = slices.DeleteFunc(spent, func(s health.Spending) bool {
		return s.At.Equal(in.Situation.Now) // for this very question, asked before
	})
	return health.Fleet{
		Spent:    spent,
		Incident: in.Incident,
		Carried:  account.Carried,
		Services: g.Limits.Services, Down: g.countDown(), MinHealthy: g.Limits.MinHealthy,
		Running: len(g.out), ConcurrentRestarts: g.Limits.ConcurrentRestarts,
		Restarting: slices.Clone(g.out),
		Ahead:      ahead,
	}
}

// book writes down what follows from a decision. A restart is spent when it is
// granted: one that may or may not have happened counts.
func (g *gatekeeper) book(account *Account, in *activities.AskInput, decision health.Decision, now time.Time) {
	asked := in.Situation.Now
	waits := decision.Rule == health.RuleConcurrent || decision.Rule == health.RuleMinHealthy
	if waits && in.Situation.Mode != health.ModeObserve {
		if !slices.Contains(g.Queue, in.Service) {
			g.Queue = append(g.Queue, in.Service)
		}
		return
	}
	g.dequeue(in.Service)
	switch {
	case decision.Act:
		account.spend(health.Spending{At: asked, Incident: in.Incident})
		account.Permit, account.Asked = now.Add(in.Lease.Std()), asked
		g.out = include(g.out, in.Service)
	case decision.Rule == health.RuleObserve:
		account.spend(health.Spending{At: asked, Incident: in.Incident, Observed: true})
	}
}

// include adds a name to a sorted list that may have it; exclude takes it out.
func include(names []string, name string) []string {
	at, found := slices.BinarySearch(names, name)
	if found {
		return names
	}
	return slices.Insert(names, at, name)
}

func exclude(names []string, name string) []string {
	at, found := slices.BinarySearch(names, name)
	if !found {
		return names
	}
	return slices.Delete(names, at, at+1)
}
