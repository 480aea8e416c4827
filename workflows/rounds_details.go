package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// assess says where the service stands as a whole: degraded while one of its
// targets is down, down while so many are that there is one incident for all,
// unknown while those who look are cut off.
func (r *rounds) assess(ctx workflow.Context) {
	counts := r.counts()
	state := health.StateHealthy
	whole := r.state.Fleet.Whole
	switch {
	case r.state.Paused != nil:
		state = health.StatePaused
	case whole != nil && whole.Reason == CutOff:
		state = health.StateUnknown
	case whole != nil:
		state = health.StateDown
	case counts.Down > 0:
		state = health.StateDegraded
	}
	if state != r.state.State {
		r.state.State, r.state.Since = state, workflow.Now(ctx)
	}
	r.state.Message = health.Clip(r.tally(counts), stateMessageLimit)
}

// counts are the targets by where they stand.
func (r *rounds) counts() health.Counts {
	down, _ := r.countDown()
	return health.Counts{Total: r.total(), Failing: len(r.state.Fleet.Failing) + r.omitted(), Down: down}
}

// tally puts the counts in words, and names the first targets that are down.
func (r *rounds) tally(counts health.Counts) string {
	switch {
	case counts.Failing == 0:
		return fmt.Sprintf("all %d targets pass", counts.Total)
	case counts.Down == 0:
		return fmt.Sprintf("%d of %d targets fail, none is down", counts.Failing, counts.Total)
	default:
		return r.stormText(counts.Down)
	}
}

// describeTargets writes what the Web UI shows of the targets.
func (r *rounds) describeTargets(page *strings.Builder) {
	counts := r.counts()
	fmt.Fprintf(page, "- %d targets, %d failing, %d down\n", counts.Total, counts.Failing, counts.Down)
	if whole := r.state.Fleet.Whole; whole != nil {
		fmt.Fprintf(page, "- one incident for the whole: %s\n", whole.Reason)
	}
	if r.state.Message != "" {
		fmt.Fprintf(page, "- %s\n", r.state.Message)
	}
	for i, failing := range r.state.Fleet.Failing {
		if i == detailsTargets {
			fmt.Fprintf(page, "- and %d more\n", len(r.state.Fleet.Failing)-i)
			break
		}
		fmt.Fprintf(page, "  - %s: %d failed probes since %s: %s\n",
			failing.Target, failing.Streak.Failures, stamp(failing.Streak.FirstFailureAt), failing.Last.Message)
	}
}

// detailsTargets is how many failing targets the Web UI's page names.
const detailsTargets = 20
