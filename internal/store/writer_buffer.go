package store

import (
	"slices"
	"time"

	"paramedic/internal/health"
)

// How much is written in one transaction. An incident can be as large as a
// thousand results.
const (
	batchResults   = 5000
	batchSurveyed  = 20_000
	batchStandings = 5000
	batchIncidents = 200
	batchAlerts    = 1000
	batchOutboxes  = 50
)

// How much waits at most, beside the results. Standings and Outboxes are one a
// target and one a receiver, so that their bounds are never met in practice.
const (
	waitingStandings = 100_000
	waitingIncidents = 5000
	waitingAlerts    = 20_000
	waitingOutboxes  = 1000
)

// surveyedPerResult is how many results in surveys wait in the room of a single
// one, which takes more than ten times as much.
const surveyedPerResult = 10

// buffer is what waits to be written. Of what has a name only the newest
// matters; results wait in the order in which they came.
type buffer struct {
	maxResults int
	results    queue[entry[Result]]
	surveys    queue[entry[Survey]]
	// surveyed counts the results in the surveys.
	surveyed  int
	standings newest[Key, health.Standing]
	incidents newest[string, health.Incident]
	alerts    newest[alertName, Alert]
	outboxes  newest[string, health.Outbox]
}

type alertName struct{ dedupKey, receiver string }

func newBuffer(maxResults int) *buffer {
	return &buffer{
		maxResults: maxResults,
		standings: newNewest(
			func(s health.Standing) Key { return Key{s.Service, s.Target} },
			func(old, new health.Standing) bool { return !new.At.Before(old.At) }),
		incidents: newNewest(func(i health.Incident) string { return i.ID }, incidentReplaces),
		alerts: newNewest(
			func(a Alert) alertName { return alertName{a.DedupKey, a.Receiver} },
			func(old, new Alert) bool { return !new.At.Before(old.At) }),
		outboxes: newNewest(
			func(o health.Outbox) string { return o.Receiver },
			func(old, new health.Outbox) bool { return !new.At.Before(old.At) }),
	}
}

// incidentReplaces: a record never replaces one that knows more, or an open one
// a resolved one.
func incidentReplaces(old, new health.Incident) bool {
	if (old.State == health.Resolved) != (new.State == health.Resolved) {
		return new.State == health.Resolved
	}
	return told(new) >= told(old)
}

// told counts the entries that a timeline ever had.
func told(i health.Incident) int { return len(i.Timeline.Entries) + i.Timeline.Omitted }

// size counts the rows of a batch.
func (b Batch) size() int {
	return len(b.Results) + len(b.Surveys) + len(b.Standings) + len(b.Incidents) + len(b.Alerts) + len(b.Outboxes)
}

func (b *buffer) size() int {
	return b.results.n + b.surveys.n + b.standings.order.n + b.incidents.order.n + b.alerts.order.n + b.outboxes.order.n
}

func (b *buffer) put(batch Batch, now time.Time) {
	for _, result := range batch.Results {
		b.results.push(entry[Result]{result, now})
	}
	for _, survey := range batch.Surveys {
		b.surveys.push(entry[Survey]{survey, now})
		b.surveyed += survey.count
	}
	putAll(&b.standings, batch.Standings, now)
	putAll(&b.incidents, batch.Incidents, now)
	putAll(&b.alerts, batch.Alerts, now)
	putAll(&b.outboxes, batch.Outboxes, now)
}

// putBack puts a batch that could not be written before all that came in since.
func (b *buffer) putBack(batch Batch, since time.Time) {
	for _, result := range slices.Backward(batch.Results) {
		b.results.pushFront(entry[Result]{result, since})
	}
	for _, survey := range slices.Backward(batch.Surveys) {
		b.surveys.pushFront(entry[Survey]{survey, since})
		b.surveyed += survey.count
	}
	putAllBack(&b.standings, batch.Standings, since)
	putAllBack(&b.incidents, batch.Incidents, since)
	putAllBack(&b.alerts, batch.Alerts, since)
	putAllBack(&b.outboxes, batch.Outboxes, since)
}

// trim drops the oldest of what is too much beside inFlight results that are
// being written. It returns how many rows went, and which incidents.
func (b *buffer) trim(inFlight int) (dropped int, incidents []string) {
	for b.surveys.n > 0 && b.surveyed > surveyedPerResult*b.maxResults {
		dropped += b.popSurvey().count
	}
	for ; b.results.n > 0 && b.results.n+inFlight > b.maxResults; dropped++ {
		b.results.pop()
	}
	for ; b.incidents.order.n > waitingIncidents; dropped++ {
		incidents = append(incidents, b.incidents.pop().value.ID)
	}
	dropped += trim(&b.standings, waitingStandings) + trim(&b.alerts, waitingAlerts) + trim(&b.outboxes, waitingOutboxes)
	return dropped, incidents
}

// take removes what goes into one transaction, the oldest first.
func (b *buffer) take() Batch {
	var batch Batch
	if n := min(b.results.n, batchResults); n > 0 {
		batch.Results = make([]Result, n)
		for i := range batch.Results {
			batch.Results[i] = b.results.pop().value
		}
	}
	for taken := 0; b.surveys.n > 0 && taken < batchSurveyed; {
		survey := b.popSurvey()
		batch.Surveys = append(batch.Surveys, survey)
		taken += survey.count
	}
	batch.Standings = take(&b.standings, batchStandings)
	batch.Incidents = take(&b.incidents, batchIncidents)
	batch.Alerts = take(&b.alerts, batchAlerts)
	batch.Outboxes = take(&b.outboxes, batchOutboxes)
	return batch
}

// popSurvey removes the oldest survey; there must be one.
func (b *buffer) popSurvey() Survey {
	survey := b.surveys.pop().value
	b.surveyed -= survey.count
	return survey
}

// oldest is when the oldest row came in; zero if there is none.
func (b *buffer) oldest() time.Time {
	var oldest time.Time
	note := func(n int, since func() time.Time) {
		if n > 0 {
			oldest = earlier(oldest, since())
		}
	}
	note(b.results.n, func() time.Time { return b.results.first().since })
	note(b.surveys.n, func() time.Time { return b.surveys.first().since })
	note(b.standings.order.n, b.standings.oldest)
	note(b.incidents.order.n, b.incidents.oldest)
	note(b.alerts.order.n, b.alerts.oldest)
	note(b.outboxes.order.n, b.outboxes.oldest)
	return oldest
}

// earlier returns the earlier of two times; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func putAll[K comparable, V any](n *newest[K, V], values []V, now time.Time) {
	for _, value := range values {
		n.put(value, now)
	}
}

func putAllBack[K comparable, V any](n *newest[K, V], values []V, since time.Time) {
	for _, value := range slices.Backward(values) {
		n.putBack(value, since)
	}
}

func trim[K comparable, V any](n *newest[K, V], limit int) (dropped int) {
	for ; n.order.n > limit; dropped++ {
		n.pop()
	}
	return dropped
}

func take[K comparable, V any](n *newest[K, V], limit int) []V {
	if n.order.n == 0 {
		return nil
	}
	values := make([]V, min(n.order.n, limit))
	for i := range values {
		values[i] = n.pop().value
	}
	return values
}
