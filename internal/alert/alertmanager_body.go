package alert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
)

// What an Alertmanager is told is bounded: it keeps every alert in memory and
// repeats it in each notification.
const (
	// evidenceLimit is how many bytes of evidence an annotation repeats.
	evidenceLimit = 2000
	// labelLimit is how many bytes of a label's value are kept.
	labelLimit = 200
)

// postableAlert is an alert of the Alertmanager's API, version 2.
type postableAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt,omitzero"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// newPostable says until when, counted from now, an alert that is down lasts.
func newPostable(name string, a health.Alert, now time.Time, keep time.Duration) postableAlert {
	postable := postableAlert{
		Labels: labels(name, a), Annotations: annotations(a),
		StartsAt: a.Since.UTC(), EndsAt: now.Add(keep).UTC(), GeneratorURL: a.Link,
	}
	if a.Since.IsZero() {
		postable.StartsAt = time.Time{}
	}
	if a.Status == health.AlertRecovered {
		postable.EndsAt = recovery(a)
	}
	return postable
}

// recovery is when the service was well again, never before its outage began:
// an Alertmanager refuses the whole call over one such alert.
func recovery(a health.Alert) time.Time {
	at := a.At
	if !a.Since.IsZero() && a.Downtime > 0 {
		at = a.Since.Add(a.Downtime.Std())
	}
	if at.Before(a.Since) {
		at = a.Since
	}
	return at.UTC()
}

// labels are the same from the first alert of an incident to its last: two
// alerts are one to an Alertmanager if all their labels agree.
func labels(name string, a health.Alert) map[string]string {
	set := map[string]string{
		"alertname": name, "service": a.Service, "severity": a.Severity, "target": a.Target, "incident": a.Incident,
	}
	for _, key := range cleanFirst(a.Labels) {
		label := labelName(key)
		if _, taken := set[label]; taken {
			label = "label_" + label
		}
		if _, taken := set[label]; !taken {
			set[label] = a.Labels[key]
		}
	}
	// Over there an empty label is none at all.
	maps.DeleteFunc(set, func(_, value string) bool { return value == "" })
	for label, value := range set {
		set[label] = health.Clip(strings.ToValidUTF8(value, ""), labelLimit)
	}
	return set
}

// cleanFirst orders the names of labels: those that are taken as they are
// before those that have to be changed and might then meet one of the former.
func cleanFirst(labels map[string]string) []string {
	changed := func(name string) int {
		if labelName(name) == name {
			return 0
		}
		return 1
	}
	return slices.SortedFunc(maps.Keys(labels), func(a, b string) int {
		return cmp.Or(cmp.Compare(changed(a), changed(b)), cmp.Compare(a, b))
	})
}

// labelName replaces what Prometheus allows in no label's name, by "_".
func labelName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, name)
	if clean == "" || '0' <= clean[0] && clean[0] <= '9' {
		clean = "_" + clean
	}
	return clean
}

func annotations(a health.Alert) map[string]string {
	set := map[string]string{
		"summary": line(a), "description": description(a), "runbook_url": a.Runbook,
		"evidence": health.Clip(a.Evidence, evidenceLimit), "affected": strings.Join(a.Affected, ", "),
	}
	maps.DeleteFunc(set, func(_, value string) bool { return value == "" })
	for name, value := range set {
		set[name] = strings.ToValidUTF8(value, "")
	}
	return set
}

// description adds what the summary leaves out, one fact a line.
func description(a health.Alert) string {
	facts := []string{a.Impact, a.News, a.Action}
	if a.Attempts > 0 {
		facts = append(facts, fmt.Sprintf("Restarts in this incident: %d.", a.Attempts))
	}
	if a.Owner != "" {
		facts = append(facts, "Acknowledged by "+a.Owner+".")
	}
	facts = slices.DeleteFunc(facts, func(fact string) bool { return fact == "" })
	return strings.Join(facts, "\n")
}

// newest keeps the last alert of every incident, in the order in which the
// incidents first appear: of "down" and "recovered" the later one is true.
func newest(alerts []health.Alert) []health.Alert {
	var kept []health.Alert
	place := map[string]int{}
	for _, a := range alerts {
		if i, seen := place[a.Incident]; seen {
			kept[i] = a
			continue
		}
		place[a.Incident] = len(kept)
		kept = append(kept, a)
	}
	return kept
}
