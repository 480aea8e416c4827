package main

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/operator"
)

// tellStory writes an incident for people: the figures first, then the
// timeline with the time since the first failure.
func (a *app) tellStory(incident operator.Incident, namespace string) error {
	if err := a.printf("%s: %s\n\n", incident.ID, standing(incident.Incident)); err != nil {
		return err
	}
	if err := a.table(nil, figures(incident, namespace)); err != nil {
		return err
	}
	if err := a.printf("\nTimeline, from %s\n", incident.FirstFailureAt.UTC().Format("2006-01-02 15:04:05.000 UTC")); err != nil {
		return err
	}
	rows := make([][]string, 0, len(incident.Timeline.Entries))
	for _, entry := range incident.Timeline.Entries {
		at, kind := "  "+offset(entry.At.Sub(incident.FirstFailureAt)), string(entry.Kind)
		for line := range strings.Lines(entry.Text) {
			rows = append(rows, []string{at, kind, strings.TrimRight(line, "\n")})
			at, kind = "", ""
		}
	}
	if err := a.table(nil, rows); err != nil {
		return err
	}
	if omitted := incident.Timeline.Omitted; omitted > 0 {
		return a.printf("  %s made room for later ones\n", count(omitted, "entry"))
	}
	return nil
}

// standing says in a few words where an incident stands.
func standing(incident health.Incident) string {
	if incident.State == health.Resolved && incident.Outcome != "" {
		return fmt.Sprintf("%s, %s", incident.State, incident.Outcome)
	}
	return string(incident.State)
}

// figures are the lines above the timeline; those without a value are left out.
func figures(incident operator.Incident, namespace string) [][]string {
	running := ""
	if incident.State != health.Resolved {
		running = ", and running"
	}
	rows := [][]string{
		{"  service", incident.TargetName() + ", severity " + incident.Severity},
		{"  reason", incident.Reason},
		{"  downtime", health.Span(incident.Length()) + running},
		{"  time to detect", health.Span(incident.Detection())},
		{"  time to decide", decided(incident.Deciding())},
		{"  time to heal", health.Span(incident.Healing()) + running},
		{"  attempts", fmt.Sprintf("%d (%s, %s)", incident.Attempts,
			count(incident.Restarts, "restart"), count(incident.Verifications, "verification"))},
		{"  would have", observed(incident.Observed)},
		{"  last action", incident.Action},
		{"  held", held(incident.Held)},
		{"  also down", strings.Join(incident.Affected, ", ")},
		{"  outcome", string(incident.Outcome)},
		{"  acknowledged", acknowledgement(incident.Incident)},
		{"  runbook", incident.Runbook},
		{"  workflow id", incident.WorkflowID},
		{"  run id", incident.RunID},
		{"  in the Web UI", uiPath(namespace, incident.WorkflowID, incident.RunID)},
		{"  note", incident.Stale},
	}
	kept := rows[:0]
	for _, row := range rows {
		if row[1] != "" {
			kept = append(kept, row)
		}
	}
	return kept
}

// decided is left out where nothing was decided.
func decided(took time.Duration) string {
	if took <= 0 {
		return ""
	}
	return health.Span(took)
}

// observed says what mode observe kept back.
func observed(restarts int) string {
	if restarts == 0 {
		return ""
	}
	return "made " + count(restarts, "restart") + ", in mode observe"
}

// held lists the rules that kept from acting, with how often.
func held(rules map[health.Rule]int) string {
	var all []string
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		all = append(all, fmt.Sprintf("%s %d×", rule, rules[rule]))
	}
	return strings.Join(all, ", ")
}

func acknowledgement(incident health.Incident) string {
	ack := incident.Acknowledged
	if ack == nil {
		return ""
	}
	text := fmt.Sprintf("by %s at %s", ack.By, offset(ack.At.Sub(incident.FirstFailureAt)))
	if ack.Note != "" {
		text += ": " + ack.Note
	}
	return text
}

// uiPath is where Temporal's Web UI shows the history of a run.
func uiPath(namespace, workflowID, runID string) string {
	return fmt.Sprintf("/namespaces/%s/workflows/%s/%s/history",
		url.PathEscape(namespace), url.PathEscape(workflowID), url.PathEscape(runID))
}

// offset writes the time since the beginning: "+12.3s", "+2m05.0s", "+3h02m05s".
func offset(d time.Duration) string {
	sign := "+"
	if d < 0 {
		sign, d = "-", -d
	}
	d = d.Round(100 * time.Millisecond)
	hours, minutes, seconds := int(d/time.Hour), int(d/time.Minute)%60, (d % time.Minute).Seconds()
	switch {
	case hours > 0:
		return fmt.Sprintf("%s%dh%02dm%02ds", sign, hours, minutes, int(seconds))
	case minutes > 0:
		return fmt.Sprintf("%s%dm%04.1fs", sign, minutes, seconds)
	default:
		return fmt.Sprintf("%s%.1fs", sign, seconds)
	}
}
