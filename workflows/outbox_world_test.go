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
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// errAway is a failure that passes, errNever one that does not.
var (
	errAway  = errors.New("connection refused")
	errNever = temporal.NewNonRetryableApplicationError("bad token", activities.TypeRefused, nil)
)

// postbox runs an Outbox in skipped time, and stands in for its receiver, "ops",
// and for the incidents.
type postbox struct {
	*testsuite.TestWorkflowEnvironment
	t        *testing.T
	grouping activities.Grouping
	// deliver answers try n, counted from 1; nil takes everything.
	deliver func(n int, in activities.DeliverInput) error
	// takes is how long a try takes.
	takes time.Duration
	// closed names the workflows that hear nothing any more.
	closed map[string]bool

	mu      sync.Mutex
	tries   []try
	reports []report
	logged  []string
}

// try is one message that was tried, with the time since noon.
type try struct {
	at   time.Duration
	keys []string
	// with counts the alerts that came with evidence.
	with int
}

// report is what an incident was told.
type report struct {
	workflow string
	workflows.Delivered
}

func newPostbox(t *testing.T, wait time.Duration, batch int) *postbox {
	t.Helper()
	p := &postbox{t: t, grouping: activities.Grouping{Wait: health.Duration(wait), Batch: batch}}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(p, nil))))
	p.TestWorkflowEnvironment = suite.NewTestWorkflowEnvironment()
	p.SetStartTime(noon)
	p.SetTestTimeout(time.Minute)
	// A machine that is busy with other tests is no deadlock.
	p.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute})
	p.RegisterWorkflow(workflows.Outbox)
	var alerts *activities.Alerts
	p.RegisterActivity(alerts)
	p.OnActivity(alerts.Deliver, mock.Anything, mock.Anything).AfterFn(func() time.Duration { return p.takes }).Return(p.try)
	p.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", workflows.SignalDelivered, mock.Anything).Return(
		func(_, id, _, _ string, payload any) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.closed[id] {
				return fmt.Errorf("%s is gone", id)
			}
			p.reports = append(p.reports, report{id, payload.(workflows.Delivered)})
			return nil
		})
	return p
}

// Write takes a line of the log.
func (p *postbox) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logged = append(p.logged, string(line))
	return len(line), nil
}

func (p *postbox) try(_ context.Context, in activities.DeliverInput) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	this := try{at: p.since().Round(time.Millisecond)}
	for _, alert := range in.Alerts {
		this.keys = append(this.keys, alert.DedupKey)
		if alert.Evidence != "" {
			this.with++
		}
	}
	p.tries = append(p.tries, this)
	if p.deliver == nil {
		return nil
	}
	return p.deliver(len(p.tries), in)
}

func (p *postbox) since() time.Duration { return p.Now().Sub(noon) }

// at runs f when the given time since the start has come.
func (p *postbox) at(after time.Duration, f func()) { p.RegisterDelayedCallback(f, after) }

// say is an alert of the incident of a service.
func say(service string, stage health.AlertStage, n int) health.Alert {
	alert := health.Alert{
		Stage: stage, Status: health.AlertDown, Service: service, Incident: service + "@1",
		Workflow: "remediation/" + service, Severity: "critical", Reason: "status 503 != 200 after 3 failed probes",
		DedupKey: service + "/" + string(health.AlertDown), At: noon,
	}
	switch stage {
	case health.AlertUpdate:
		alert.DedupKey = fmt.Sprintf("%s/update-%d", service, n)
	case health.AlertResolution:
		alert.Status, alert.DedupKey = health.AlertRecovered, service+"/recovered"
	}
	return alert
}

func down(service string) health.Alert      { return say(service, health.AlertInitial, 0) }
func recovered(service string) health.Alert { return say(service, health.AlertResolution, 0) }

// post hands alerts over, as incidents do.
func (p *postbox) post(alerts ...health.Alert) {
	for _, alert := range alerts {
		p.SignalWorkflow(activities.SignalPost, activities.Post{Receiver: "ops", Alert: alert, Grouping: p.grouping})
	}
}

// crowd hands over many alerts, from the given time on: the environment takes
// no more than some hundreds at once.
func (p *postbox) crowd(after time.Duration, alerts ...health.Alert) {
	for n := 0; n < len(alerts); n += 200 {
		part := alerts[n:min(n+200, len(alerts))]
		p.at(after+time.Duration(n)*time.Microsecond, func() { p.post(part...) })
	}
}

// resend asks for dead letters to be sent again, and requires the answer: how
// many, or the refusal.
func (p *postbox) resend(id, by string, want int, refusal string) {
	p.t.Helper()
	p.UpdateWorkflow(workflows.UpdateResend, fmt.Sprint("resend-", p.since(), id, by), &testsuite.TestUpdateCallback{
		OnReject: func(err error) {
			require.NotEmpty(p.t, refusal, "refused: %v", err)
			var application *temporal.ApplicationError
			require.ErrorAs(p.t, err, &application)
			require.Equal(p.t, refusal, application.Message())
		},
		OnAccept: func() { require.Empty(p.t, refusal, "accepted") },
		OnComplete: func(result any, err error) {
			if refusal == "" {
				require.NoError(p.t, err)
				require.Equal(p.t, want, result)
			}
		},
	}, workflows.Resend{ID: id, By: by})
}

// state asks what there is to do.
func (p *postbox) state() workflows.OutboxState {
	p.t.Helper()
	value, err := p.QueryWorkflow(workflows.QueryOutbox)
	require.NoError(p.t, err)
	var state workflows.OutboxState
	require.NoError(p.t, value.Get(&state))
	return state
}

// finish runs the Outbox until it ends by itself.
func (p *postbox) finish() {
	p.t.Helper()
	p.ExecuteWorkflow(workflows.Outbox, workflows.OutboxState{})
	require.True(p.t, p.IsWorkflowCompleted())
	require.NoError(p.t, p.GetWorkflowError())
}

// run runs the Outbox until the given time, and ends it.
func (p *postbox) run(until time.Duration) {
	p.t.Helper()
	reached := false
	p.at(until, func() { reached = true; p.CancelWorkflow() })
	p.ExecuteWorkflow(workflows.Outbox, workflows.OutboxState{})
	require.True(p.t, reached, "it ended before %s: %v", until, p.GetWorkflowError())
}

// rotate has the Outbox go on in a fresh history at the given time, and returns
// the input of the next run.
func (p *postbox) rotate(after time.Duration, in workflows.OutboxState) workflows.OutboxState {
	p.t.Helper()
	p.at(after, func() { p.SetContinueAsNewSuggested(true) })
	p.ExecuteWorkflow(workflows.Outbox, in)
	var again *workflow.ContinueAsNewError
	require.ErrorAs(p.t, p.GetWorkflowError(), &again)
	return continued[workflows.OutboxState](&world{TestWorkflowEnvironment: p.TestWorkflowEnvironment, t: p.t})
}

// reported is what the incident of an alert was told, by the alert's key. Those
// of one message reach the incidents in any order.
func (p *postbox) reported(key string) report {
	p.t.Helper()
	for _, report := range p.reports {
		if report.DedupKey == key {
			return report
		}
	}
	require.Fail(p.t, "nobody was told of "+key)
	return report{}
}

// messages are the keys of all tries.
func (p *postbox) messages() [][]string {
	var all [][]string
	for _, try := range p.tries {
		all = append(all, try.keys)
	}
	return all
}

// times are when the tries were made, in seconds since noon.
func (p *postbox) times() []float64 {
	var all []float64
	for _, try := range p.tries {
		all = append(all, try.at.Seconds())
	}
	return all
}
