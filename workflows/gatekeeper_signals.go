package workflows

import "time"

// release takes a permit back. A booking for an attempt that did not happen is
// taken back with it.
func (g *gatekeeper) release(release Release) {
	account := g.Accounts[release.Service]
	if account == nil || account.Run != release.Run {
		return // of an incident that is over
	}
	asked := release.Asked
	if asked.IsZero() {
		asked = account.Asked
	}
	if asked.IsZero() {
		return // it has come back already, and nothing says which it was
	}
	if !release.Acted {
		account.refund(asked)
	}
	if account.Asked.Equal(asked) {
		g.takeBack(release.Service)
	}
	if after := asked.Add(1); account.SeenAt.Before(after) {
		account.SeenAt = after // the same question, coming late, gets no other permit
	}
}

// close writes down that a service is no longer down.
func (g *gatekeeper) close(closed Closed, now time.Time) {
	account := g.Accounts[closed.Service]
	if account == nil || account.Run != closed.Run || !account.Down {
		return // unknown, or of an earlier incident
	}
	g.leave(closed.Service)
	account.ClosedAt = now
}

// rearm gives the budgets of a service back.
func (g *gatekeeper) rearm(rearmed Rearmed) {
	if account := g.Accounts[rearmed.Service]; account != nil {
		account.Spent, account.Carried = nil, 0
	}
}

// leave takes from a service all that it has because it is down.
func (g *gatekeeper) leave(service string) {
	account := g.Accounts[service]
	account.Down, account.Others = false, 0
	g.down = exclude(g.down, service)
	g.takeBack(service)
	g.dequeue(service)
	delete(g.sweep.looked, service)
}

// takeBack ends the permit of a service, if it has one.
func (g *gatekeeper) takeBack(service string) {
	account := g.Accounts[service]
	account.Permit, account.Asked = time.Time{}, time.Time{}
	g.out = exclude(g.out, service)
}
