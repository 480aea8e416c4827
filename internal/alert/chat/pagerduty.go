package chat

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"paramedic/internal/health"
)

// pagerdutySeverities are those that it knows; any other is told as "error".
var pagerdutySeverities = []string{"critical", "error", "warning", "info"}

// pagerduty keeps incidents of its own: each of ours becomes one there, is
// acknowledged and resolved with it, and may be told again without harm.
var pagerduty = service{
	name: "pagerduty", form: "pagerduty://events.pagerduty.com/INTEGRATION-KEY", limit: textLimit, params: insecure,
	open: func(u *url.URL) (writer, error) {
		server, err := base(u)
		if err != nil {
			return nil, err
		}
		parts := segments(u)
		if len(parts) != 1 {
			return nil, errors.New("has not exactly one integration key after the host")
		}
		return func(m Message) ([]Post, error) {
			var posts []Post
			for _, alert := range m.Alerts {
				event, err := posted(server+"/v2/enqueue", http.Header{}, pagerdutyEvent(parts[0], alert))
				if err != nil {
					return nil, err
				}
				posts = append(posts, event...)
			}
			return posts, nil
		}, nil
	},
}

func pagerdutyEvent(key string, a health.Alert) map[string]any {
	event := map[string]any{"routing_key": key, "dedup_key": health.Clip("paramedic/"+a.Incident, 255)}
	switch {
	case a.Status == health.AlertRecovered:
		event["event_action"] = "resolve"
		return event
	case a.Owner != "":
		event["event_action"] = "acknowledge"
	default:
		event["event_action"] = "trigger"
	}
	event["client"] = "paramedic"
	event["payload"] = pagerdutyPayload(a)
	var links []map[string]string
	for _, link := range []struct{ text, href string }{{"Runbook", a.Runbook}, {"Incident", a.Link}} {
		if link.href != "" {
			links = append(links, map[string]string{"href": link.href, "text": link.text})
		}
	}
	if links != nil {
		event["links"] = links
	}
	return event
}

func pagerdutyPayload(a health.Alert) map[string]any {
	source := a.Service
	if a.Target != "" {
		source += "/" + a.Target
	}
	severity := a.Severity
	if !slices.Contains(pagerdutySeverities, severity) {
		severity = "error"
	}
	payload := map[string]any{
		"summary": cut(valid(source+" is down: "+a.Reason), 1024), "source": or(source, "paramedic"),
		"severity": severity, "component": a.Service,
		"custom_details": map[string]any{
			"incident": a.Incident, "reason": a.Reason, "news": a.News, "action": a.Action, "impact": a.Impact,
			"evidence": cut(valid(a.Evidence), textLimit), "attempts": a.Attempts, "affected": a.Affected,
		},
	}
	if !a.Since.IsZero() {
		payload["timestamp"] = a.Since.UTC().Format(time.RFC3339)
	}
	return payload
}
