package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// noon is when the tests begin: a point of the grid of the service "web",
// which lies 25 s after each whole ten minutes, see TestNoonIsOnTheGrid.
var noon = time.Date(2026, 3, 1, 12, 0, 25, 0, time.UTC)

// world is all that workflows see of the world, in skipped time: a service
// that passes and fails by a script, remedies, receivers and the Gatekeeper.
// Every activity and every outside workflow is stood in for here and nowhere
// else. Change its functions before running.
type world struct {
	*testsuite.TestWorkflowEnvironment
	t *testing.T

	// script says what the probes find: see probeResult. Its last letter repeats.
	script string
	// treat carries out attempt n, counted from 1; nil applies it.
	treat func(n int, in activities.RemediateInput) (health.Treatment, error)
	// treatTakes is how long an attempt takes.
	treatTakes time.Duration
	// notify takes an alert; nil takes it at once.
	notify func(in activities.NotifyInput) error
	// permit answers for the Gatekeeper; nil grants.
	permit func(n int) (activities.AcquireAnswer, error)
	// lastIncident answers for Temporal; nil says that there never was one.
	lastIncident func() (activities.LastIncident, error)

	// incident stands in for Remediation; nil runs the real one.
	incident func(workflow.Context, workflows.RemediationInput) (health.Incident, error)

	mu       sync.Mutex
	probed   []time.Duration
	treated  []treated
	told     []told
	asked    []activities.AcquireInput
	granted  []bool
	released []workflows.Release
	// delivered is the result of the Delivery.
	delivered health.Timeline
}

// treated is one attempt that reached the remedies, told one alert that
// reached its receiver; both with the time since noon.
type treated struct {
	at time.Duration
	in activities.RemediateInput
}

type told struct {
	at       time.Duration
	receiver string
	alert    health.Alert
}

func newWorld(t *testing.T, script string) *world {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	w := &world{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, script: script}
	w.SetStartTime(noon)
	w.SetTestTimeout(time.Minute)
	w.RegisterWorkflow(workflows.Monitor)
	w.RegisterWorkflowWithOptions(w.remediation, workflow.RegisterOptions{Name: workflows.RemediationType})
	w.RegisterWorkflowWithOptions(w.delivery, workflow.RegisterOptions{Name: workflows.DeliveryType})
	w.RegisterWorkflow(workflows.Gatekeeper)
	w.RegisterActivity(&activities.Probes{Prober: w})
	w.RegisterActivity(&activities.Alerts{Notifier: w})
	var remedies *activities.Remedies
	w.RegisterActivity(remedies)
	w.OnActivity(remedies.Remediate, mock.Anything, mock.Anything).
		AfterFn(func() time.Duration { return w.treatTakes }).Return(w.remediate)
	var incidents *activities.Incidents
	w.RegisterActivity(incidents)
	w.OnActivity(incidents.LastIncident, mock.Anything, mock.Anything).Return(w.findIncident)
	var permits *activities.Permits
	w.RegisterActivity(permits)
	w.OnActivity(permits.Acquire, mock.Anything, mock.Anything).Return(w.acquire)
	w.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", workflows.SignalRelease, mock.Anything).Return(w.release)
	w.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", workflows.SignalPassed, mock.Anything).Return(
		errors.New("no incident is open"))
	return w
}

// since is the time since noon.
func (w *world) since() time.Duration { return w.Now().Sub(noon) }

// Probe implements activities.Prober with the script.
func (w *world) Probe(context.Context, string) (health.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.probed)
	w.probed = append(w.probed, w.since())
	return probeResult(w.script[min(n, len(w.script)-1)], w.Now().UTC())
}

// probeResult is what a letter of a script stands for: p passes, d is degraded,
// f fails, e is a prober that breaks.
func probeResult(letter byte, at time.Time) (health.Result, error) {
	switch letter {
	case 'p':
		return health.Result{Status: health.Healthy, At: at, LatencyMS: 1.5, Message: "status 200"}, nil
	case 'd':
		return health.Result{Status: health.Degraded, At: at, LatencyMS: 900, Message: "response time 900ms > 500ms"}, nil
	case 'f':
		return health.Result{Status: health.Unhealthy, At: at, LatencyMS: 2, Message: "status 503 != 200"}, nil
	case 'e':
		return health.Result{}, errors.New("out of sockets")
	default:
		return health.Result{}, fmt.Errorf("no such letter: %c", letter)
	}
}

