package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
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
	// post takes an alert into its Outbox; nil takes it at once.
	post func(in activities.Post) error
	// deliver says what became of an alert; nil says that it was delivered, and
	// false that nobody has reported on it.
	deliver func(in activities.Post) (lost string, reported bool)
	// gate answers for the Gatekeeper; nil decides for a fleet of one.
	gate func(n int, in activities.AskInput) (health.Decision, error)
	// down names the services, others than the one under test, whose probes fail.
	down map[string]bool
	// folds says whether the incident of a dependency is open.
	folds func(dependency string) bool
	// archive stores a record; nil stores it at once.
	archive func(n int) error
	// lastIncident answers for Temporal; nil says that there never was one.
	lastIncident func() (activities.LastIncident, error)

	// incident stands in for Remediation; nil runs the real one.
	incident func(workflow.Context, workflows.RemediationInput) (health.Incident, error)

	mu       sync.Mutex
	probed   []time.Duration
	treated  []treated
	told     []told
	asked    []activities.AskInput
	decided  []health.Decision
	released []workflows.Release
	closed   []workflows.Closed
	rearmed  []workflows.Rearmed
	folded   []string
	archived []health.Incident
	archives int
	// What the workflows told the recorder.
	standings []health.Standing
	reports   []health.Incident
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
	// A machine that is busy with other tests is no deadlock.
	w.SetWorkerOptions(worker.Options{
		DeadlockDetectionTimeout: time.Minute,
		Interceptors:             []interceptor.WorkerInterceptor{workflows.Recording(w)},
	})
	w.RegisterWorkflow(workflows.Monitor)
	w.RegisterWorkflowWithOptions(w.remediation, workflow.RegisterOptions{Name: workflows.RemediationType})
	w.RegisterWorkflow(workflows.Gatekeeper)
	w.RegisterActivity(&activities.Probes{Prober: w})
	var alerts *activities.Alerts
	w.RegisterActivity(alerts)
	w.OnActivity(alerts.Post, mock.Anything, mock.Anything).Return(w.takePost)
	var remedies *activities.Remedies
	w.RegisterActivity(remedies)
	w.OnActivity(remedies.Remediate, mock.Anything, mock.Anything).
		AfterFn(func() time.Duration { return w.treatTakes }).Return(w.remediate)
	var incidents *activities.Incidents
	w.RegisterActivity(incidents)
	w.OnActivity(incidents.LastIncident, mock.Anything, mock.Anything).Return(w.findIncident)
	w.OnActivity(incidents.Archive, mock.Anything, mock.Anything).Return(w.keep)
	w.RegisterWorkflowWithOptions(workflows.Archive, workflow.RegisterOptions{Name: workflows.ArchiveType})
	var permits *activities.Permits
	w.RegisterActivity(permits)
	w.OnActivity(permits.Ask, mock.Anything, mock.Anything).Return(w.ask)
	outside := func(signal string, take func(id string, payload any) error) {
		w.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", signal, mock.Anything).Return(
			func(_, id, _, _ string, payload any) error { return take(id, payload) })
	}
	outside(workflows.SignalRelease, func(_ string, p any) error { return record(w, &w.released, p) })
	outside(workflows.SignalClosed, func(_ string, p any) error { return record(w, &w.closed, p) })
	outside(workflows.SignalRearm, func(_ string, p any) error { return record(w, &w.rearmed, p) })
	outside(workflows.SignalAffected, w.fold)
	for _, signal := range []string{workflows.SignalPassed, workflows.SignalOrders, workflows.SignalFlapping} {
		outside(signal, func(string, any) error { return errors.New("no incident is open") })
	}
	return w
}

// since is the time since noon.
func (w *world) since() time.Duration { return w.Now().Sub(noon) }

// Probe implements activities.Prober with the script.
func (w *world) Probe(_ context.Context, service, _ string) (health.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if service != "web" {
		letter := byte('p')
		if w.down[service] {
			letter = 'f'
		}
		return probeResult(letter, w.Now().UTC())
	}
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

// takePost stands in for the Outboxes: it takes an alert, and reports on it.
func (w *world) takePost(_ context.Context, in activities.Post) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.post != nil {
		if err := w.post(in); err != nil {
			return err
		}
	}
	w.told = append(w.told, told{at: w.since(), receiver: in.Receiver, alert: in.Alert})
	lost, reported := "", true
	if w.deliver != nil {
		lost, reported = w.deliver(in)
	}
	if reported {
		delivered := workflows.Delivered{
			Receiver: in.Receiver, Status: in.Alert.Status, DedupKey: in.Alert.DedupKey, Error: lost,
		}
		_ = w.SignalWorkflowByID(in.Alert.Workflow, workflows.SignalDelivered, delivered)
	}
	return nil
}

// record keeps what was told to an outside workflow.
func record[T any](w *world, all *[]T, payload any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	*all = append(*all, payload.(T))
	return nil
}

// fold stands in for the incident of a dependency.
func (w *world) fold(id string, _ any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := strings.TrimPrefix(id, "remediation/")
	if w.folds == nil || !w.folds(name) {
		return errors.New("no incident is open")
	}
	w.folded = append(w.folded, name)
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

// keep stands in for the store.
func (w *world) keep(_ context.Context, incident health.Incident) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.archives++
	if w.archive != nil {
		if err := w.archive(w.archives); err != nil {
			return err
		}
	}
	w.archived = append(w.archived, incident)
	return nil
}

// Stand, Report and Outbox implement workflows.Recorder.
func (w *world) Stand(standing health.Standing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.standings = append(w.standings, standing)
}

func (w *world) Report(incident health.Incident) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, incident)
}

func (*world) Outbox(health.Outbox) {}

// ask stands in for the Gatekeeper.
func (w *world) ask(_ context.Context, in activities.AskInput) (activities.AskAnswer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, in)
	decision, err := health.Decide(&in.Situation, &health.Fleet{
		Incident: in.Incident, Services: 1, Down: 1, ConcurrentRestarts: 1,
	}), error(nil)
	if w.gate != nil {
		decision, err = w.gate(len(w.asked), in)
	}
	w.decided = append(w.decided, decision)
	return activities.AskAnswer{Decision: decision}, err
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
