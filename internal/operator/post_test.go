package operator

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"paramedic/activities"
	"paramedic/internal/health"
)

// postbox records what is handed to Outboxes.
type postbox struct {
	client.Client
	ids     []string
	queues  []string
	posts   []activities.Post
	failing error
}

func (p *postbox) SignalWithStartWorkflow(
	_ context.Context, id, signal string, in any, options client.StartWorkflowOptions, workflow any, _ ...any,
) (client.WorkflowRun, error) {
	if p.failing != nil {
		return nil, p.failing
	}
	if signal == activities.SignalPost && workflow == activities.OutboxType {
		p.ids, p.queues, p.posts = append(p.ids, id), append(p.queues, options.TaskQueue), append(p.posts, in.(activities.Post))
	}
	return nil, nil
}

func TestPostAlert(t *testing.T) {
	box := &postbox{}
	alert := health.Alert{Service: "clickhouse", Status: health.AlertDown, DedupKey: "clickhouse/down/1"}
	grouping := activities.Grouping{Wait: health.Duration(30 * time.Second), Batch: 20}
	require.NoError(t, New(box, "paramedic").PostAlert(t.Context(), "ops", grouping, alert))
	require.Equal(t, []string{"outbox/paramedic/ops"}, box.ids)
	require.Equal(t, []string{"paramedic"}, box.queues)
	require.Equal(t, []activities.Post{{Receiver: "ops", Alert: alert, Grouping: grouping}}, box.posts)
}

func TestPostAlertFails(t *testing.T) {
	box := &postbox{failing: errors.New("temporal is away")}
	err := New(box, "paramedic").PostAlert(t.Context(), "ops", activities.Grouping{}, health.Alert{})
	require.EqualError(t, err, "handing an alert to outbox/paramedic/ops: temporal is away")
	require.ErrorIs(t, err, box.failing)
}

func TestRecordOf(t *testing.T) {
	record := health.Incident{
		Service: "web", State: health.Triggered, FirstFailureAt: began, OpenedAt: began.Add(time.Minute),
		Workflow: "remediation/web", Run: "r1",
	}
	incident := RecordOf(record, began.Add(time.Hour))
	require.Equal(t, time.Hour, incident.Length())
	require.Equal(t, "remediation/web", incident.Summary().WorkflowID)
	require.Equal(t, "r1", incident.Summary().RunID)
}
