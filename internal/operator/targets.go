package operator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// remediationOf names the workflow of the open incident of a service, or of a
// target of it, by its health.TargetID.
func remediationOf(name string) string { return workflows.RemediationID(health.SplitTargetID(name)) }

// remediationName is the health.TargetID whose incident a workflow is.
func remediationName(workflowID string) string {
	return strings.TrimPrefix(workflowID, workflows.RemediationID("", ""))
}

// CountTargets counts the targets of a service by where they stand, as its
// Monitor knows them. Of those that it does not name, which are many only when
// all else is down, it cannot tell how long they fail: they count as down.
func CountTargets(fleet workflows.FleetState, failureThreshold int) health.Counts {
	counts := health.Counts{Failing: len(fleet.Failing)}
	for _, class := range fleet.Classes {
		counts.Total += class.Size
		for _, omitted := range class.Omitted {
			counts.Failing += omitted
			counts.Down += omitted
		}
	}
	for _, target := range fleet.Failing {
		if failingState(target, failureThreshold) == health.StateDown {
			counts.Down++
		}
	}
	counts.Total = max(counts.Total, counts.Failing)
	return counts
}

// FailingTargets are the targets of a service whose latest probe failed, as far
// as its Monitor names them: those that are down first, by name.
func FailingTargets(service string, fleet workflows.FleetState, failureThreshold int) []TargetStatus {
	statuses := make([]TargetStatus, 0, len(fleet.Failing))
	for _, target := range fleet.Failing {
		statuses = append(statuses, TargetStatus{
			Service: service, Target: target.Target, State: failingState(target, failureThreshold),
			Since: Time{target.Streak.FirstFailureAt}, Streak: target.Streak.Failures,
			LastProbeAt: Time{target.Last.At}, LatencyMS: target.Last.LatencyMS,
			Message: cmp.Or(target.Last.Message, target.Streak.FirstFailure),
		})
	}
	slices.SortFunc(statuses, func(a, b TargetStatus) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Target, b.Target)) // "down" is before "failing"
	})
	return statuses
}

func failingState(target workflows.FailingTarget, failureThreshold int) health.State {
	if target.Open || target.Streak.Against(failureThreshold) != health.BelowThreshold {
		return health.StateDown
	}
	return health.StateFailing
}

// Count fills in how many of its targets are up, and says it for people.
func (s *TargetStatus) Count(failureThreshold int) {
	if s.Fleet == nil {
		return
	}
	counts := CountTargets(*s.Fleet, failureThreshold)
	s.Targets = &counts
	s.Notes = append(s.Notes, Tell(counts))
	if s.Fleet.Whole == nil {
		return
	}
	switch s.Fleet.Whole.Reason {
	case workflows.Storm:
		s.Notes = append(s.Notes, "one incident for all that are down")
	case workflows.CutOff:
		s.Notes = append(s.Notes, "the workers that look are cut off")
	}
}

// Tell says in a few words how many targets are up: "9,997 of 10,000 up, 3 down".
func Tell(counts health.Counts) string {
	text := fmt.Sprintf("%s of %s up", Thousands(counts.Total-counts.Failing), Thousands(counts.Total))
	if counts.Down > 0 {
		text += fmt.Sprintf(", %s down", Thousands(counts.Down))
	}
	if failing := counts.Failing - counts.Down; failing > 0 {
		text += fmt.Sprintf(", %s failing", Thousands(failing))
	}
	return text
}

// Thousands writes a number for people: "10,000".
func Thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", Thousands(n/1000), n%1000)
}
