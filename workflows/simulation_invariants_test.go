package workflows_test

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// TestSimulatedFleets: whatever services do and people say, whatever is lost
// and however clocks are set, nothing is done that a limit forbids, and every
// record is sound.
func TestSimulatedFleets(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 5
	}
	var incidents, restarts atomic.Int64
	t.Run("seeds", func(t *testing.T) {
		for seed := range seeds {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				t.Parallel()
				s := newSimulation(t, seed)
				s.admit(seed)
				s.ExecuteWorkflow("live")
				require.NoError(t, s.GetWorkflowError())
				s.checkAll()
				require.Empty(t, s.problems)
				incidents.Add(int64(len(s.incidents)))
				for _, p := range s.services {
					restarts.Add(int64(len(p.attempts)))
				}
			})
		}
	})
	t.Logf("%d incidents, %d restarts", incidents.Load(), restarts.Load())
	require.Greater(t, incidents.Load(), 30*int64(seeds))
	require.Greater(t, restarts.Load(), 10*int64(seeds))
}

func (s *simulation) wrong(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// instant is how far two things may be apart that happen at the same time.
const instant = 2 * time.Second

// checkAttempt checks what must hold at the moment of a restart.
func (s *simulation) checkAttempt(p *patient, now time.Time) {
	name := p.check.Service
	for _, window := range p.maintenance {
		if now.After(window.from.Add(instant)) && now.Before(window.to.Add(-time.Second)) && lastOf(p.maintenance, now) == window {
			s.wrong("%s was restarted at %s, in maintenance", name, now)
		}
	}
	if since, mode := p.modeAt(now); mode == health.ModeObserve && now.After(since.Add(instant)) {
		s.wrong("%s was restarted at %s, in mode observe", name, now)
	}
	for _, dependency := range p.check.DependsOn {
		if other := s.services[dependency]; other.isDown(now) && other.isDown(now.Add(-instant)) {
			s.wrong("%s was restarted at %s, while %s was down", name, now, dependency)
		}
	}
	under := 0
	for _, other := range s.services {
		for _, attempt := range other.attempts {
			if attempt.counts && now.Before(attempt.ended.Add(other.check.Remediation.Settle.Std())) {
				under++
			}
		}
	}
	if under >= s.limits.ConcurrentRestarts {
		s.wrong("%s was restarted at %s, beside %d others", name, now, under)
	}
}

// lastOf is the latest period that has begun: an order replaces the one before.
func lastOf(periods []period, at time.Time) period {
	var last period
	for _, p := range periods {
		if !p.from.After(at) {
			last = p
		}
	}
	return last
}

func (p *patient) modeAt(at time.Time) (since time.Time, mode health.Mode) {
	for _, change := range p.modes {
		if !change.at.After(at) {
			since, mode = change.at, change.mode
		}
	}
	return since, mode
}

// checkAll checks what must hold of the whole story.
func (s *simulation) checkAll() {
	for _, name := range s.names {
		s.checkBudgets(s.services[name])
		s.checkStanding(s.services[name])
	}
	for _, incident := range s.incidents {
		s.checkRecord(incident)
		s.checkArchive(incident)
	}
	for _, told := range s.alerts {
		s.checkAlert(told)
	}
	s.checkBooks()
	if least := len(s.names) * int((simulated+quiet)/simulatedWatch); s.schedules.ended < least {
		s.wrong("%d watches ended, and at least %d should have", s.schedules.ended, least)
	}
}

// checkBudgets checks the limits of an hour and a day. A human who re-arms a
// service begins a new account.
func (s *simulation) checkBudgets(p *patient) {
	limits := p.check.Remediation.Limits
	for i, last := range p.attempts {
		day := 0
		for _, earlier := range p.attempts[:i+1] {
			if earlier.counts && !p.rearmedBetween(earlier.begun, last.begun) && last.begun.Sub(earlier.begun) < 24*time.Hour-instant {
				day++
			}
		}
		if last.counts && limits.RestartsPerDay > 0 && day > limits.RestartsPerDay {
			s.wrong("%s: restart %d of the day at %s, and %d are allowed", p.check.Service, day, last.begun, limits.RestartsPerDay)
		}
	}
	if most := limits.IncidentsPerHour; most > 0 {
		s.checkIncidentsPerHour(p, most)
	}
}

func (s *simulation) checkIncidentsPerHour(p *patient, most int) {
	for i, last := range p.attempts {
		remediated := map[string]bool{}
		for _, earlier := range p.attempts[:i+1] {
			if earlier.counts && !p.rearmedBetween(earlier.begun, last.begun) && last.begun.Sub(earlier.begun) < time.Hour-instant {
				remediated[s.incidentAt(p.check.Service, earlier.begun)] = true
			}
		}
		if last.counts && len(remediated) > most {
			s.wrong("%s: %d incidents remediated in the hour up to %s, and %d are allowed", p.check.Service, len(remediated), last.begun, most)
		}
	}
}

// incidentAt names the incident that was open at a time.
func (s *simulation) incidentAt(service string, at time.Time) string {
	for _, incident := range s.incidents {
		entries := incident.Timeline.Entries
		if incident.Service == service && !at.Before(incident.OpenedAt) && !at.After(entries[len(entries)-1].At) {
			return incident.ID
		}
	}
	return ""
}

func (p *patient) rearmedBetween(from, to time.Time) bool {
	for _, at := range p.rearmed {
		if at.After(from) && !at.After(to) {
			return true
		}
	}
	return false
}

// checkRecord checks one incident.
func (s *simulation) checkRecord(incident health.Incident) {
	p := s.services[incident.Service]
	kinds := map[health.EntryKind]int{}
	for _, entry := range incident.Timeline.Entries {
		kinds[entry.Kind]++
	}
	if kinds[health.EntryOpened] != 1 || kinds[health.EntryResolved] != 1 || incident.State != health.Resolved {
		s.wrong("%s: %d opening and %d closing entries, state %s", incident.ID, kinds[health.EntryOpened], kinds[health.EntryResolved], incident.State)
	}
	if incident.ResolvedAt.Before(incident.FirstFailureAt) {
		s.wrong("%s: a negative downtime, from %s to %s", incident.ID, incident.FirstFailureAt, incident.ResolvedAt)
	}
	if incident.Restarts > p.check.Remediation.Limits.PerIncident && !p.rearmedBetween(incident.OpenedAt, incident.ResolvedAt.Add(time.Hour)) {
		s.wrong("%s: %d restarts, and %d are allowed", incident.ID, incident.Restarts, p.check.Remediation.Limits.PerIncident)
	}
	// The downtime ends with the first passing probe, at most an interval after
	// the service is up; a restart and its settling may lie in between.
	slack := p.check.Interval.Std() + p.check.Remediation.Settle.Std() + p.check.Timeout.Std()
	if late := incident.ResolvedAt.Sub(p.lastDown(incident.ResolvedAt)); late > slack && p.check.FlapHigh == 0 {
		s.wrong("%s: resolved %s after the service was up", incident.ID, late)
	}
}

// checkAlert checks that nobody was woken who should not be.
func (s *simulation) checkAlert(told told) {
	p, at := s.services[told.alert.Service], noon.Add(told.at)
	if told.alert.Stage == health.AlertResolution {
		return
	}
	for what, periods := range map[string][]period{"maintenance": p.maintenance, "silence": p.silences} {
		window := lastOf(periods, at)
		if at.After(window.from.Add(instant)) && at.Before(window.to.Add(-time.Second)) {
			s.wrong("%s: %q was told at %s, in %s", told.alert.Incident, told.alert.News, at, what)
		}
	}
}

// checkBooks checks that the Gatekeeper has got all permits back.
func (s *simulation) checkBooks() {
	answer, err := s.QueryWorkflowByID(activities.GatekeeperID("default-test-taskqueue"), workflows.QueryLedger)
	require.NoError(s.t, err)
	var ledger workflows.Ledger
	require.NoError(s.t, answer.Get(&ledger))
	for name, account := range ledger.Accounts {
		if account.Down || account.Permit.After(noon.Add(simulated+quiet)) {
			s.wrong("%s: down %t and a permit until %s in the books at the end", name, account.Down, account.Permit)
		}
	}
	if len(ledger.Queue) > 0 {
		s.wrong("still in the queue at the end: %v", ledger.Queue)
	}
}
