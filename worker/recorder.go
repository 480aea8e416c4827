package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"paramedic/internal/alert"
	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/logging"
	"paramedic/internal/metrics"
	"paramedic/internal/store"
)

// recorder hears of everything that this process does and sees: from workflows,
// from the fleet, and from the activity that archives. It shows it on the board,
// which has it stored, counts it, and writes operations to the log.
type recorder struct {
	*board.Board
	metrics *metrics.Metrics
	log     *slog.Logger
	started time.Time

	mu sync.Mutex
	// counted are the incidents as they were counted last, by id.
	counted map[string]health.Incident
}

func newRecorder(b *board.Board, m *metrics.Metrics, log *slog.Logger) *recorder {
	return &recorder{Board: b, metrics: m, log: log, started: time.Now(), counted: map[string]health.Incident{}}
}

// Probed implements fleet.Observer.
func (r *recorder) Probed(service, target string, result health.Result) {
	r.Board.Probed(service, target, result)
	r.metrics.Probed(service, result)
}

// Surveyed implements fleet.Observer.
func (r *recorder) Surveyed(service string, findings []health.Finding, late []time.Duration) {
	r.Board.Surveyed(service, findings, late)
	r.metrics.Surveyed(service, findings, late)
}

// Remediated implements fleet.Observer.
func (r *recorder) Remediated(service, kind string, treatment health.Treatment, took time.Duration, err error) {
	outcome := string(treatment.Effect)
	if err != nil {
		outcome = metrics.Error
	}
	r.metrics.Remediated(outcome)
	if err == nil && treatment.Effect == health.Failed {
		err = errors.New(treatment.Detail)
	}
	logging.Operation{Name: "remediate", Service: service, Took: took, Err: err}.
		Write(r.log, service+": "+kind+": "+outcome, "kind", kind, "outcome", outcome)
}

// Alerted implements fleet.Observer.
func (r *recorder) Alerted(receiver string, alerts []health.Alert, took time.Duration, err error) {
	r.Board.Alerted(receiver, alerts, took, err)
	outcome := store.AlertDelivered
	switch {
	case alert.IsRefused(err):
		outcome = store.AlertDead
	case err != nil:
		outcome = store.AlertRetrying
	}
	for _, told := range alerts {
		r.metrics.Alert(receiver, outcome)
		logging.Operation{Name: "alert", Service: told.Service, Incident: told.Incident, Took: took, Err: err}.
			Write(r.log, told.Service+": telling "+receiver+": "+string(outcome), "receiver", receiver, "outcome", string(outcome))
	}
}

// Report implements workflows.Recorder.
func (r *recorder) Report(incident health.Incident) {
	shown, known := r.Board.OpenIncident(incident.ID)
	r.Board.Report(incident)
	if known {
		r.count(incident, &shown)
	} else {
		r.count(incident, nil)
	}
}

// Archive implements activities.Archiver.
func (r *recorder) Archive(ctx context.Context, incident health.Incident) error {
	begun := time.Now()
	err := r.Board.Archive(ctx, incident)
	if err == nil {
		r.metrics.IncidentClosed(incident)
	}
	logging.Operation{Name: "archive", Service: incident.Service, Incident: incident.ID, Took: time.Since(begun), Err: err}.
		Write(r.log, incident.Service+": archiving incident "+incident.ID)
	return err
}

// count counts what has come to an incident since it was shown, or was counted,
// last. What was shown of it may have come from another worker, which has counted
// it, and so has somebody what came before this process was started.
func (r *recorder) count(incident health.Incident, shown *health.Incident) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.counted[incident.ID]
	if shown != nil {
		before, known = *shown, true
	}
	if known || incident.OpenedAt.After(r.started) {
		for rule, times := range incident.Held {
			for range times - before.Held[rule] {
				r.metrics.Held(rule)
				if ofGatekeeper[rule] {
					r.metrics.Permit(false)
				}
			}
		}
		for range incident.Attempts - before.Attempts {
			r.metrics.Permit(true)
		}
	}
	// A closed one is told of again while it sees its alerts off.
	r.counted[incident.ID] = incident
	if len(r.counted) > countedLimit {
		maps.DeleteFunc(r.counted, func(_ string, i health.Incident) bool {
			return i.State == health.Resolved && time.Since(i.ResolvedAt) > countedFor
		})
	}
}

const (
	// countedFor is how long a closed incident may be told of again.
	countedFor = time.Hour
	// countedLimit is from how many incidents on those are forgotten.
	countedLimit = 1000
)

// ofGatekeeper are the rules that only the Gatekeeper can apply.
var ofGatekeeper = map[health.Rule]bool{
	health.RuleConcurrent: true, health.RuleMinHealthy: true,
	health.RuleIncidentsPerHour: true, health.RuleRestartsPerDay: true,
}
