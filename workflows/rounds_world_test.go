package workflows_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// shops is the world of a service with targets.
type shops struct {
	*world
	// names are the targets, fails says whether one fails now, as seen from a
	// vantage point; class says which class one belongs to.
	names []string
	fails func(target, vantage string) bool
	class func(target string) string
	// knows says whether a vantage point has a target in its list; nil if all do.
	knows func(target, vantage string) bool
	// cutOff and breaks say why a vantage point sees nothing; "" if it sees.
	cutOff, breaks func(vantage string) string
	// lost are batches that take lostFor.
	lost func(activities.BatchInput) bool
	// uncounted, if set, keeps the targets from being counted.
	uncounted error

	surveyed []surveyed
	// begun is when each batch was handed to a worker before it was due.
	begun map[tickOf]time.Duration
	// open are the incidents that are open, by target, at the end of the watch
	// those that were not ended; every one that was opened is in opened, and what
	// they were told in heard.
	open   map[string]bool
	opened []workflows.RemediationInput
	heard  []string
	// twice are complaints about incidents; a test fails for any.
	twice []string
}

// surveyed is one batch that was probed.
type surveyed struct {
	at time.Duration
	in activities.BatchInput
}

// tickOf names one tick of a batch; due is since noon.
type tickOf struct {
	batch int
	due   time.Duration
}

func newShops(t *testing.T, count int) *shops {
	s := &shops{
		world: newWorld(t, "p"), open: map[string]bool{}, begun: map[tickOf]time.Duration{},
		fails: func(string, string) bool { return false }, class: func(string) string { return "" },
		cutOff: func(string) string { return "" }, breaks: func(string) string { return "" },
		lost: func(activities.BatchInput) bool { return false },
	}
	for n := range count {
		s.names = append(s.names, fmt.Sprintf("shop-%04d:80", n))
	}
	var batches *activities.Batches
	s.RegisterActivity(batches)
	s.OnActivity(batches.Roll, mock.Anything, mock.Anything).Return(s.roll)
	lost := mock.MatchedBy(func(in activities.BatchInput) bool { return s.lost(in) })
	s.OnActivity(batches.Survey, mock.Anything, lost).After(lead + lostFor).Return(s.survey)
	// Workers wait until a batch is due.
	early := mock.MatchedBy(func(in activities.BatchInput) bool {
		if !in.Due.After(s.Now()) {
			return false
		}
		s.begun[tickOf{in.Batch, in.Due.Sub(noon)}] = s.since()
		return true
	})
	s.OnActivity(batches.Survey, mock.Anything, early).After(lead).Return(s.survey)
	s.OnActivity(batches.Survey, mock.Anything, mock.Anything).Return(s.survey)
	s.incident = s.remember
	t.Cleanup(func() { require.Empty(t, s.twice) })
	s.lastIncident = func() (activities.LastIncident, error) { return activities.LastIncident{Open: true}, nil }
	return s
}

const (
	// lostFor is longer than the interval of fleet, and shorter than any limit.
	lostFor = 65 * time.Second
	// lead is how long before they are due batches are begun.
	lead = time.Second
)

// fleet is the service of these tests: it is on the same grid as web.
func fleet() workflows.Check {
	check := web()
	check.Fleet = &workflows.Fleet{Batch: 100, MaxOpenIncidents: 10}
	return check
}

func (s *shops) roll(context.Context, string) (activities.Roll, error) {
	roll := activities.Roll{Classes: map[string]int{}}
	for _, name := range s.names {
		roll.Classes[s.class(name)]++
	}
	return roll, s.uncounted
}

// surveys are the ticks of batches that were probed, by when they were due.
func (s *shops) surveys() iter.Seq[tickOf] {
	var ticks []tickOf
	for _, one := range s.surveyed {
		ticks = append(ticks, tickOf{one.in.Batch, one.in.Due.Sub(noon)})
	}
	slices.SortFunc(ticks, func(a, b tickOf) int { return cmp.Compare(a.due, b.due) })
	return slices.Values(ticks)
}

// survey stands in for the workers that probe batches.
func (s *shops) survey(_ context.Context, in activities.BatchInput) (activities.BatchResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.surveyed = append(s.surveyed, surveyed{s.since(), in})
	if why := s.breaks(in.Vantage); why != "" {
		return activities.BatchResult{}, errors.New(why)
	}
	var result activities.BatchResult
	for _, name := range s.names {
		if s.class(name) != in.Class || s.knows != nil && !s.knows(name, in.Vantage) {
			continue
		}
		result.Class++
		if !health.InBatch(name, in.Batch, in.Of) {
			continue
		}
		result.Probed++
		finding := health.Finding{Target: name, Result: health.Result{Status: health.Healthy, At: s.Now().UTC(), Message: "status 200"}}
		switch {
		case s.fails(name, in.Vantage):
			finding.Status, finding.Message = health.Unhealthy, "refused"
			result.Failed = append(result.Failed, finding)
		case slices.Contains(in.Failing, name):
			result.Passed = append(result.Passed, finding)
		}
	}
	for _, name := range in.Failing {
		if !slices.Contains(s.names, name) || s.class(name) != in.Class || s.knows != nil && !s.knows(name, in.Vantage) {
			result.Gone = append(result.Gone, name)
		}
	}
	if why := s.cutOff(in.Vantage); why != "" {
		return activities.BatchResult{Class: result.Class, Probed: result.Probed, CutOff: why}, nil
	}
	return result, nil
}

// remember stands in for Remediation: an incident that stays open until the
// Monitor says that it is over, or cancels it.
func (s *shops) remember(ctx workflow.Context, in workflows.RemediationInput) (health.Incident, error) {
	if id := workflow.GetInfo(ctx).WorkflowExecution.ID; id != workflows.RemediationID("web", in.Target) || s.open[in.Target] {
		s.twice = append(s.twice, in.Target+" has two incidents, or one of the name "+id)
	}
	s.open[in.Target] = true
	s.opened = append(s.opened, in)
	over := false
	defer func() { s.open[in.Target] = s.since() > 30*time.Minute }()
	selector := workflow.NewSelector(ctx)
	for _, name := range []string{workflows.SignalPassed, workflows.SignalWorse, workflows.SignalOrders, workflows.SignalReconfigure} {
		selector.AddReceive(workflow.GetSignalChannel(ctx, name), func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, nil)
			s.heard = append(s.heard, in.Target+" "+name)
			over = over || name == workflows.SignalPassed
		})
	}
	// What is still open at the end of a test must end, too.
	selector.AddFuture(workflow.NewTimer(ctx, time.Hour), func(workflow.Future) { over = true })
	for !over {
		selector.Select(ctx)
	}
	return health.Incident{}, nil
}

// targets are those that incidents were opened for; "" is the whole.
func (s *shops) targets() []string {
	var names []string
	for _, in := range s.opened {
		names = append(names, in.Target)
	}
	return names
}

// looks are the times, since noon, at which each target was probed.
func (s *shops) looks() map[string][]time.Duration {
	times := map[string][]time.Duration{}
	for _, one := range s.surveyed {
		for _, name := range s.names {
			if s.class(name) == one.in.Class && health.InBatch(name, one.in.Batch, one.in.Of) {
				times[name] = append(times[name], one.at)
			}
		}
	}
	return times
}

// minutes says whether a time since noon lies from one minute to before another.
func (s *shops) minutes(from, until float64) bool {
	now := s.since().Minutes()
	return now >= from && now < until
}
