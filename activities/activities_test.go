package activities

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"paramedic/internal/health"
)

// deaf is a Temporal client whose heartbeats fail: the one fault that a real
// server on the same machine cannot be made to show.
type deaf struct {
	client.Client
	err error
}

func (d deaf) RecordActivityHeartbeat(context.Context, []byte, ...any) error { return d.err }

// careful is a remediator that acts only once its checkpoint is saved.
type careful struct{ acted int }

func (c *careful) Remediate(ctx context.Context, _ RemediateInput, checkpoint Checkpoint) (health.Treatment, error) {
	var state string
	found, err := checkpoint.Load(&state)
	if err != nil {
		return health.Treatment{}, err
	}
	if found {
		return health.Treatment{Effect: health.AlreadyApplied, Detail: state}, nil
	}
	if err := checkpoint.Save(ctx, "before"); err != nil {
		return health.Treatment{}, err
	}
	c.acted++
	return health.Treatment{Effect: health.Applied}, nil
}

func environment(t *testing.T, activities ...any) *testsuite.TestActivityEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	for _, a := range activities {
		env.RegisterActivity(a)
	}
	return env
}

func TestNoActionWithoutACheckpoint(t *testing.T) {
	remediator := &careful{}
	remedies := &Remedies{Remediator: remediator, Client: deaf{err: errors.New("temporal is away")}}
	_, err := environment(t, remedies).ExecuteActivity(remedies.Remediate, RemediateInput{Service: "redis"})
	require.ErrorContains(t, err, "saving the checkpoint before acting: temporal is away")
	require.Zero(t, remediator.acted)
}

func TestCheckpointOfAnEarlierTryIsFound(t *testing.T) {
	remediator := &careful{}
	remedies := &Remedies{Remediator: remediator, Client: deaf{}}
	env := environment(t, remedies)
	env.SetHeartbeatDetails("before")
	value, err := env.ExecuteActivity(remedies.Remediate, RemediateInput{Service: "redis"})
	require.NoError(t, err)
	var treatment health.Treatment
	require.NoError(t, value.Get(&treatment))
	require.Equal(t, health.AlreadyApplied, treatment.Effect)
	require.Equal(t, "before", treatment.Detail)
	require.Zero(t, remediator.acted)
}

// stumbling fails after its checkpoint, as a remedy does that loses its bus.
type stumbling struct{ err error }

func (s stumbling) Remediate(ctx context.Context, _ RemediateInput, checkpoint Checkpoint) (health.Treatment, error) {
	return health.Treatment{}, errors.Join(checkpoint.Save(ctx, "before"), s.err)
}

func TestErrorAfterTheCheckpointIsUncertain(t *testing.T) {
	for want, err := range map[string]error{
		TypeUncertain: errors.New("connection lost"),
		TypeRefused:   refusing{errors.New("access denied")},
	} {
		remedies := &Remedies{Remediator: stumbling{err}, Client: deaf{}}
		_, err := environment(t, remedies).ExecuteActivity(remedies.Remediate, RemediateInput{Service: "redis"})
		var application *temporal.ApplicationError
		require.ErrorAs(t, err, &application)
		require.Equal(t, want, application.Type())
	}
}

type refusing struct{ error }

func (refusing) Final() bool { return true }

type busy struct{ error }

func (busy) RetryAfter() time.Duration { return 7 * time.Second }

func TestClassify(t *testing.T) {
	plain := errors.New("connection reset")
	for name, c := range map[string]struct {
		err          error
		kind         string
		nonRetryable bool
		delay        time.Duration
	}{
		"not configured": {fmt.Errorf("service x: %w", ErrNotConfigured), TypeNotConfigured, true, 0},
		"refused":        {fmt.Errorf("ops: %w", refusing{plain}), TypeRefused, true, 0},
		"busy":           {fmt.Errorf("ops: %w", busy{plain}), "Busy", false, 7 * time.Second},
	} {
		var classified *temporal.ApplicationError
		require.ErrorAs(t, classify(c.err), &classified, name)
		require.Equal(t, c.kind, classified.Type(), name)
		require.Equal(t, c.nonRetryable, classified.NonRetryable(), name)
		require.Equal(t, c.delay, classified.NextRetryDelay(), name)
		require.Equal(t, c.err.Error(), classified.Message(), name)
	}
	require.Same(t, plain, classify(plain), "what is not known to be final is retried")
	require.NoError(t, classify(nil))
}
