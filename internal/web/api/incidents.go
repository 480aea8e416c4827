package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
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
	state, service := q.oneOf("state", "", "open", "closed"), q.text("service")
	from, until := q.instant("from", time.Time{}), q.instant("until", time.Time{})
	if !from.IsZero() && !until.IsZero() && !from.Before(until) {
		q.wrong("from: it is not before until")
	}
	part := q.page()
	if err := q.done(); err != nil {
		return 0, nil, err
	}
	filter := store.IncidentFilter{
		Service: service, Open: state == "open", Closed: state == "closed",
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

// record finds an incident by its id, or by the name of a service, which means
// its latest one.
func (a *API) record(ctx context.Context, name string) (health.Incident, error) {
	if record, open := a.Board.OpenIncident(name); open {
		return record, nil
	}
	if s, known := a.Board.Service(name); known {
		if s.Incident != nil {
			return *s.Incident, nil
		}
		latest, _, err := a.Store.Incidents(ctx, store.IncidentFilter{Service: name, Limit: 1})
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

// instruct passes what a human says on to an open incident, named as in record.
func (a *API) instruct(instruction string) handle {
	return func(r *http.Request) (int, any, error) {
		name := r.PathValue("incident")
		service, target, err := a.open(r.Context(), name)
		if err != nil {
			return 0, nil, err
		}
		in, err := new(noted).instruction(r)
		if err != nil {
			return 0, nil, err
		}
		if name != service {
			in.Incident = name // that one, and none that opens meanwhile
		}
		o, err := a.operator(r.Context())
		if err != nil {
			return 0, nil, err
		}
		receipt, err := o.Instruct(r.Context(), strings.TrimSuffix(service+"/"+target, "/"), instruction, in)
		return confirmed(receipt, err)
	}
}

// open returns whose incident is meant. One that is known to be closed takes no
// instructions; that the board knows of none says nothing, as Temporal may.
func (a *API) open(ctx context.Context, name string) (service, target string, err error) {
	if record, open := a.Board.OpenIncident(name); open {
		return record.Service, record.Target, nil
	}
	if s, known := a.Board.Service(name); known {
		return s.Name, "", nil
	}
	record, err := a.record(ctx, name)
	if err != nil {
		return "", "", err
	}
	if record.State == health.Resolved {
		return "", "", faultf(http.StatusConflict, "incident %s is already resolved (%s)", record.ID, cmp.Or(record.Outcome, "without an outcome"))
	}
	if s, known := a.Board.Service(record.Service); known && s.Incident != nil && s.Incident.Target == record.Target {
		return "", "", faultf(http.StatusConflict, "incident %s is no longer open; the open one of %q is %s", record.ID, s.Name, s.Incident.ID)
	}
	return record.Service, record.Target, nil
}

// confirmed answers with what became of an instruction; one that no worker has
// confirmed is accepted.
func confirmed(receipt operator.Receipt, err error) (int, any, error) {
	status := http.StatusOK
	if receipt.Pending {
		status = http.StatusAccepted
		receipt.Text = fmt.Sprintf("no worker answers; what %s says is stored and takes effect when one runs again", receipt.By)
	}
	return status, receipt, err
}

// rearm gives the budgets of a service back, whether it has an incident or not.
func (a *API) rearm(r *http.Request) (int, any, error) {
	s, err := a.named(r)
	if err != nil {
		return 0, nil, err
	}
	in, err := new(noted).instruction(r)
	if err != nil {
		return 0, nil, err
	}
	o, err := a.operator(r.Context())
	if err != nil {
		return 0, nil, err
	}
	return confirmed(o.Rearm(r.Context(), s.Name, in))
}
