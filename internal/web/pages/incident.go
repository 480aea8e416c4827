package pages

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/web/access"
)

// alertsLimit is how many alerts of an incident are shown.
const alertsLimit = 100

// incidentView is what incident.html shows.
type incidentView struct {
	health.Incident
	Open bool
	// Look is the state of a service that looks like the incident's.
	Look, StateWord string
	Downtime        time.Duration
	// Phases are how the downtime is split.
	Phases  []phase
	Picture timeline
	Entries []entryRow
	Reasons []heldReason
	// Alerts are those that were sent, newest first; AlertsLost is set if they
	// could not be read.
	Alerts     []store.Alert
	AlertsLost bool
	// WebUI is the address of its workflow's page, RunbookLink that of its
	// runbook; empty if there is none that a browser can follow.
	WebUI, RunbookLink string
	Impact             string
	// Postmortem is the Markdown to copy.
	Postmortem string
	Silence    *health.Window
	// Acts is set for who may use the buttons.
	Acts  bool
	Actor actor
	// Address is that of the page.
	Address string
}

// phase is a part of the downtime. X and Width are thousandths of it.
type phase struct {
	Class, Name string
	X, Width    int
	Span        time.Duration
}

// entryRow is one entry of the timeline.
type entryRow struct {
	health.Entry
	Offset string
	// Block is set for texts of several lines.
	Block bool
}

// heldReason is a rule that held it, and how often.
type heldReason struct {
	Rule  string
	Times int
}

func (p *Pages) incident(w http.ResponseWriter, r *http.Request) {
	i, ok := p.findIncident(w, r)
	if !ok {
		return
	}
	l, now := p.language(r), p.Now()
	service, _ := p.Board.Service(i.Service)
	v := incidentView{
		Incident: i, Open: i.State != health.Resolved, Look: incidentLook(i),
		StateWord: incidentRow{Incident: i}.StateWord(), Downtime: i.Downtime(now),
		Phases: phases(i, now), Picture: newTimeline(l, i, now), Entries: entryRows(i), Reasons: heldReasons(i),
		WebUI: p.workflowPage(i), Impact: service.Impact, Postmortem: postmortem(l, i, service.Impact, now),
		Silence: service.Orders.Silence, Address: incidentLink(i.ID),
		Acts: access.From(r.Context()).Role >= access.Operator, Actor: p.actor(r),
	}
	if isWeb(i.Runbook) {
		v.RunbookLink = i.Runbook
	}
	var err error
	if v.Alerts, err = p.Store.Alerts(r.Context(), store.AlertFilter{Incident: i.ID, Limit: alertsLimit}); err != nil {
		p.Log.Error("alerts could not be read", "incident", i.ID, "error", err)
		v.AlertsLost = true
	}
	p.render(w, r, http.StatusOK, "incident", v)
}

// findIncident returns the incident of a request: from the board while it is
// open, else from the store. If there is none, the answer is written and ok is
// false.
func (p *Pages) findIncident(w http.ResponseWriter, r *http.Request) (i health.Incident, ok bool) {
	id := r.PathValue("id")
	i, err := p.lookIncidentUp(r.Context(), id)
	switch {
	case err == nil:
		return i, true
	case errors.Is(err, store.ErrNotFound):
		p.Fail(w, r, http.StatusNotFound, p.language(r).t("There is no such incident. Closed ones are kept for a year unless the configuration says otherwise."))
	default:
		p.Log.Error("incident could not be read", "incident", id, "error", err)
		p.Fail(w, r, http.StatusServiceUnavailable, p.language(r).t("The history cannot be read now; open incidents are shown all the same."))
	}
	return health.Incident{}, false
}

func (p *Pages) lookIncidentUp(ctx context.Context, id string) (health.Incident, error) {
	if i, open := p.Board.OpenIncident(id); open {
		return i, nil
	}
	return p.Store.Incident(ctx, id)
}

// workflowPage is where the Temporal Web UI shows an incident.
func (p *Pages) workflowPage(i health.Incident) string {
	if i.Workflow == "" {
		return ""
	}
	return p.WebUI(i.Workflow, i.Run)
}

// incidentPostmortem answers with the Markdown alone.
func (p *Pages) incidentPostmortem(w http.ResponseWriter, r *http.Request) {
	i, ok := p.findIncident(w, r)
	if !ok {
		return
	}
	service, _ := p.Board.Service(i.Service)
	header := w.Header()
	header.Set("Content-Type", "text/markdown; charset=utf-8")
	header.Set("Content-Disposition", `inline; filename="`+postmortemName(i)+`"`)
	header.Set("Content-Language", p.language(r).Tag)
	header.Set("Cache-Control", "no-store")
	header.Add("Vary", "Accept-Language, Cookie")
	// An error here means that the reader has gone.
	_, _ = w.Write([]byte(postmortem(p.language(r), i, service.Impact, p.Now())))
}

// phases split the downtime; those without a length have no width.
func phases(i health.Incident, now time.Time) []phase {
	all := []phase{
		{Class: "detect", Name: key("to detect"), Span: i.TimeToDetect()},
		{Class: "decide", Name: key("to decide"), Span: i.TimeToDecide()},
		{Class: "heal", Name: key("to heal"), Span: i.TimeToHeal(now)},
	}
	var total, before time.Duration
	for _, one := range all {
		total += one.Span
	}
	if total <= 0 {
		return all
	}
	thousandths := func(d time.Duration) int { return int(float64(d) / float64(total) * 1000) }
	for at := range all {
		all[at].X = thousandths(before)
		before += all[at].Span
		all[at].Width = thousandths(before) - all[at].X
	}
	return all
}

func entryRows(i health.Incident) []entryRow {
	rows := make([]entryRow, 0, len(i.Timeline.Entries))
	for _, entry := range i.Timeline.Entries {
		entry.Text = strings.TrimRight(entry.Text, "\n")
		rows = append(rows, entryRow{entry, offset(entry.At.Sub(i.FirstFailureAt)), strings.Contains(entry.Text, "\n")})
	}
	return rows
}

// heldReasons are the rules that held it, the most frequent first.
func heldReasons(i health.Incident) []heldReason {
	all := make([]heldReason, 0, len(i.Held))
	for rule, times := range i.Held {
		all = append(all, heldReason{string(rule), times})
	}
	slices.SortFunc(all, func(a, b heldReason) int {
		if a.Times != b.Times {
			return b.Times - a.Times
		}
		return strings.Compare(a.Rule, b.Rule)
	})
	return all
}

// The words of the rules.
var _ = []string{
	key("passing"), key("alert only"), key("maintenance"), key("flapping"), key("unverified"), key("dependency"),
	key("per incident"), key("runbook"), key("backoff"), key("incidents per hour"), key("restarts per day"),
	key("approval lapsed"), key("approval"), key("min healthy"), key("concurrent"), key("observe"), key("clear"),
	key("gatekeeper"),
}

// The words of what became of alerts.
var _ = []string{
	key("delivered"), key("retrying"), key("dead"), key("down"), key("recovered"),
	key("initial"), key("update"), key("resolution"),
}
