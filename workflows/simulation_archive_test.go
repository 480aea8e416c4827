package workflows_test

import (
	"context"
	"errors"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// archives is the store of a simulation, which is down now and then, and what
// the workflows have told its recorder.
type archives struct {
	tries    int
	archived map[string]health.Incident
	reported map[string]health.Incident
	// standings are the latest ones, by service.
	standings map[string]health.Standing
}

func newArchives() archives {
	return archives{
		archived: map[string]health.Incident{}, reported: map[string]health.Incident{}, standings: map[string]health.Standing{},
	}
}

// archive stores a record, mostly. One outage is longer than the patience of
// an incident.
func (s *simulation) archive(_ context.Context, incident health.Incident) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if s.tries%7 < 3 || s.tries > 20 && s.tries < 28 {
		return errors.New("the disk is full")
	}
	s.archived[incident.ID] = incident
	return nil
}

// Stand implements workflows.Recorder, as the two below.
func (s *simulation) Stand(standing health.Standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.standings[standing.Service]; standing.At.Before(before.At) {
		s.wrong("%s: stood at %s and then at %s", standing.Service, before.At, standing.At)
	}
	s.standings[standing.Service] = standing
}

func (s *simulation) Report(incident health.Incident) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.reported[incident.ID]
	if before.State == health.Resolved && incident.State != health.Resolved ||
		len(incident.Timeline.Entries)+incident.Timeline.Omitted < len(before.Timeline.Entries)+before.Timeline.Omitted {
		s.wrong("%s: reported as %s with %d entries after %s with %d", incident.ID, incident.State,
			len(incident.Timeline.Entries), before.State, len(before.Timeline.Entries))
	}
	s.reported[incident.ID] = incident
}

func (*simulation) Outbox(health.Outbox) {}

// checkArchive checks that every record is stored as it was closed, and that
// what was shown to people is what came of it.
func (s *simulation) checkArchive(incident health.Incident) {
	archived, found := s.archived[incident.ID]
	if !found {
		s.wrong("%s: not archived", incident.ID)
	}
	for what, record := range map[string]health.Incident{"archived": archived, "reported": s.reported[incident.ID]} {
		if record.State != health.Resolved || record.Outcome != incident.Outcome || !record.ResolvedAt.Equal(incident.ResolvedAt) ||
			record.Waiting != "" || !record.ApproveBy.IsZero() {
			s.wrong("%s: %s as %s, %s, waiting %q until %s", incident.ID, what, record.State, record.Outcome, record.Waiting, record.ApproveBy)
		}
	}
	if total := incident.TimeToDetect() + incident.TimeToDecide() + incident.TimeToHeal(incident.ResolvedAt); total < incident.Downtime(incident.ResolvedAt) {
		s.wrong("%s: the parts of its downtime come to %s of %s", incident.ID, total, incident.Downtime(incident.ResolvedAt))
	}
}

// checkStanding checks that a service is shown as its Monitor sees it, and that
// its Monitors have seen to the end how it is: up.
func (s *simulation) checkStanding(p *patient) {
	answer, err := s.QueryWorkflowByID("monitor/"+p.check.Service, workflows.QueryState)
	require.NoError(s.t, err)
	var state workflows.MonitorState
	require.NoError(s.t, answer.Get(&state))
	shown := s.standings[p.check.Service]
	if shown.State != state.State || !shown.Since.Equal(state.Since) || shown.Failures != state.Streak.Failures || shown.Flapping != state.Flapping {
		s.wrong("%s is shown as %s since %s with %d failures, flapping %t, and is %s since %s with %d, %t", p.check.Service,
			shown.State, shown.Since, shown.Failures, shown.Flapping, state.State, state.Since, state.Streak.Failures, state.Flapping)
	}
	end := noon.Add(simulated + quiet)
	if state.State != health.StateHealthy || end.Sub(state.LastTick) > p.check.Interval.Std()+instant {
		s.wrong("%s is %s at the end, as it was seen at %s", p.check.Service, state.State, state.LastTick)
	}
}
