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

	"paramedic/internal/health"
)

// postman is a Temporal client that keeps what is put into Outboxes.
type postman struct {
	client.Client
	err    error
	posted []posted
}

type posted struct {
	id, signal, kind string
	post             any
	options          client.StartWorkflowOptions
	in               []any
}

func (p *postman) SignalWithStartWorkflow(
	_ context.Context, id, signal string, post any, options client.StartWorkflowOptions, kind any, in ...any,
) (client.WorkflowRun, error) {
	p.posted = append(p.posted, posted{id, signal, kind.(string), post, options, in})
	return nil, p.err
}

// phone is a notifier that knows one receiver.
type phone struct {
	err  error
	told [][]health.Alert
}

func (p *phone) Notify(_ context.Context, receiver string, alerts []health.Alert) error {
	p.told = append(p.told, alerts)
	if p.err != nil {
		return fmt.Errorf("%s: %w", receiver, p.err)
	}
	return nil
}

func (p *phone) Grouping(receiver string) (Grouping, error) {
	if receiver != "ops" {
		return Grouping{}, fmt.Errorf("receiver %q: %w", receiver, ErrNotConfigured)
	}
	return Grouping{Wait: health.Duration(30 * time.Second), Batch: 200}, nil
}

// TestPost: an alert goes into the one Outbox of its receiver, with how the
// worker's own configuration groups it. Put in twice, it is the same alert, and
// does not start a second Outbox.
func TestPost(t *testing.T) {
	temporalClient := &postman{}
	alerts := &Alerts{Notifier: &phone{}, Client: temporalClient}
	in := Post{
		Receiver: "ops", Alert: health.Alert{Service: "api", DedupKey: "api@1/down"},
		Grouping: Grouping{Batch: 7}, // not for the caller to say
	}
	env := environment(t, alerts)
	for range 2 {
		_, err := env.ExecuteActivity(alerts.Post, in)
		require.NoError(t, err)
	}
	require.Len(t, temporalClient.posted, 2)
	require.Equal(t, temporalClient.posted[0], temporalClient.posted[1])
	first := temporalClient.posted[0]
	queue := first.options.TaskQueue
	require.NotEmpty(t, queue)
	require.Equal(t, "outbox/"+queue+"/ops", first.id)
	require.Equal(t, []string{"post", "Outbox"}, []string{first.signal, first.kind})
	require.Equal(t, []any{struct{}{}}, first.in)
	require.Equal(t, "sends alerts to ops", first.options.StaticSummary)
	in.Grouping = Grouping{Wait: health.Duration(30 * time.Second), Batch: 200}
	require.Equal(t, in, first.post)
}

// TestPostFails: a receiver that is not configured is final and reaches no
// Outbox; a Temporal that is away is not.
func TestPostFails(t *testing.T) {
	temporalClient := &postman{err: errors.New("temporal is away")}
	alerts := &Alerts{Notifier: &phone{}, Client: temporalClient}
	env := environment(t, alerts)

	_, err := env.ExecuteActivity(alerts.Post, Post{Receiver: "nobody"})
	var application *temporal.ApplicationError
	require.ErrorAs(t, err, &application)
	require.Equal(t, TypeNotConfigured, application.Type())
	require.True(t, application.NonRetryable())
	require.Empty(t, temporalClient.posted)

	_, err = env.ExecuteActivity(alerts.Post, Post{Receiver: "ops"})
	require.ErrorAs(t, err, &application)
	require.False(t, application.NonRetryable())
	require.Regexp(t, "^handing an alert to outbox/.+/ops: temporal is away$", application.Message())
}

// TestDeliver: a group goes to the notifier as it is, and its failures say
// whether and when trying again can help.
func TestDeliver(t *testing.T) {
	group := []health.Alert{{Service: "a", DedupKey: "a/down"}, {Service: "b", DedupKey: "b/down"}}
	for name, c := range map[string]struct {
		err   error
		kind  string
		final bool
		delay time.Duration
	}{
		"taken":          {},
		"not configured": {err: ErrNotConfigured, kind: TypeNotConfigured, final: true},
		"refused":        {err: refusing{errors.New("bad token")}, kind: TypeRefused, final: true},
		"busy":           {err: busy{errors.New("slow down")}, kind: "Busy", delay: 7 * time.Second},
		"away":           {err: errors.New("connection refused"), kind: "wrapError"},
	} {
		notifier := &phone{err: c.err}
		alerts := &Alerts{Notifier: notifier}
		_, err := environment(t, alerts).ExecuteActivity(alerts.Deliver, DeliverInput{Receiver: "ops", Alerts: group})
		require.Equal(t, [][]health.Alert{group}, notifier.told, name)
		if c.err == nil {
			require.NoError(t, err, name)
			continue
		}
		var application *temporal.ApplicationError
		require.ErrorAs(t, err, &application, name)
		require.Equal(t, "ops: "+c.err.Error(), application.Message(), name)
		require.Equal(t, c.kind, application.Type(), name)
		require.Equal(t, c.final, application.NonRetryable(), name)
		require.Equal(t, c.delay, application.NextRetryDelay(), name)
	}
}
