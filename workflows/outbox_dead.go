package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

const (
	// deadLimit is how many dead letters are kept.
	deadLimit = 500
	// deadNamed is how many of them a refusal names.
	deadNamed = 20
)

// bury makes a dead letter of an alert, for a human.
func (o *outbox) bury(ctx workflow.Context, alert health.Alert, tries int, why string) {
	o.LastID++
	o.Lost++
	alert.Evidence = "" // bounded, as it may lie here for long
	letter := health.DeadLetter{
		ID: fmt.Sprintf("d%d", o.LastID), Receiver: o.Receiver, At: workflow.Now(ctx),
		Error: why, Tries: tries, Alert: alert,
	}
	o.Dead = append(o.Dead, letter)
	o.logger.Error(fmt.Sprintf("ALERT LOST: %s could not be told that %s is %s: %s; dead letter %s/%s",
		o.Receiver, alert.Service, alert.Status, why, o.Receiver, letter.ID))
	if over := len(o.Dead) - deadLimit; over > 0 {
		o.Dead = slices.Clone(o.Dead[over:])
		o.Dropped += over
	}
}

// validateResend refuses what makes no sense.
func (o *outbox) validateResend(_ workflow.Context, in Resend) error {
	switch {
	case strings.TrimSpace(in.By) == "":
		return temporal.NewApplicationError("to send dead letters again needs a name: who says so?", TypeRefused)
	case len(o.Dead) == 0:
		return temporal.NewApplicationError("there are no dead letters", TypeRefused)
	case in.ID != "" && !slices.ContainsFunc(o.Dead, func(d health.DeadLetter) bool { return d.ID == in.ID }):
		return temporal.NewApplicationError(fmt.Sprintf("there is no dead letter %q; there are %s", in.ID, o.deadIDs()), TypeRefused)
	}
	return nil
}

// deadIDs names the oldest dead letters, and how many more there are.
func (o *outbox) deadIDs() string {
	var ids []string
	for _, letter := range o.Dead[:min(len(o.Dead), deadNamed)] {
		ids = append(ids, letter.ID)
	}
	names := strings.Join(ids, ", ")
	if more := len(o.Dead) - len(ids); more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return names
}

// resend puts dead letters at the end of those that wait, with the keys that
// they had: to the receiver they are the same alerts.
func (o *outbox) resend(ctx workflow.Context, in Resend) (int, error) {
	var again []health.Alert
	o.Dead = slices.DeleteFunc(o.Dead, func(letter health.DeadLetter) bool {
		if in.ID != "" && letter.ID != in.ID {
			return false
		}
		again = append(again, letter.Alert)
		return true
	})
	for _, alert := range again {
		o.enqueue(ctx, alert)
	}
	o.logger.Info(fmt.Sprintf("outbox of %s: %d dead letters are sent again, says %s",
		o.Receiver, len(again), health.Clip(strings.TrimSpace(in.By), nameLimit)))
	o.describe(ctx)
	return len(again), nil
}
