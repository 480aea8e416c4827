package store

import (
	"math"
	"strings"
	"time"

	"paramedic/internal/health"
)

// errorLimit bounds the text of an alert's error, in bytes.
const errorLimit = 1000

// cleaned returns a batch that both databases take: bounded texts of valid
// UTF-8 without NUL, which PostgreSQL refuses, and numbers that JSON can hold.
// It leaves out what cannot be told apart.
func cleaned(b Batch) Batch {
	clean := Batch{}
	for _, r := range b.Results {
		r.Service, r.Target = cleanText(r.Service), cleanText(r.Target)
		if r.Service != "" && hasTime(r.At) {
			r.Result = cleanResult(r.Result)
			clean.Results = append(clean.Results, r)
		}
	}
	clean.Surveys = b.Surveys // they were made clean
	for _, s := range b.Standings {
		s.Service, s.Target = cleanText(s.Service), cleanText(s.Target)
		if s.Service != "" && hasTime(s.At) {
			clean.Standings = append(clean.Standings, s)
		}
	}
	for _, i := range b.Incidents {
		if cleanText(i.ID) != "" && cleanText(i.Service) != "" {
			clean.Incidents = append(clean.Incidents, i)
		}
	}
	for _, a := range b.Alerts {
		if a = cleanAlert(a); a.DedupKey != "" && a.Receiver != "" {
			clean.Alerts = append(clean.Alerts, a)
		}
	}
	for _, o := range b.Outboxes {
		if cleanText(o.Receiver) != "" {
			clean.Outboxes = append(clean.Outboxes, o)
		}
	}
	return clean
}

func size(b Batch) int {
	return len(b.Results) + len(b.Surveys) + len(b.Standings) + len(b.Incidents) + len(b.Alerts) + len(b.Outboxes)
}

// hasTime reports whether a time can be one at which something happened.
func hasTime(at time.Time) bool { return at.UnixMilli() > 0 && at.Year() < 10_000 }

func cleanText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}

func cleanResult(r health.Result) health.Result {
	r.Message = health.Clip(cleanText(r.Message), health.MessageLimit)
	if !(r.LatencyMS >= 0) || math.IsInf(r.LatencyMS, 0) {
		r.LatencyMS = 0
	}
	for _, value := range r.Observations {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			r.Observations = finite(r.Observations)
			break
		}
	}
	return r
}

// finite returns those numbers that JSON can hold.
func finite(values map[string]float64) map[string]float64 {
	kept := make(map[string]float64, len(values))
	for name, value := range values {
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			kept[name] = value
		}
	}
	return kept
}

func cleanAlert(a Alert) Alert {
	a.DedupKey, a.Receiver = cleanText(a.DedupKey), cleanText(a.Receiver)
	a.Service, a.Incident = cleanText(a.Service), cleanText(a.Incident)
	a.Status, a.Stage = health.AlertStatus(cleanText(string(a.Status))), health.AlertStage(cleanText(string(a.Stage)))
	a.Outcome = AlertOutcome(cleanText(string(a.Outcome)))
	a.Error = health.Clip(cleanText(a.Error), errorLimit)
	return a
}
