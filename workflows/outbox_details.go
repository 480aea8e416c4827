package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// describe writes what is to be done for the Web UI.
func (o *outbox) describe(ctx workflow.Context) {
	var page strings.Builder
	fmt.Fprintf(&page, "Alerts to **%s**: %d delivered, %d lost, %d dropped, %d waiting, %d dead letters\n\n",
		o.Receiver, o.Delivered, o.Lost, o.Dropped, len(o.Waiting), len(o.Dead))
	switch {
	case len(o.Sending) > 0 && o.Error != "":
		fmt.Fprintf(&page, "- sending %s, failing since %s: try %d: %s; next at %s\n",
			summary(o.Sending), stamp(o.Since), o.Tries, cell(o.Error), stamp(o.RetryAt))
	case len(o.Sending) > 0:
		fmt.Fprintf(&page, "- sending %s\n", summary(o.Sending))
	}
	if len(o.Dead) > 0 {
		page.WriteString("\n| dead letter | since | service | status | tries | error |\n|---|---|---|---|---|---|\n")
	}
	latest := o.Dead[max(0, len(o.Dead)-detailsEntries):]
	for _, letter := range latest {
		fmt.Fprintf(&page, "| %s/%s | %s | %s | %s | %d | %s |\n", o.Receiver, letter.ID, stamp(letter.At),
			cell(letter.Alert.Service), letter.Alert.Status, letter.Tries, cell(letter.Error))
	}
	if more := len(o.Dead) - len(latest); more > 0 {
		fmt.Fprintf(&page, "\nand %d older ones\n", more)
	}
	workflow.SetCurrentDetails(ctx, page.String())
	if !workflow.IsReplaying(ctx) && o.Receiver != "" { // which the first post tells
		o.recorder.Outbox(health.Outbox{
			Receiver: o.Receiver, At: workflow.Now(ctx), Waiting: len(o.Waiting) + len(o.Sending),
			Delivered: o.Delivered, Lost: o.Lost, DeadLetters: slices.Clone(o.Dead),
		})
	}
}

// cell makes a text fit for a table.
func cell(text string) string {
	return health.Clip(strings.NewReplacer("|", "\\|", "\r", " ", "\n", " ").Replace(text), summaryLimit)
}
