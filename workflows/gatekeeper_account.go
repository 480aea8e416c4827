package workflows

import (
	"slices"
	"time"

	"paramedic/internal/health"
)

// spendingLimit is the longest that a limit looks back.
const spendingLimit = 24 * time.Hour

// restarts returns those of an incident, or of all if it is empty: the ones
// that were only written down, in mode observe, or the ones that were not.
func (a *Account) restarts(incident string, observed bool) []health.Spending {
	var found []health.Spending
	for _, s := range a.Spent {
		if s.Observed == observed && (incident == "" || s.Incident == incident) {
			found = append(found, s)
		}
	}
	return found
}

// spend books a restart. A question that is asked again books nothing twice.
func (a *Account) spend(s health.Spending) {
	again := func(other health.Spending) bool { return other.At.Equal(s.At) && other.Observed == s.Observed }
	if !slices.ContainsFunc(a.Spent, again) {
		a.Spent = append(a.Spent, s)
	}
}

// refund takes the booking back that was made for a question.
func (a *Account) refund(asked time.Time) {
	a.Spent = slices.DeleteFunc(a.Spent, func(s health.Spending) bool { return !s.Observed && s.At.Equal(asked) })
}

// stable reports whether the latest incident no longer counts in a next one.
func (a *Account) stable(now time.Time) bool {
	return !a.Down && !now.Before(a.ClosedAt.Add(a.StableFor.Std()))
}

// forget drops the restarts that no limit counts any more. Those of the latest
// incident count however long ago they were, until the service is stable.
func (a *Account) forget(now time.Time) {
	stable := a.stable(now)
	a.Spent = slices.DeleteFunc(a.Spent, func(s health.Spending) bool {
		return now.Sub(s.At) >= spendingLimit && (stable || s.Incident != a.Incident)
	})
}

// idle reports whether an account says nothing any more.
func (a *Account) idle(now time.Time) bool {
	return a.stable(now) && a.Permit.IsZero() && len(a.Spent) == 0
}
