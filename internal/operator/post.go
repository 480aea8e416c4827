package operator

import (
	"context"

	"paramedic/activities"
	"paramedic/internal/health"
)

// PostAlert puts an alert into the Outbox of a receiver, as incidents do; it is
// safe there once this returns. grouping is what the configuration says of the
// receiver. An Outbox takes an alert once, by its dedup key, so that PostAlert
// may be called again.
func (o *Operator) PostAlert(ctx context.Context, receiver string, grouping activities.Grouping, alert health.Alert) error {
	return activities.Hand(ctx, o.temporal, o.taskQueue, activities.Post{
		Receiver: receiver, Alert: alert, Grouping: grouping,
	})
}
