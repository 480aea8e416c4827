package pages

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/web/access"
	"paramedic/internal/web/route"
)

func (p *Pages) incidentRoutes() []route.Route {
	view := func(pattern string, handler http.HandlerFunc) route.Route {
		return route.Route{Method: http.MethodGet, Pattern: pattern, Role: access.Viewer, Page: true, Handler: handler}
	}
	routes := []route.Route{
		view("/incidents", p.incidents),
		view("/incidents/{id}", p.incident),
		view("/incidents/{id}/postmortem.md", p.incidentPostmortem),
		{Method: http.MethodPost, Pattern: "/incidents/{id}/silence", Role: access.Operator, Page: true, Handler: p.incidentSilence},
	}
	for _, said := range instructions {
		routes = append(routes, route.Route{
			Method: http.MethodPost, Pattern: "/incidents/{id}/" + said.name, Role: access.Operator, Page: true,
			Handler: func(w http.ResponseWriter, r *http.Request) { p.instruct(w, r, said) },
		})
	}
	return routes
}

const (
	// meansLimit is how many incidents the means are made of at most.
	meansLimit = 200
	// openLimit is how many open incidents are shown; more are counted.
	openLimit = 200
)

// spanChoice is a length of time that incidents can be looked at.
type spanChoice struct {
	Value string
	Label string
	span  time.Duration
}

const day = 24 * time.Hour

// spanChoices are what the filter offers; the third holds unless another is chosen.
var spanChoices = []spanChoice{
	{"24h", key("24 hours"), day}, {"7d", key("7 days"), 7 * day}, {"30d", key("30 days"), 30 * day},
	{"90d", key("90 days"), 90 * day}, {"365d", key("a year"), 365 * day},
}

// incidentList is what incidents.html shows.
type incidentList struct {
	// Service, State ("open", "closed" or empty) and Span are the filter; Service
	// may be one with a target, as a health.TargetID.
	Service, State string
	Span           spanChoice
	Spans          []spanChoice
	// Open are the open ones, Closed a page of those that are not, and Total
	// how many of these the filter chooses.
	Open     []incidentRow
	MoreOpen int
	Closed   []incidentRow
	Total    int
	Pager    pager
	Means    means
	// Lost is set if the history could not be read.
	Lost bool
}

// incidentRow is one line of a list.
type incidentRow struct {
	health.Incident
	Link     string
	Downtime time.Duration
	// By is who acknowledged it; empty if nobody has.
	By string
}

