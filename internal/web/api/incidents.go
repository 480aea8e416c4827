package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/store"
)

// Incident is an incident as a row of a list: what the command line's list
// shows, and what helps to choose.
type Incident struct {
	ID string `json:"id"`
	operator.Summary
	Severity       string        `json:"severity"`
	FirstFailureAt operator.Time `json:"first_failure_at"`
	Reason         string        `json:"reason"`
	// Action is the last thing that was done about it.
	Action string `json:"action"`
	// Waiting is why nothing is done now; empty if nothing holds it.
	Waiting string `json:"waiting"`
	// ApproveBy is until when a human may approve; null while nobody is asked.
	ApproveBy operator.Time `json:"approve_by"`
	// Link is its page in the Temporal Web UI, if that is known.
	Link string `json:"link,omitempty"`
}

// IncidentReport is an incident in full, as the command line shows it.
type IncidentReport struct {
	operator.Report
	Waiting   string        `json:"waiting"`
	ApproveBy operator.Time `json:"approve_by"`
	Link      string        `json:"link,omitempty"`
}

// incident shows a record as a row.
func (a *API) incident(record health.Incident) Incident {
	found := operator.RecordOf(record, a.Now())
	return Incident{
		ID: record.ID, Summary: found.Summary(), Severity: record.Severity,
		FirstFailureAt: operator.Time{Time: record.FirstFailureAt}, Reason: record.Reason, Action: record.Action,
		Waiting: record.Waiting, ApproveBy: operator.Time{Time: record.ApproveBy}, Link: a.WebUI(record.Workflow, record.Run),
	}
}

func (a *API) incidentReport(record health.Incident) IncidentReport {
	report := operator.RecordOf(record, a.Now()).Report()
	report.Affected = orNone(report.Affected)
	if report.Held == nil {
		report.Held = map[health.Rule]int{}
	}
	return IncidentReport{
		Report: report, Waiting: record.Waiting, ApproveBy: operator.Time{Time: record.ApproveBy},
		Link: a.WebUI(record.Workflow, record.Run),
	}
}

// incidents lists incidents, newest first: the open ones from the board, all
// others from the store.
func (a *API) incidents(r *http.Request) (int, any, error) {
	q := parse(r)
	state, service, target := q.oneOf("state", "", "open", "closed"), q.text("service"), q.text("target")
	from, until := q.instant("from", time.Time{}), q.instant("until", time.Time{})
	if !from.IsZero() && !until.IsZero() && !from.Before(until) {
		q.wrong("from: it is not before until")
	}
	if target != "" && service == "" {
		q.wrong("target: say of which service, with service")
	}
	part := q.page()
	if err := q.done(); err != nil {
		return 0, nil, err
	}
	filter := store.IncidentFilter{
		Service: service, Target: target, Open: state == "open", Closed: state == "closed",
		From: from, Until: until, Limit: part.limit, Offset: part.offset,
	}
	list, err := a.listIncidents(r.Context(), filter, part)
	// A service that is no longer configured may still have incidents, so that
	// only an empty answer is worth a doubt about the name.
	if err == nil && list.Total == 0 && service != "" {
		_, err = a.find(service)
	}
	return http.StatusOK, list, err
}

func (a *API) listIncidents(ctx context.Context, filter store.IncidentFilter, part page) (List[Incident], error) {
	open := a.Board.OpenIncidents()
	if filter.Open {
		kept := open[:0]
		for _, record := range open {
			if fits(record, filter) {
				kept = append(kept, record)
			}
		}
		picked := cut(kept, part)
		return List[Incident]{a.rows(picked.Items, nil), picked.Total, part.limit, part.offset}, nil
	}
	records, total, err := a.Store.Incidents(ctx, filter)
	if err != nil {
		return List[Incident]{}, a.stored(err)
	}
	return List[Incident]{a.rows(records, open), total, part.limit, part.offset}, nil
}

// fits reports whether an open incident is one that the filter keeps.
func fits(record health.Incident, filter store.IncidentFilter) bool {
	return (filter.Service == "" || record.Service == filter.Service) &&
		(filter.Target == "" || record.Target == filter.Target) &&
		(filter.From.IsZero() || !record.OpenedAt.Before(filter.From)) &&
		(filter.Until.IsZero() || record.OpenedAt.Before(filter.Until))
}

// rows shows records, those that are open as the board has them: the store may
// lag behind.
func (a *API) rows(records, open []health.Incident) []Incident {
	newest := make(map[string]health.Incident, len(open))
	for _, record := range open {
		newest[record.ID] = record
	}
	rows := make([]Incident, 0, len(records))
	for _, record := range records {
		if newer, is := newest[record.ID]; is && record.State != health.Resolved {
			record = newer
		}
		rows = append(rows, a.incident(record))
	}
	return rows
}

// oneIncident tells the story of an incident.
func (a *API) oneIncident(r *http.Request) (int, any, error) {
	if err := parse(r).done(); err != nil {
		return 0, nil, err
	}
	record, err := a.record(r.Context(), r.PathValue("incident"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, a.incidentReport(record), nil
}

// record finds an incident by its id, or by the name of a service or target,
// which means its latest one; that of a service with targets may be of any.
func (a *API) record(ctx context.Context, name string) (health.Incident, error) {
	if record, open := a.Board.OpenIncident(name); open {
		return record, nil
	}
	if service, target, known := a.subject(name); known {
		if incident := a.openOf(service, target); incident != nil {
			return *incident, nil
		}
		latest, _, err := a.Store.Incidents(ctx, store.IncidentFilter{Service: service, Target: target, Limit: 1})
		if err == nil && len(latest) == 0 {
			return health.Incident{}, faultf(http.StatusNotFound, "%q has had no incident, as far as is kept", clip(name))
		}
		return first(latest), a.stored(err)
	}
	record, err := a.Store.Incident(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return health.Incident{}, faultf(http.StatusNotFound,
			"there is no incident %q; its id looks like clickhouse@20260319T143000.000Z, and /api/v1/incidents lists them", clip(name))
	}
	return record, a.stored(err)
}

func first(records []health.Incident) health.Incident {
	if len(records) == 0 {
		return health.Incident{}
	}
	return records[0]
}
