package activities

import (
	"context"

	"paramedic/internal/health"
)

// Notifier delivers an alert to one configured receiver.
type Notifier interface {
	Notify(ctx context.Context, receiver string, alert health.Alert) error
}

// Alerts are the activities that tell people.
type Alerts struct{ Notifier Notifier }

// NotifyInput is one alert for one receiver.
type NotifyInput struct {
	Receiver string       `json:"receiver"`
	Alert    health.Alert `json:"alert"`
}

// Notify delivers one alert. It may be called again with the same alert; the
// dedup key in it stays the same.
func (a *Alerts) Notify(ctx context.Context, in NotifyInput) error {
	return classify(a.Notifier.Notify(ctx, in.Receiver, in.Alert))
}
