package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

const (
	// simulated is how long the services of a simulation go up and down, and
	// quiet how long they are up after that, so that all incidents end.
	simulated = 6 * time.Hour
	quiet     = 90 * time.Minute
	// simulatedWatch is so short that Monitors take over from each other also
	// while an incident is open.
	simulatedWatch = time.Hour
)

// simulation is a small fleet that lives for some hours of skipped time: the
// real Monitors, Remediations, Outbox and Gatekeeper, over services that go up
// and down, restarts that help or do not, people who meddle, clocks that are
// set, and answers that are lost. What happened is checked afterwards.
type simulation struct {
	*testsuite.TestWorkflowEnvironment
	t      *testing.T
	random *rand.Rand
	limits activities.FleetLimits

	mu        sync.Mutex
	services  map[string]*patient
	names     []string
	incidents []health.Incident
	alerts    []told
	problems  []string
	asks      int
	schedules *schedules
	archives
}

// patient is one service of a simulation.
type patient struct {
	check workflows.Check
	// random is its own, so that services do not disturb each other.
	random *rand.Rand
	// outages are when it is down, in order; a restart may end one early.
	outages []period
	// skew is how far the clock of its prober is off.
	skew     time.Duration
	attempts []attempt
	// maintenance, silences and modes are what people have ordered, with when.
	maintenance, silences []period
	modes                 []modeChange
	rearmed               []time.Time
}

// period is from one instant to another.
type period struct{ from, to time.Time }

func (p period) has(at time.Time) bool { return !at.Before(p.from) && at.Before(p.to) }

type modeChange struct {
	at   time.Time
	mode health.Mode
}

// attempt is a restart as it happened.
type attempt struct {
	begun, ended time.Time
	counts       bool
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	s := &simulation{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t,
		random: rand.New(rand.NewPCG(seed, 3)), services: map[string]*patient{},
		schedules: newSchedules(), archives: newArchives(),
	}
	s.SetStartTime(noon)
	s.SetTestTimeout(2 * time.Minute)
	// A machine that is busy with other tests is no deadlock.
	s.SetWorkerOptions(worker.Options{
		DeadlockDetectionTimeout: time.Minute,
		Interceptors:             []interceptor.WorkerInterceptor{workflows.Recording(s), s.schedules},
	})
	for name, function := range map[string]any{
		workflows.MonitorType: workflows.Monitor, workflows.RemediationType: workflows.Remediation,
		workflows.GatekeeperType: workflows.Gatekeeper, workflows.OutboxType: workflows.Outbox,
		workflows.ArchiveType: workflows.Archive,
	} {
		s.RegisterWorkflowWithOptions(function, workflow.RegisterOptions{Name: name})
	}
	s.RegisterWorkflowWithOptions(s.live, workflow.RegisterOptions{Name: "live"})
	s.standIn()
	s.SetOnChildWorkflowCompletedListener(s.keepRecord)
	return s
}

// standIn replaces what would reach outside of the simulation.
func (s *simulation) standIn() {
	var (
		probes    *activities.Probes
		remedies  *activities.Remedies
		alerts    *activities.Alerts
		permits   *activities.Permits
		incidents *activities.Incidents
	)
	for _, family := range []any{probes, remedies, alerts, permits, incidents} {
		s.RegisterActivity(family)
	}
	s.OnActivity(probes.Probe, mock.Anything, mock.Anything).Return(s.probe)
	s.OnActivity(remedies.Remediate, mock.Anything, mock.Anything).Return(s.remediate)
	s.OnActivity(alerts.Post, mock.Anything, mock.Anything).Return(s.post)
	s.OnActivity(alerts.Deliver, mock.Anything, mock.Anything).Return(s.deliver)
	s.OnActivity(permits.Ask, mock.Anything, mock.Anything).Return(s.ask)
	s.OnActivity(permits.Sweep, mock.Anything, mock.Anything).Return(
		func(context.Context, activities.SweepInput) (activities.SweepOutput, error) {
			return activities.SweepOutput{}, nil
		})
	s.OnActivity(incidents.Archive, mock.Anything, mock.Anything).Return(s.archive)
	s.OnActivity(incidents.LastIncident, mock.Anything, mock.Anything).Return(s.lastIncident)
	// Nobody of that name: an incident that is not open, a Gatekeeper at rest.
	s.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(errors.New("not found"))
}

// live is the life of the fleet.
func (s *simulation) live(ctx workflow.Context) error {
	start := func(id, kind string, in any) error {
		ctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: id})
		return workflow.ExecuteChildWorkflow(ctx, kind, in).GetChildWorkflowExecution().Get(ctx, nil)
	}
	queue := workflow.GetInfo(ctx).TaskQueueName
	if err := start(activities.GatekeeperID(queue), workflows.GatekeeperType, workflows.Ledger{}); err != nil {
		return err
	}
	if err := start(activities.OutboxID(queue, "ops"), workflows.OutboxType, workflows.OutboxState{}); err != nil {
		return err
	}
	for _, name := range s.names {
		workflow.Go(ctx, func(ctx workflow.Context) { s.schedules.watch(ctx, s.services[name].check) })
	}
	return workflow.Sleep(ctx, simulated+quiet)
}

