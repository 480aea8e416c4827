package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
)

// openOfFleet is how many open incidents the page of a service with targets
// lists; more are counted.
const openOfFleet = 20

// fleet is what fleet.html shows of the targets of a service.
type fleet struct {
	// Missing is set while nobody knows which targets there are.
	Missing bool
	Total   int
	// Counts are the states that there are, the most urgent first.
	Counts []stateCount
	// Query, Label ("name=value") and State are what is searched for; Found
	// counts what matches. Odd is set if Label is written otherwise.
	Query, Label, State string
	Odd                 bool
	Found               int
	Rows                []targetRow
	// First leads to the first page if this is a later one, Next to the page
	// after this; empty addresses are none.
	First, Next string
	// Whole is the open incident of the service as a whole, Open those of its
	// targets, and MoreOpen counts those beyond.
	Whole    *incidentRow
	Open     []incidentRow
	MoreOpen int
}

// targetRow is a target in the table of a service's.
type targetRow struct {
	board.Target
	Link, State string
	Labels      []pair
	Open        *rowIncident
}

// fleet looks at the targets of a service, the worst first.
func (p *Pages) fleet(r *http.Request, s *board.Service) *fleet {
	query := r.URL.Query()
	f := &fleet{
		Query: strings.TrimSpace(query.Get("q")), Label: strings.TrimSpace(query.Get("label")), State: query.Get("state"),
	}
	p.openOfFleet(f, s)
	f.count(p.language(r), p.Board.TargetStates(s.Name))
	filter := board.TargetFilter{Search: f.Query, WorstFirst: true, After: query.Get("after"), Limit: perPage}
	if f.State != "" {
		filter.States = []health.State{health.State(f.State)}
	}
	if name, value, found := strings.Cut(f.Label, "="); found {
		filter.Labels = map[string]string{name: value}
	} else if f.Label != "" {
		f.Odd = true
	}
	page, found, err := p.Board.Targets(s.Name, filter)
	if err != nil {
		p.Log.Warn("targets not known", "service", s.Name, "error", err)
		f.Missing = true
		return f
	}
	f.Found = found
	for _, t := range page {
		f.Rows = append(f.Rows, newTargetRow(s.Name, t))
	}
	if filter.After != "" {
		f.First = f.address(s.Name, "")
	}
	if len(page) == perPage && found > perPage {
		f.Next = f.address(s.Name, page[len(page)-1].Name)
	}
	return f
}

// count says how many targets are in each state.
func (f *fleet) count(l *language, states map[health.State]int) {
	for _, is := range looks {
		if count := states[health.State(is.State)]; count > 0 {
			f.Total += count
			f.Counts = append(f.Counts, stateCount{is.State, count, l.tn(count, is.one, is.many), is.State == f.State})
		}
	}
}

// openOfFleet finds the open incidents of a service with targets.
func (p *Pages) openOfFleet(f *fleet, s *board.Service) {
	for _, i := range p.Board.OpenIncidents() {
		row := newIncidentRow(i, p.Now())
		switch {
		case i.Service != s.Name:
		case i.Target == "":
			f.Whole = &row
		case len(f.Open) == openOfFleet:
			f.MoreOpen++
		default:
			f.Open = append(f.Open, row)
		}
	}
}

// address shows the same filter at another page, which begins after a target.
func (f *fleet) address(service, after string) string {
	values := url.Values{}
	for name, value := range map[string]string{"q": f.Query, "label": f.Label, "state": f.State, "after": after} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return serviceLink(service)
	}
	return serviceLink(service) + "?" + values.Encode()
}

func newTargetRow(service string, t board.Target) targetRow {
	return targetRow{
		Target: t, Link: targetLink(service, t.Name), State: lookOfTarget(t).State, Labels: pairs(t.Labels), Open: openIncident(t.Incident),
	}
}

// lookOfTarget returns the look of a target as it stands.
func lookOfTarget(t board.Target) look {
	if t.Late {
		return byState[late]
	}
	return lookOf(string(t.State))
}

// targetPage is what target.html shows.
type targetPage struct {
	Service string
	board.Target
	State  string
	Orders orders
	// Severity, Kind and Interval are those of the service.
	Configured board.Configured
	Open       *rowIncident
	// Labels, Observations and Facts are sorted by name.
	Labels, Facts []pair
	Observations  []observation
	History       history
	// At is the address of the page, Of what its incidents are found by.
	At, Of string
}

func (p *Pages) target(w http.ResponseWriter, r *http.Request) {
	s, found := p.known(w, r)
	if !found {
		return
	}
	name := r.PathValue("target")
	t, found := p.Board.Target(s.Name, name)
	if !found {
		p.Fail(w, r, http.StatusNotFound, p.language(r).t("The service %q has no target %q.", s.Name, health.Clip(name, 100)))
		return
	}
	p.render(w, r, http.StatusOK, "target", targetPage{
		Service: s.Name, Target: t, State: lookOfTarget(t).State, Orders: ordersOf(&s), Configured: s.Configured,
		Open: openIncident(cmp.Or(t.Incident, p.openOf(s.Name, ""))), Labels: pairs(t.Labels),
		Facts: pairs(t.Result.Facts), Observations: observations(t.Result.Observations),
		History: p.history(r, store.Key{Service: s.Name, Target: t.Name}), At: targetLink(s.Name, t.Name), Of: health.TargetID(s.Name, t.Name),
	})
}
