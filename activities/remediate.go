package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"paramedic/internal/health"
)

// Checkpoint is the durable memory of one attempt; see package remedy.
type Checkpoint interface {
	Load(state any) (bool, error)
	Save(ctx context.Context, state any) error
}

// Remediator carries out a step of a configured service's runbook.
type Remediator interface {
	Remediate(ctx context.Context, in RemediateInput, checkpoint Checkpoint) (health.Treatment, error)
}

// Remedies are the activities that act.
type Remedies struct {
	Remediator Remediator
	// Client reports heartbeats and hears whether they arrived.
	Client client.Client
}

// RemediateInput names a step; what the step does stands in the worker's own
// configuration.
type RemediateInput struct {
	Service string `json:"service"`
	Target  string `json:"target,omitempty"`
	// Step counts from 0.
	Step int `json:"step"`
	// LastFailure is when the last failed probe began; zero means act even if
	// somebody else has just acted.
	LastFailure time.Time `json:"last_failure,omitzero"`
}

// Remediate carries out one step, once, also if the worker dies meanwhile and
// the activity is taken up again.
func (r *Remedies) Remediate(ctx context.Context, in RemediateInput) (health.Treatment, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pulse := newPulse(ctx, r.Client)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		pulse.beat(ctx, cancel)
	}()
	treatment, err := r.Remediator.Remediate(ctx, in, pulse)
	cancel(nil)
	<-beating
	if err != nil {
		return health.Treatment{}, pulse.judge(fmt.Errorf("step %d of %s: %w", in.Step+1, in.Service, err))
	}
	return treatment, nil
}

// pulse is the heartbeat of one activity, and its checkpoint: each beat carries
// the state that was saved last. It speaks to the server directly and not
// through activity.RecordHeartbeat, which batches beats and hides whether they
// arrived: a remedy must not act before its checkpoint is durable.
type pulse struct {
	client    client.Client
	taskToken []byte
	interval  time.Duration
	// load decodes what an earlier try saved; nil if there is none.
	load func(state any) error

	mu    sync.Mutex
	state []any
}

// beatsPerTimeout is how many heartbeats fit into the heartbeat timeout, so
// that one lost beat is not a dead worker.
const beatsPerTimeout = 4

func newPulse(ctx context.Context, c client.Client) *pulse {
	info := activity.GetInfo(ctx)
	p := &pulse{client: c, taskToken: info.TaskToken, interval: info.HeartbeatTimeout / beatsPerTimeout}
	var previous converter.RawValue
	if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &previous) == nil {
		p.load = func(state any) error { return activity.GetHeartbeatDetails(ctx, state) }
		p.state = []any{previous}
	}
	return p
}

// Load implements Checkpoint.
func (p *pulse) Load(state any) (bool, error) {
	if p.load == nil {
		return false, nil
	}
	if err := p.load(state); err != nil {
		return false, fmt.Errorf("reading the checkpoint of an earlier try: %w", err)
	}
	return true, nil
}

// Save implements Checkpoint.
func (p *pulse) Save(ctx context.Context, state any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.client.RecordActivityHeartbeat(ctx, p.taskToken, state); err != nil {
		return fmt.Errorf("saving the checkpoint before acting: %w", err)
	}
	p.state = []any{state}
	return nil
}

// judge classifies the error of an attempt. After a checkpoint the attempt may
// have taken effect, unless the other side refused it.
func (p *pulse) judge(err error) error {
	err = classify(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	var known *temporal.ApplicationError
	if len(p.state) > 0 && !errors.As(err, &known) {
		return temporal.NewApplicationError(err.Error(), TypeUncertain)
	}
	return err
}

// beat sends heartbeats until ctx ends, and ends the activity when the server
// says that it was cancelled or is no longer this worker's.
func (p *pulse) beat(ctx context.Context, stop context.CancelCauseFunc) {
	if p.interval <= 0 {
		return
	}
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := p.once(ctx); isGone(err) {
				stop(fmt.Errorf("the attempt is no longer wanted: %w", err))
				return
			}
		}
	}
}

func (p *pulse) once(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.client.RecordActivityHeartbeat(ctx, p.taskToken, p.state...)
}

// isGone reports whether a heartbeat's answer means that the activity is not
// to go on: cancelled, timed out, or its workflow closed. A server that cannot
// be reached says nothing about that.
func isGone(err error) bool {
	var notFound *serviceerror.NotFound
	return err != nil && (errors.As(err, &notFound) || temporal.IsCanceledError(err))
}
