package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// detailsEntries is how many of the latest entries the Web UI's page shows.
const detailsEntries = 12

// describe writes the state of the incident for the Web UI, as a small page of
// Markdown. It costs no history.
func (r *remediation) describe(ctx workflow.Context) {
	incident := r.Incident
	var page strings.Builder
	fmt.Fprintf(&page, "**%s**: %s, %s\n\n", incident.ID, incident.State, incident.Severity)
	fmt.Fprintf(&page, "- down since %s (%s)\n", stamp(incident.FirstFailureAt), health.Span(incident.Downtime(workflow.Now(ctx))))
	fmt.Fprintf(&page, "- reason: %s\n", incident.Reason)
	fmt.Fprintf(&page, "- attempts: %d, verifications: %d\n", incident.Attempts, incident.Verifications)
	if ack := incident.Acknowledged; ack != nil {
		fmt.Fprintf(&page, "- acknowledged by %s at %s: %s\n", ack.By, stamp(ack.At), ack.Note)
	}
	r.describeOrders(ctx, &page)
	if incident.Runbook != "" {
		fmt.Fprintf(&page, "- [runbook](%s)\n", incident.Runbook)
	}
	page.WriteString("\n| when | what |\n|---|---|\n")
	entries := incident.Timeline.Entries
	for _, entry := range entries[max(0, len(entries)-detailsEntries):] {
		text := strings.NewReplacer("|", "\\|", "\n", " \\| ").Replace(entry.Text)
		fmt.Fprintf(&page, "| %s | %s |\n", entry.At.UTC().Format("15:04:05"), text)
	}
	workflow.SetCurrentDetails(ctx, page.String())
	r.report(ctx)
}

// report shows the record as it is now, beyond Temporal.
func (r *remediation) report(ctx workflow.Context) {
	r.Incident.Waiting, r.Incident.ApproveBy = r.Held, time.Time{}
	if r.Approval.By == "" && workflow.Now(ctx).Before(r.Approval.Deadline) {
		r.Incident.ApproveBy = r.Approval.Deadline
	}
	if r.Incident.State == health.Resolved {
		r.Incident.Waiting, r.Incident.ApproveBy = "", time.Time{}
	}
	if !workflow.IsReplaying(ctx) {
		r.recorder.Report(r.Incident.Clone())
	}
}

// describeOrders writes what keeps the incident from being treated or told.
func (r *remediation) describeOrders(ctx workflow.Context, page *strings.Builder) {
	now := workflow.Now(ctx)
	if mode := r.mode(); mode != health.ModeAct {
		fmt.Fprintf(page, "- mode %s\n", mode)
	}
	if until, why := r.maintenance(now); !until.IsZero() {
		fmt.Fprintf(page, "- maintenance until %s %s\n", stamp(until), why)
	}
	if r.Orders.Silence.Open(now) {
		fmt.Fprintf(page, "- silence until %s\n", stamp(r.Orders.Silence.Until))
	}
	if r.Held != "" {
		fmt.Fprintf(page, "- held: %s\n", r.Held)
	}
	if len(r.Incident.Affected) > 0 {
		fmt.Fprintf(page, "- also down: %s\n", strings.Join(r.Incident.Affected, ", "))
	}
}
