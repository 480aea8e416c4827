package pages

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/web/access"
)

const (
	// readLimit is how long the store is given to tell of a service.
	readLimit = 5 * time.Second
	// How many failures and incidents of a service its page lists.
	failuresShown, incidentsShown = 10, 10
)

// servicePage is what service.html shows.
type servicePage struct {
	board.Service
	State  string
	Orders orders
	// Fleet are its targets, nil if it has none of its own.
	Fleet *fleet
	// Open is the incident that is open, nil if there is none.
	Open *rowIncident
	// Labels, Observations and Facts are sorted by name.
	Labels, Facts []pair
	Observations  []observation
	// DependsOn are the services that this one needs, Dependents those that
	// need it.
	DependsOn, Dependents []neighbour
	History               history
	Forms                 forms
}

type pair struct{ Name, Value string }

type observation struct {
	Name  string
	Value float64
}

// neighbour is a service that this one depends on, or the other way round.
type neighbour struct{ Name, State string }

// history is what the store knows of a service.
type history struct {
	// Missing is set if the store could not tell all of it.
	Missing  bool
	Chart    chart
	Days     days
	Failures []health.Result
	// Incidents are the latest; Total counts all that are kept.
	Incidents []pastIncident
	Total     int
}

// pastIncident is an incident in the list of a service's.
type pastIncident struct {
	Link string
	// Target is set in the list of a service with targets, if it is of one.
	Target   string
	State    string
	OpenedAt time.Time
	Downtime time.Duration
	Outcome  string
	Reason   string
}

// The words of failed probes, and of incidents' states and outcomes.
var _ = []string{
	key("unhealthy"), key("triggered"), key("acknowledged"), key("resolved"),
	key("healed"), key("recovered"), key("resolved by hand"), key("abandoned"),
}

func (p *Pages) service(w http.ResponseWriter, r *http.Request) {
	s, found := p.known(w, r)
	if !found {
		return
	}
	shown := servicePage{
		Service: s, State: lookOfService(&s).State, Orders: ordersOf(&s), Open: openIncident(s.Incident),
		Labels: pairs(s.Labels), Facts: pairs(s.Result.Facts), Observations: observations(s.Result.Observations),
		Forms: p.forms(r),
	}
	shown.DependsOn, shown.Dependents = p.neighbours(s)
	if s.HasTargets {
		shown.Fleet = p.fleet(r, &s)
		shown.History = p.fleetHistory(r, s.Name)
		p.render(w, r, http.StatusOK, "fleet", shown)
		return
	}
	shown.History = p.history(r, store.Key{Service: s.Name})
	p.render(w, r, http.StatusOK, "service", shown)
}

// At is the address of its page.
func (s servicePage) At() string { return serviceLink(s.Name) }

// Of is what its incidents are found by.
func (s servicePage) Of() string { return s.Name }

// known returns the service that a request is about. If it is not configured,
// the answer is written and found is false.
func (p *Pages) known(w http.ResponseWriter, r *http.Request) (s board.Service, found bool) {
	s, found = p.Board.Service(r.PathValue("name"))
	if !found {
		p.Fail(w, r, http.StatusNotFound, p.language(r).t("There is no service %q in the configuration in force.", health.Clip(r.PathValue("name"), 100)))
	}
	return s, found
}

// history asks the store. What it cannot tell is left out and said to be.
func (p *Pages) history(r *http.Request, at store.Key) history {
	ctx, cancel := context.WithTimeout(r.Context(), readLimit)
	defer cancel()
	r = r.WithContext(ctx)
	var h history
	reach, until := rangeOf(r.URL.Query().Get("range")), p.Now()
	h.Missing = h.read(p.Log, health.TargetID(at.Service, at.Target),
		func() error {
			points, err := p.Store.Points(ctx, at, reach.from(until), until, reach.span)
			h.Chart = newChart(reach, points, until)
			return err
		},
		func() error {
			all, err := p.Store.Days(ctx, at, firstDay(until), until)
			h.Days = newDays(all, until)
			return err
		},
		func() (err error) {
			h.Failures, err = p.Store.Failures(ctx, at, failuresShown)
			return err
		},
		p.pastIncidents(r, at, &h),
	)
	return h
}

// fleetHistory asks the store for what is kept of a service as a whole; results
// are kept of its targets alone.
func (p *Pages) fleetHistory(r *http.Request, service string) (h history) {
	ctx, cancel := context.WithTimeout(r.Context(), readLimit)
	defer cancel()
	h.Missing = h.read(p.Log, service, p.pastIncidents(r.WithContext(ctx), store.Key{Service: service}, &h))
	return h
}

// pastIncidents reads the latest incidents of a service with all its targets, or
// of a target.
func (p *Pages) pastIncidents(r *http.Request, of store.Key, h *history) func() error {
	return func() error {
		all, total, err := p.Store.Incidents(r.Context(), store.IncidentFilter{Service: of.Service, Target: of.Target, Limit: incidentsShown})
		h.Total = total
		for _, incident := range all {
			past := newPastIncident(incident, p.Now())
			if of.Target == "" {
				past.Target = incident.Target
			}
			h.Incidents = append(h.Incidents, past)
		}
		return err
	}
}

// read asks all readers, and reports whether one could not tell.
func (h *history) read(log *slog.Logger, of string, readers ...func() error) (missing bool) {
	for _, read := range readers {
		if err := read(); err != nil {
			log.Warn("history could not be read", "of", of, "error", err)
			missing = true
		}
	}
	return missing
}

func newPastIncident(i health.Incident, now time.Time) pastIncident {
	return pastIncident{
		Link: incidentLink(i.ID), State: string(i.State), OpenedAt: i.OpenedAt,
		Downtime: i.Downtime(now), Outcome: string(i.Outcome), Reason: i.Reason,
	}
}

// neighbours are the services that s depends on, as configured, and those that
// depend on it, by name.
func (p *Pages) neighbours(s board.Service) (dependsOn, dependents []neighbour) {
	states := map[string]string{}
	for _, other := range p.Board.Services() {
		states[other.Name] = lookOfService(&other).State
		if slices.Contains(other.DependsOn, s.Name) {
			dependents = append(dependents, neighbour{other.Name, states[other.Name]})
		}
	}
	for _, name := range s.DependsOn {
		dependsOn = append(dependsOn, neighbour{name, lookOf(states[name]).State})
	}
	return dependsOn, dependents
}

func pairs(values map[string]string) []pair {
	all := make([]pair, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, pair{name, values[name]})
	}
	return all
}

func observations(values map[string]float64) []observation {
	all := make([]observation, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, observation{name, values[name]})
	}
	return all
}

// forms are what the reader may do about a service.
type forms struct {
	// Operate and Administer say which forms there are.
	Operate, Administer bool
	Actor               actor
	Lengths             []length
	Modes               []health.Mode
}

// For is the forms with the id of the field for a length of time.
func (f forms) For(field string) lengthField { return lengthField{field, f.Lengths} }

type lengthField struct {
	Field   string
	Lengths []length
}

func (p *Pages) forms(r *http.Request) forms {
	role := access.From(r.Context()).Role
	return forms{
		Operate: role >= access.Operator, Administer: role >= access.Admin, Actor: p.actor(r),
		Lengths: p.language(r).lengths(), Modes: []health.Mode{health.ModeAct, health.ModeObserve, health.ModeApprove},
	}
}
