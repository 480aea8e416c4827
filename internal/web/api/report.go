package api

import (
	"context"
	"net/http"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/store"
)

const (
	reportDefault = 7 * 24 * time.Hour
	// longestIncident is how long an incident may have lasted to be found in a
	// report that begins after it was opened.
	longestIncident = 31 * 24 * time.Hour
	// reportPage is how many incidents are read at once.
	reportPage = 500
)

// Report sums up what happened, as the command line's report does.
type Report struct {
	Since    operator.Time    `json:"since"`
	Services []operator.Tally `json:"services"`
	Total    operator.Tally   `json:"total"`
}

// report sums up the incidents that were not over at a time.
func (a *API) report(r *http.Request) (int, any, error) {
	q := parse(r)
	since := a.Now().Add(-min(q.length("since", reportDefault), historyLimit))
	of := store.IncidentFilter{Service: q.text("service"), Target: q.text("target")}
	if of.Target != "" && of.Service == "" {
		q.wrong("target: say of which service, with service")
	}
	if err := q.done(); err != nil {
		return 0, nil, err
	}
	if of.Service != "" {
		if _, err := a.find(of.Service); err != nil {
			return 0, nil, err
		}
	}
	incidents, err := a.since(r.Context(), since, of)
	if err != nil {
		return 0, nil, err
	}
	services, total := operator.Summarize(incidents)
	total.Held = orEmpty(total.Held)
	return http.StatusOK, Report{operator.Time{Time: since}, orNone(services), total}, nil
}

func orEmpty(held map[health.Rule]int) map[health.Rule]int {
	if held == nil {
		return map[health.Rule]int{}
	}
	return held
}

// since returns the incidents of a service or target, or all, that were not over
// at a time: the open ones from the board, the closed ones from the store.
func (a *API) since(ctx context.Context, at time.Time, of store.IncidentFilter) ([]operator.Incident, error) {
	var incidents []operator.Incident
	open := map[string]bool{}
	for _, record := range a.Board.OpenIncidents() {
		if fits(record, of) {
			open[record.ID] = true
			incidents = append(incidents, operator.RecordOf(record, a.Now()))
		}
	}
	filter := of
	filter.Closed, filter.From, filter.Limit = true, at.Add(-longestIncident), reportPage
	for {
		records, total, err := a.Store.Incidents(ctx, filter)
		if err != nil {
			return nil, a.stored(err)
		}
		for _, record := range records {
			if !record.ResolvedAt.Before(at) && !open[record.ID] {
				incidents = append(incidents, operator.RecordOf(record, a.Now()))
			}
		}
		filter.Offset += len(records)
		if len(records) == 0 || filter.Offset >= total {
			return incidents, nil
		}
	}
}