func (p *Pages) incidents(w http.ResponseWriter, r *http.Request) {
	list := newIncidentList(r.URL.Query())
	now := p.Now()
	if list.State != "closed" {
		p.listOpen(&list, now)
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	if err := p.listClosed(r.Context(), &list, page, now); err != nil {
		p.Log.Error("incidents could not be read", "error", err)
		list.Lost = true
	}
	p.render(w, r, http.StatusOK, "incidents", list)
}

// newIncidentList reads the filter; what it does not know, it leaves out.
func newIncidentList(query url.Values) incidentList {
	list := incidentList{Service: strings.TrimSpace(query.Get("service")), Spans: spanChoices, Span: spanChoices[2]}
	if state := query.Get("state"); state == "open" || state == "closed" {
		list.State = state
	}
	for _, choice := range spanChoices {
		if choice.Value == query.Get("span") {
			list.Span = choice
		}
	}
	return list
}

// fits reports whether an incident is of the service, or the target, of the filter.
func (list incidentList) fits(i health.Incident) bool {
	return list.Service == "" || list.Service == i.Service || list.Service == health.TargetID(i.Service, i.Target)
}

// listOpen takes the open incidents from the board.
func (p *Pages) listOpen(list *incidentList, now time.Time) {
	for _, i := range p.Board.OpenIncidents() {
		switch {
		case !list.fits(i):
		case len(list.Open) == openLimit:
			list.MoreOpen++
		default:
			list.Open = append(list.Open, newIncidentRow(i, now))
		}
	}
}

// listClosed takes a page of the closed ones from the store, and the means.
func (p *Pages) listClosed(ctx context.Context, list *incidentList, page int, now time.Time) error {
	service, target := health.SplitTargetID(list.Service)
	filter := store.IncidentFilter{Service: service, Target: target, Closed: true, From: now.Add(-list.Span.span), Limit: meansLimit}
	latest, total, err := p.Store.Incidents(ctx, filter)
	if err != nil {
		return err
	}
	list.Means = newMeans(latest, total)
	if list.State == "open" {
		return nil
	}
	list.Total = total
	list.Pager = newPager(page, total, list.address)
	if list.Pager.Through > len(latest) {
		filter.Limit, filter.Offset = perPage, list.Pager.First
		if latest, _, err = p.Store.Incidents(ctx, filter); err != nil {
			return err
		}
	} else {
		latest = latest[list.Pager.First:list.Pager.Through]
	}
	for _, i := range latest {
		list.Closed = append(list.Closed, newIncidentRow(i, now))
	}
	return nil
}

func newIncidentRow(i health.Incident, now time.Time) incidentRow {
	row := incidentRow{Incident: i, Link: incidentLink(i.ID), Downtime: i.Downtime(now)}
	if i.Acknowledged != nil {
		row.By = i.Acknowledged.By
	}
	return row
}

// StateWord is where it stands, or how it ended.
func (i incidentRow) StateWord() string {
	if i.State == health.Resolved && i.Outcome != "" {
		return string(i.Outcome)
	}
	return string(i.State)
}

// Look is the state of a service that looks like the incident's.
func (i incidentRow) Look() string { return incidentLook(i.Incident) }

func incidentLook(i health.Incident) string {
	switch i.State {
	case health.Resolved:
		if i.Outcome == health.Abandoned {
			return string(health.StateUnknown) // how it went on nobody knows
		}
		return string(health.StateHealthy)
	case health.Acknowledged:
		return string(health.StateFailing)
	default:
		return string(health.StateDown)
	}
}

// address shows the same filter at another page.
func (list incidentList) address(page int) string {
	values := url.Values{}
	for name, value := range map[string]string{"service": list.Service, "state": list.State} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if list.Span.Value != spanChoices[2].Value {
		values.Set("span", list.Span.Value)
	}
	if page > 1 {
		values.Set("page", strconv.Itoa(page))
	}
	if len(values) == 0 {
		return "/incidents"
	}
	return "/incidents?" + values.Encode()
}

// means sum up closed incidents.
type means struct {
	// Count is how many there were, Of how many of them the rest is about.
	Count, Of int
	// Detect, Decide and Heal are mean times; the sum of them is the mean
	// downtime.
	Detect, Decide, Heal time.Duration
	// Healed are those that paramedic healed, ByHand those that a human
	// declared resolved, Recovered those that ended by themselves.
	Healed, ByHand, Recovered, Abandoned int
}

// newMeans sums up the latest of so many closed incidents. Those that were
// abandoned did not end, so they have no times.
func newMeans(latest []health.Incident, total int) means {
	m := means{Count: total, Of: len(latest)}
	ended := 0
	for _, i := range latest {
		switch i.Outcome {
		case health.Healed:
			m.Healed++
		case health.ByHand:
			m.ByHand++
		case health.Recovered:
			m.Recovered++
		default:
			m.Abandoned++
			continue
		}
		ended++
		m.Detect += i.TimeToDetect()
		m.Decide += i.TimeToDecide()
		m.Heal += i.TimeToHeal(i.ResolvedAt)
	}
	if ended > 0 {
		count := time.Duration(ended)
		m.Detect, m.Decide, m.Heal = m.Detect/count, m.Decide/count, m.Heal/count
	}
	return m
}

// Mean is the mean downtime.
func (m means) Mean() time.Duration { return m.Detect + m.Decide + m.Heal }
