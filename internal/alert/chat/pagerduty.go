package chat

import (
	"slices"

	"paramedic/internal/health"
)

// pagerdutySeverities are those that it knows; any other is told as "error".
var pagerdutySeverities = []string{"critical", "error", "warning", "info"}

// Messages are what m is told as: itself, except where a service keeps
// incidents of its own. There each of ours becomes one, is acknowledged and
// resolved with it, and may be told again without harm.
func (a *Address) Messages(m Message) []Message {
	if a.service != "pagerduty" {
		return []Message{m}
	}
	var events []Message
	for _, alert := range m.Alerts {
		events = append(events, pagerdutyEvent(alert))
	}
	return events
}

func pagerdutyEvent(a health.Alert) Message {
	source := a.Service
	if a.Target != "" {
		source += "/" + a.Target
	}
	event := map[string]string{
		"dedup_key": health.Clip("paramedic/"+a.Incident, 255), "action": "trigger", "source": source, "client": "paramedic",
		"severity": "error",
	}
	if slices.Contains(pagerdutySeverities, a.Severity) {
		event["severity"] = a.Severity
	}
	if a.Link != "" {
		event["client_url"] = a.Link
	}
	text := source + " is down: " + a.Reason
	switch {
	case a.Status == health.AlertRecovered:
		event["action"], text = "resolve", source+" has recovered"
	case a.Owner != "":
		event["action"] = "acknowledge"
	}
	return Message{Text: text, params: event}
}