func (w *world) remediation(ctx workflow.Context, in workflows.RemediationInput) (health.Incident, error) {
	if w.incident != nil {
		return w.incident(ctx, in)
	}
	return workflows.Remediation(ctx, in)
}

func (w *world) delivery(ctx workflow.Context, in workflows.DeliveryInput) (health.Timeline, error) {
	timeline, err := workflows.Delivery(ctx, in)
	w.delivered = timeline
	return timeline, err
}

// Notify implements activities.Notifier.
func (w *world) Notify(_ context.Context, receiver string, alert health.Alert) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.notify != nil {
		if err := w.notify(activities.NotifyInput{Receiver: receiver, Alert: alert}); err != nil {
			return err
		}
	}
	w.told = append(w.told, told{at: w.since(), receiver: receiver, alert: alert})
	return nil
}

func (w *world) remediate(_ context.Context, in activities.RemediateInput) (health.Treatment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.treated = append(w.treated, treated{at: w.since(), in: in})
	if w.treat != nil {
		return w.treat(len(w.treated), in)
	}
	return health.Treatment{Effect: health.Applied, Detail: "restarted web.service"}, nil
}

func (w *world) findIncident(context.Context, string) (activities.LastIncident, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lastIncident != nil {
		return w.lastIncident()
	}
	return activities.LastIncident{}, nil
}

func (w *world) acquire(_ context.Context, in activities.AcquireInput) (activities.AcquireAnswer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, in)
	answer, err := activities.AcquireAnswer{Granted: true}, error(nil)
	if w.permit != nil {
		answer, err = w.permit(len(w.asked))
	}
	w.granted = append(w.granted, answer.Granted)
	return answer, err
}

func (w *world) release(_, _, _, _ string, release any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.released = append(w.released, release.(workflows.Release))
	return nil
}

// at runs f when the given time since noon has come.
func (w *world) at(after time.Duration, f func()) { w.RegisterDelayedCallback(f, after) }

// web is the service of the tests, with all that the configuration can say.
func web() workflows.Check {
	second := health.Duration(time.Second)
	return workflows.Check{
		Service: "web", Severity: "critical", Runbook: "https://wiki.example/web",
		Interval: 60 * second, RetryInterval: 60 * second, Timeout: 10 * second, Watch: 600 * second,
		FailureThreshold: 3, SuccessThreshold: 1,
		Remediation: workflows.Plan{
			Settle: 10 * second, Backoff: []health.Duration{10 * second, 30 * second, 90 * second},
			Limits: health.Limits{PerIncident: 3},
			Steps:  []workflows.Step{{Title: "restart web.service", Limit: 90 * second}},
		},
		Alerts: []string{"ops"},
	}
}

// grid returns count times from the first, interval apart.
func grid(first, interval time.Duration, count int) []time.Duration {
	points := make([]time.Duration, count)
	for i := range points {
		points[i] = first + time.Duration(i)*interval
	}
	return points
}

func TestNoonIsOnTheGrid(t *testing.T) {
	watches := health.Grid{Interval: 10 * time.Minute, Offset: health.Spread("web", 10*time.Minute)}
	require.Equal(t, noon, watches.AtOrBefore(noon).UTC())
}

// slowProbe makes every probe take the given time and find what the letter says.
func (w *world) slowProbe(takes time.Duration, letter byte) *[]time.Duration {
	var begun []time.Duration
	var probes *activities.Probes
	w.OnActivity(probes.Probe, mock.Anything, mock.Anything).After(takes).Return(
		func(context.Context, activities.ProbeInput) (health.Result, error) {
			begun = append(begun, w.since()-takes)
			return probeResult(letter, w.Now().UTC().Add(-takes))
		})
	return &begun
}
