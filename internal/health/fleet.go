package health

import "time"

// Fleet is what the Gatekeeper knows beyond one incident.
type Fleet struct {
	// Spent are the restarts of this service that count, oldest first. Those
	// that were only observed count in ModeObserve alone.
	Spent []Spending
	// Incident is the incident that asks: its own restarts are no other incident's.
	Incident string
	// Carried are the restarts of earlier incidents that count in this one: the
	// service was not up for long enough in between.
	Carried int
	// Services counts all services of the deployment, Down those that are down.
	Services, Down int
	// MinHealthy is the share of healthy services, in percent, below which
	// nothing is restarted, in a fleet of MinHealthyFrom services or more.
	MinHealthy int
	// Running counts the restarts under way, of ConcurrentRestarts allowed.
	Running, ConcurrentRestarts int
	// Restarting names the services that are being restarted.
	Restarting []string
	// Ahead counts the incidents that have waited longer for a restart.
	Ahead int
}

// MinHealthyFrom is the size from which a fleet has a minimum of healthy
// services; in a smaller one a single outage says nothing of a common cause.
const MinHealthyFrom = 10

// Spending is one restart in the books.
type Spending struct {
	At       time.Time `json:"at"`
	Incident string    `json:"incident"`
	// Observed is set for a restart that was only written down, in ModeObserve.
	Observed bool `json:"observed,omitempty"`
}

// budget holds when the service has used up what it may in an hour or a day.
func (f *Fleet) budget(s *Situation) (held Decision, is bool) {
	if most := s.Limits.IncidentsPerHour; most > 0 {
		last := span{of: time.Hour, to: s.Now, observing: s.Mode == ModeObserve}
		if count, _ := f.incidents(last, 0); count >= most {
			_, next := f.incidents(last, count-most)
			return Decision{Rule: RuleIncidentsPerHour, Count: count, Limit: most, At: next}, true
		}
	}
	if most := s.Limits.RestartsPerDay; most > 0 {
		last := span{of: 24 * time.Hour, to: s.Now, observing: s.Mode == ModeObserve}
		if count, _ := f.restarts(last, 0); count >= most {
			_, next := f.restarts(last, count-most)
			return Decision{Rule: RuleRestartsPerDay, Count: count, Limit: most, At: next}, true
		}
	}
	return Decision{}, false
}

// span is the time for which a budget is given.
type span struct {
	of        time.Duration
	to        time.Time
	observing bool
}

// has reports whether a restart counts in the span. One that is as old as the
// span is long no longer does.
func (w span) has(s Spending) bool {
	return s.At.Add(w.of).After(w.to) && (w.observing || !s.Observed)
}

// restarts counts the restarts in the span, and says when as many as skip and
// one more have fallen out of it.
func (f *Fleet) restarts(w span, skip int) (count int, next time.Time) {
	for _, s := range f.Spent {
		if !w.has(s) {
			continue
		}
		if count == skip {
			next = s.At.Add(w.of)
		}
		count++
	}
	return count, next
}

// incidents counts the other incidents with restarts in the span, each by its
// last one, and says when as many as skip and one more have fallen out of it.
func (f *Fleet) incidents(w span, skip int) (count int, next time.Time) {
	for i, s := range f.Spent {
		if !w.has(s) || s.Incident == f.Incident || w.goesOn(f.Spent[i+1:], s.Incident) {
			continue
		}
		if count == skip {
			next = s.At.Add(w.of)
		}
		count++
	}
	return count, next
}

// goesOn reports whether an incident has a later restart in the span.
func (w span) goesOn(later []Spending, incident string) bool {
	for _, s := range later {
		if s.Incident == incident && w.has(s) {
			return true
		}
	}
	return false
}

// tooMuchDown holds when so much of the fleet is down that a common cause is likely.
func (f *Fleet) tooMuchDown() (held Decision, is bool) {
	healthy := max(0, f.Services-f.Down)
	if f.Services < MinHealthyFrom || healthy*100 >= f.MinHealthy*f.Services {
		return Decision{}, false
	}
	return Decision{Rule: RuleMinHealthy, Count: healthy, Services: f.Services, Limit: f.MinHealthy}, true
}

// full holds while others are being restarted or were there first. What is
// only observed takes no place in the queue.
func (f *Fleet) full(mode Mode) (held Decision, is bool) {
	if mode == ModeObserve || f.Running+f.Ahead < f.ConcurrentRestarts {
		return Decision{}, false
	}
	return Decision{
		Rule: RuleConcurrent, Count: f.Running, Limit: f.ConcurrentRestarts, Ahead: f.Ahead, Names: f.Restarting,
	}, true
}
