package workflows_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// TestRandomIncidents: whatever probes find, remedies do and people say, an
// incident stays within its limits and its record is sound.
func TestRandomIncidents(t *testing.T) {
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 9))
		check := randomCheck(random)
		w := newWorld(t, randomScript(random))
		w.treat = func(int, activities.RemediateInput) (health.Treatment, error) { return randomTreatment(random) }
		w.gate = func(_ int, in activities.AskInput) (health.Decision, error) {
			if random.IntN(3) == 0 {
				return queued, nil
			}
			return health.Decide(&in.Situation, nil), nil
		}
		w.deliver = func(activities.Post) (string, bool) {
			return []string{"", "refused"}[random.IntN(2)], random.IntN(4) > 0
		}
		for range random.IntN(5) {
			w.at(time.Duration(random.IntN(600))*time.Second, randomMessage(random, w))
		}
		incident := w.heal(outage(check))
		requireInvariants(t, seed, w, check, incident)
	}
}

func requireInvariants(t *testing.T, seed uint64, w *world, check workflows.Check, incident health.Incident) {
	t.Helper()
	require.False(t, incident.ResolvedAt.Before(incident.FirstFailureAt), "seed %d", seed)
	require.LessOrEqual(t, len(incident.Timeline.Entries), health.TimelineLimit, "seed %d", seed)
	require.Len(t, w.released, w.permits(), "seed %d: every permit goes back", seed)
	seen := map[string]int{}
	for _, told := range w.told {
		seen[told.receiver+told.alert.DedupKey]++
	}
	for key, count := range seen {
		require.Equal(t, 1, count, "seed %d: %s arrived more than once", seed, key)
	}
	if len(w.treated) > 0 {
		require.NotEmpty(t, check.Remediation.Steps, "seed %d", seed)
	}
	for i := 1; i < len(w.told); i++ {
		require.LessOrEqual(t, w.told[i-1].at, w.told[i].at)
	}
}

// permits counts the questions to the Gatekeeper that led to an attempt.
func (w *world) permits() int {
	count := 0
	for _, decision := range w.decided {
		if decision.Act {
			count++
		}
	}
	return count
}

func randomCheck(random *rand.Rand) workflows.Check {
	check := web()
	check.SuccessThreshold = 1 + random.IntN(3)
	check.RetryInterval = health.Duration(time.Duration(1+random.IntN(60)) * time.Second)
	check.Remediation.Limits.PerIncident = random.IntN(5)
	check.Remediation.Settle = health.Duration(time.Duration(random.IntN(30)) * time.Second)
	if random.IntN(4) == 0 {
		check.Remediation.Steps = nil
	}
	return check
}

// randomScript ends with passing probes, for every incident ends some day.
func randomScript(random *rand.Rand) string {
	letters := "ffffpde"
	script := make([]byte, random.IntN(40))
	for i := range script {
		script[i] = letters[random.IntN(len(letters))]
	}
	return string(script) + "p"
}

func randomTreatment(random *rand.Rand) (health.Treatment, error) {
	effects := []health.Effect{health.Applied, health.AlreadyApplied, health.LeftAlone, health.Failed, health.Uncertain}
	switch choice := random.IntN(8); choice {
	case 5:
		return health.Treatment{}, temporal.NewNonRetryableApplicationError("no", activities.TypeRefused, nil)
	case 6:
		return health.Treatment{}, errors.New("no bus")
	case 7:
		return health.Treatment{}, temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
	default:
		return health.Treatment{Effect: effects[choice], Detail: "so it went"}, nil
	}
}

func randomMessage(random *rand.Rand, w *world) func() {
	letter, age := "pf"[random.IntN(2)], time.Duration(random.IntN(90))*time.Second
	switch random.IntN(3) {
	case 0:
		return func() { w.SignalWorkflow(workflows.Acknowledge, workflows.Instruction{By: "ann"}) }
	case 1:
		return func() {
			result, _ := probeResult(letter, w.Now().Add(-age))
			w.SignalWorkflow(workflows.SignalPassed, result)
		}
	default:
		return func() {
			w.UpdateWorkflow(workflows.Acknowledge, "u", &answer{}, workflows.Instruction{By: "bob"})
		}
	}
}

// TestRandomWatches: whatever probes find, a watch makes one probe for each
// tick, and the streak that it hands over is that of its last results.
func TestRandomWatches(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 10))
		script := randomScript(random)
		w := newWorld(t, script)
		w.catchIncidents(time.Duration(random.IntN(600)+1) * time.Second)
		w.lastIncident = func() (activities.LastIncident, error) { return activities.LastIncident{Open: true}, nil }
		state := w.watch(web())
		require.Equal(t, grid(0, time.Minute, 10), w.probed, "seed %d", seed)
		failures, silent := 0, 0
		for i := range 10 {
			switch script[min(i, len(script)-1)] {
			case 'f':
				if silent++; silent > 3 {
					failures = 0 // stale after three intervals and a timeout
				}
				failures, silent = failures+1, 0
			case 'e':
				silent++
			default:
				failures, silent = 0, 0
			}
		}
		if silent < 4 {
			require.Equal(t, failures, state.Streak.Failures, "seed %d: %s", seed, script)
		}
	}
}
