package pages

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/web/access"
	"paramedic/internal/web/route"
)

func (p *Pages) statusRoutes() []route.Route {
	badges := route.Route{Method: http.MethodGet, Pattern: "/badges/{file}", Role: access.Viewer, Page: true, Handler: p.badge}
	if !p.PublicStatus {
		return []route.Route{badges}
	}
	badges.Role = access.Public
	return []route.Route{
		badges,
		{Method: http.MethodGet, Pattern: "/status", Role: access.Public, Page: true, Handler: p.publicStatus},
	}
}

// publicLabel is the label of a service that names it for the public.
const publicLabel = "public_name"

// publicView is what status.html shows: names and states, and nothing that
// probes, people or incidents have said.
type publicView struct {
	// Overall is the worst state; Up counts the services that work, of Total.
	Overall   string
	Up, Total int
	Services  []publicService
	Incidents []publicIncident
	Pager     pager
}

// publicService is a service as the public sees it. Bars are the days up to
// today; empty if they are not known.
type publicService struct {
	Name, State string
	Month       float64
	Bars        []bar
}

// publicIncident is an open incident as the public sees it.
type publicIncident struct {
	Name  string
	Since time.Time
}

func (p *Pages) publicStatus(w http.ResponseWriter, r *http.Request) {
	services := p.Board.Services()
	v := publicView{Total: len(services), Overall: lookOf("").State}
	slices.SortStableFunc(services, func(a, b board.Service) int { return cmp.Compare(publicName(&a), publicName(&b)) })
	worst := len(looks)
	for at := range services {
		s := &services[at]
		l := lookOf(publicState(s))
		if worst > l.rank {
			worst, v.Overall = l.rank, l.State
		}
		if s.Incident != nil {
			v.Incidents = append(v.Incidents, publicIncident{publicName(s), s.Incident.FirstFailureAt})
		}
		if s.State == health.StateHealthy || s.State == health.StateDegraded {
			v.Up++
		}
	}
	slices.SortStableFunc(v.Incidents, func(a, b publicIncident) int { return b.Since.Compare(a.Since) })
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	v.Pager = newPager(page, len(services), func(page int) string { return "/status?page=" + strconv.Itoa(page) })
	for at := v.Pager.First; at < v.Pager.Through; at++ {
		v.Services = append(v.Services, p.publicService(r.Context(), &services[at]))
	}
	if access.From(r.Context()).Role < access.Viewer {
		// Live updates are for those who may see more.
		w.Header().Set("Refresh", "60")
	}
	p.render(w, r, http.StatusOK, "status", v)
}

func (p *Pages) publicService(ctx context.Context, s *board.Service) publicService {
	return publicService{publicName(s), publicState(s), s.Uptime.Month, p.bars.of(ctx, p, s.Name)}
}

// publicName is what the public calls a service.
func publicName(s *board.Service) string {
	return cmp.Or(s.Labels[publicLabel], s.Name)
}

// publicState is the state of a service, without what only operators know.
func publicState(s *board.Service) string {
	switch s.State {
	case health.StateHealthy, health.StateDegraded, health.StateFailing, health.StateDown:
		return string(s.State)
	default:
		return string(health.StateUnknown)
	}
}