// probe looks at a service. The clock of its machine may be off.
func (s *simulation) probe(_ context.Context, in activities.ProbeInput) (health.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, now := s.services[in.Service], s.Now().UTC()
	letter := byte('p')
	if p.isDown(now) {
		letter = 'f'
	}
	return probeResult(letter, now.Add(p.skew))
}

func (p *patient) isDown(at time.Time) bool {
	for _, outage := range p.outages {
		if outage.has(at) {
			return true
		}
	}
	return false
}

// lastDown is when the service was last down before the given time.
func (p *patient) lastDown(before time.Time) time.Time {
	var last time.Time
	for _, outage := range p.outages {
		if outage.from.Before(before) && outage.to.After(last) {
			last = outage.to
		}
	}
	if last.After(before) {
		return before
	}
	return last
}

// remediate restarts a service, which may help, and may end in any way.
func (s *simulation) remediate(_ context.Context, in activities.RemediateInput) (health.Treatment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, now := s.services[in.Service], s.Now().UTC()
	s.checkAttempt(p, now)
	treatment, err := randomTreatment(p.random)
	var refused *temporal.ApplicationError
	counts := err == nil && treatment.Effect != health.LeftAlone || errors.As(err, &refused) && refused.Type() == activities.TypeUncertain
	p.attempts = append(p.attempts, attempt{begun: now, ended: now, counts: counts})
	if counts && p.random.IntN(2) == 0 {
		for i := range p.outages {
			if p.outages[i].has(now) {
				p.outages[i].to = now.Add(time.Duration(p.random.IntN(20)) * time.Second)
			}
		}
	}
	return treatment, err
}

// ask passes a question on to the Gatekeeper of the simulation. Sometimes it
// cannot be reached, and sometimes its answer is lost.
func (s *simulation) ask(_ context.Context, in activities.AskInput) (activities.AskAnswer, error) {
	s.mu.Lock()
	s.asks++
	id, fate := fmt.Sprintf("ask-%d", s.asks), s.services[in.Service].random.IntN(20)
	s.mu.Unlock()
	lost := temporal.NewNonRetryableApplicationError("the network is gone", "Network", nil)
	if fate == 0 {
		return activities.AskAnswer{}, lost
	}
	answered := gatekeeperAnswer(make(chan gatekeeperResult, 1))
	s.RegisterDelayedCallback(func() {
		batch := activities.AskBatch{Asks: []activities.AskInput{in}, Limits: s.limits}
		queue := activities.GatekeeperID("default-test-taskqueue")
		if err := s.UpdateWorkflowByID(queue, activities.UpdateAsk, id, answered, batch); err != nil {
			answered <- gatekeeperResult{err: err}
		}
	}, 0)
	result := <-answered
	if result.err != nil || fate == 1 {
		return activities.AskAnswer{}, errors.Join(lost, result.err)
	}
	return result.answers[0], nil
}

type gatekeeperResult struct {
	answers []activities.AskAnswer
	err     error
}

// gatekeeperAnswer takes the answer to an update.
type gatekeeperAnswer chan gatekeeperResult

func (gatekeeperAnswer) Accept()            {}
func (g gatekeeperAnswer) Reject(err error) { g <- gatekeeperResult{err: err} }
func (g gatekeeperAnswer) Complete(result any, err error) {
	answers, _ := result.([]activities.AskAnswer)
	g <- gatekeeperResult{answers, err}
}

// post puts an alert into the Outbox of the simulation.
func (s *simulation) post(_ context.Context, in activities.Post) error {
	s.mu.Lock()
	s.alerts = append(s.alerts, told{at: s.Now().Sub(noon), receiver: in.Receiver, alert: in.Alert})
	s.mu.Unlock()
	in.Grouping = activities.Grouping{Wait: health.Duration(30 * time.Second), Batch: 20}
	s.RegisterDelayedCallback(func() {
		_ = s.SignalWorkflowByID(activities.OutboxID("default-test-taskqueue", in.Receiver), activities.SignalPost, in)
	}, 0)
	return nil
}

// deliver takes a group of alerts, mostly.
func (s *simulation) deliver(context.Context, activities.DeliverInput) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.random.IntN(10) {
	case 0:
		return temporal.NewNonRetryableApplicationError("bad token", activities.TypeRefused, nil)
	case 1:
		return errors.New("connection refused")
	default:
		return nil
	}
}

func (s *simulation) lastIncident(_ context.Context, id string) (activities.LastIncident, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var last activities.LastIncident
	for _, incident := range s.incidents {
		if workflows.RemediationID(incident.Service, "") == id {
			last.ClosedAt = incident.ResolvedAt
		}
	}
	return last, nil
}

// keepRecord keeps the record of every incident that has ended.
func (s *simulation) keepRecord(info *workflow.Info, result converter.EncodedValue, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		var panicked *temporal.PanicError
		if errors.As(err, &panicked) {
			err = fmt.Errorf("%w\n%s", err, panicked.StackTrace())
		}
		s.problems = append(s.problems, fmt.Sprintf("%s failed: %v", info.WorkflowExecution.ID, err))
		return
	}
	if info.WorkflowType.Name != workflows.RemediationType {
		return
	}
	var incident health.Incident
	require.NoError(s.t, result.Get(&incident))
	s.incidents = append(s.incidents, incident)
}
