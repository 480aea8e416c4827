package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"paramedic/internal/health"
)

// OutboxType is the workflow type of the Outbox, as registered.
const OutboxType = "Outbox"

// SignalPost is the signal that puts an alert into an Outbox; it carries a Post.
const SignalPost = "post"

// OutboxID names the workflow that sends the alerts of one receiver, in a
// deployment, which is all that works on a task queue.
func OutboxID(taskQueue, receiver string) string { return "outbox/" + taskQueue + "/" + receiver }

// Grouping says how the alerts of a receiver are put together.
type Grouping struct {
	// Wait is how long the first alert of a group waits for others.
	Wait health.Duration `json:"wait,omitempty"`
	// Batch is the most alerts in one message.
	Batch int `json:"batch"`
}

// Notifier delivers alerts to configured receivers.
type Notifier interface {
	// Notify delivers a group of alerts, oldest first, to one receiver.
	Notify(ctx context.Context, receiver string, alerts []health.Alert) error
	// Grouping tells how the alerts of a receiver are put together.
	Grouping(receiver string) (Grouping, error)
}

// Alerts are the activities that tell people.
type Alerts struct {
	Notifier Notifier
	Client   client.Client
}

// Post is one alert for one receiver.
type Post struct {
	Receiver string       `json:"receiver"`
	Alert    health.Alert `json:"alert"`
	// Grouping is filled in by the worker from its own configuration.
	Grouping Grouping `json:"grouping,omitzero"`
}

// Post puts an alert into the Outbox of its receiver. It is safe there once
// this returns. It may be called again with the same alert, which an Outbox
// knows by its dedup key.
func (a *Alerts) Post(ctx context.Context, post Post) error {
	grouping, err := a.Notifier.Grouping(post.Receiver)
	if err != nil {
		return classify(err)
	}
	post.Grouping = grouping
	return Hand(ctx, a.Client, activity.GetInfo(ctx).TaskQueue, post)
}

// Hand puts an alert, with its grouping, into the Outbox of its receiver in the
// deployment that works on taskQueue, and starts that Outbox if need be.
func Hand(ctx context.Context, temporal client.Client, taskQueue string, post Post) error {
	id := OutboxID(taskQueue, post.Receiver)
	_, err := temporal.SignalWithStartWorkflow(ctx, id, SignalPost, post, client.StartWorkflowOptions{
		TaskQueue:     taskQueue,
		StaticSummary: "sends alerts to " + post.Receiver,
	}, OutboxType, struct{}{})
	if err != nil {
		return fmt.Errorf("handing an alert to %s: %w", id, err)
	}
	return nil
}

// DeliverInput is a group of alerts for one receiver.
type DeliverInput struct {
	Receiver string         `json:"receiver"`
	Alerts   []health.Alert `json:"alerts"`
}

// Deliver sends a group of alerts. It may be called again with the same group;
// the dedup keys in it stay the same. It sends heartbeats, so that a group whose
// worker dies is soon tried again.
func (a *Alerts) Deliver(ctx context.Context, in DeliverInput) error {
	ctx, cancel := context.WithCancel(ctx)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		beat(ctx, activity.GetInfo(ctx).HeartbeatTimeout/beatsPerTimeout)
	}()
	err := a.Notifier.Notify(ctx, in.Receiver, in.Alerts)
	cancel()
	<-beating
	return classify(err)
}

// beat says that the activity is alive until ctx ends.
func beat(ctx context.Context, interval time.Duration) {
	if interval <= 0 {
		return
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			activity.RecordHeartbeat(ctx)
		case <-ctx.Done():
			return
		}
	}
}
