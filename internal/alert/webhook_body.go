package alert

import (
	"bytes"
	"encoding/json"
	"time"

	"paramedic/internal/health"
)

// webhookBody is the document that is posted. The first five fields are what
// existing receivers of such alerts already read.
type webhookBody struct {
	Service   string `json:"service"`
	Status    string `json:"status"`
	Reason    string `json:"reason"`
	Duration  string `json:"duration,omitempty"`
	Timestamp string `json:"timestamp"`
	Incident  string `json:"incident"`
	Severity  string `json:"severity"`
	Attempts  int    `json:"attempts"`
	DedupKey  string `json:"dedup_key"`
	Target    string `json:"target,omitempty"`
	Runbook   string `json:"runbook,omitempty"`
	// Stage tells the first word from reminders and other news; News is why an
	// update comes.
	Stage string `json:"stage,omitempty"`
	News  string `json:"news,omitempty"`
	Owner string `json:"owner,omitempty"`
	Link  string `json:"link,omitempty"`
	// Affected names the services that are down because of this one.
	Affected []string          `json:"affected,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}

func newWebhookBody(m health.Alert) webhookBody {
	body := webhookBody{
		Service: m.Service, Status: string(m.Status), Reason: m.Reason,
		Timestamp: m.At.UTC().Format(time.RFC3339),
		Incident:  m.Incident, Severity: m.Severity, Attempts: m.Attempts, DedupKey: m.DedupKey,
		Target: m.Target, Runbook: m.Runbook,
		Stage: string(m.Stage), News: m.News, Owner: m.Owner, Link: m.Link, Affected: m.Affected, Labels: m.Labels,
	}
	if m.Status == health.AlertRecovered {
		body.Duration = health.Span(m.Downtime.Std())
	}
	return body
}

// encode leaves "<", ">" and "&" as they are: reasons like "row count 0 < 1"
// are read by people.
func encode(body any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
