package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"paramedic/internal/board"
	"paramedic/internal/health"
)

// services lists services by name, or the worst first.
func (a *API) services(r *http.Request) (int, any, error) {
	q := parse(r)
	state := q.oneOf("state", "", "unknown", "healthy", "degraded", "failing", "down", "paused")
	severity := q.oneOf("severity", "", "P0", "P1", "P2", "P3")
	kind, search, labels := q.text("kind"), strings.ToLower(q.text("search")), q.all("label")
	order, part := q.oneOf("sort", "name", "state"), q.page()
	wanted, err := labelled(labels)
	if err := cmp.Or(q.done(), err); err != nil {
		return 0, nil, err
	}
	chosen := slices.DeleteFunc(a.Board.Services(), func(s board.Service) bool {
		return state != "" && state != string(shownState(s)) ||
			severity != "" && severity != s.Severity ||
			kind != "" && kind != s.Kind ||
			!strings.Contains(strings.ToLower(s.Name), search) ||
			!carries(s.Labels, wanted)
	})
	if order == "state" {
		slices.SortStableFunc(chosen, func(a, b board.Service) int {
			return cmp.Compare(badness[shownState(b)], badness[shownState(a)])
		})
	}
	picked := cut(chosen, part)
	shown := List[Service]{Total: picked.Total, Limit: picked.Limit, Offset: picked.Offset, Items: []Service{}}
	for _, s := range picked.Items {
		shown.Items = append(shown.Items, a.service(s))
	}
	return http.StatusOK, shown, nil
}

// badness orders states, the worst last.
var badness = map[health.State]int{
	health.StatePaused: 0, health.StateHealthy: 1, health.StateDegraded: 2,
	health.StateUnknown: 3, health.StateFailing: 4, health.StateDown: 5,
}

// shownState is the state that people see: one that is paused is nothing else.
func shownState(s board.Service) health.State {
	if s.Paused != nil {
		return health.StatePaused
	}
	return s.State
}

// labelled reads labels written as name=value.
func labelled(labels []string) (map[string]string, error) {
	wanted := map[string]string{}
	for _, label := range labels {
		name, value, found := strings.Cut(label, "=")
		if !found || name == "" {
			return nil, faultf(http.StatusUnprocessableEntity, "label: %q; write it as name=value", clip(label))
		}
		if other, twice := wanted[name]; twice && other != value {
			return nil, faultf(http.StatusUnprocessableEntity, "label: nothing has two values of %q", clip(name))
		}
		wanted[name] = value
	}
	return wanted, nil
}

// carries reports whether all wanted labels are there; being without a label is
// not having an empty one.
func carries(labels, wanted map[string]string) bool {
	for name, value := range wanted {
		if got, has := labels[name]; !has || got != value {
			return false
		}
	}
	return true
}

// one shows a service.
func (a *API) one(r *http.Request) (int, any, error) {
	s, err := a.named(r)
	if err := cmp.Or(err, parse(r).done()); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, a.detail(s), nil
}

// named is the service that the path names.
func (a *API) named(r *http.Request) (board.Service, error) { return a.find(r.PathValue("service")) }

// find looks a service up; an unknown name is answered with the known ones if
// they are few.
func (a *API) find(name string) (board.Service, error) {
	if s, known := a.Board.Service(name); known {
		return s, nil
	}
	if service, target := health.SplitTargetID(name); target != "" {
		if _, known := a.Board.Service(service); known {
			return board.Service{}, faultf(http.StatusNotFound, "%q would be a target: this is for a service with all its targets, so write %s", clip(name), service)
		}
	}
	return board.Service{}, faultf(http.StatusNotFound, "there is no service %q%s", clip(name), a.known())
}

// namesLimit is how many names are worth listing in an error.
const namesLimit = 20

// known lists the services, if they are few.
func (a *API) known() string {
	services := a.Board.Services()
	if len(services) == 0 {
		return "; none is configured"
	}
	if len(services) > namesLimit {
		return "; /api/v1/services lists them"
	}
	names := make([]string, 0, len(services))
	for _, s := range services {
		names = append(names, s.Name)
	}
	return "; configured: " + strings.Join(names, ", ")
}
