package pages

import (
	"context"
	"net/http"
	"slices"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/web/access"
	"paramedic/internal/web/route"
	"paramedic/workflows"
)

// windowLimit is the longest that maintenance or silence can be asked for; a
// Monitor takes no longer one.
const windowLimit = 30 * 24 * time.Hour

// orderRoutes are the forms of a service's page.
func (p *Pages) orderRoutes() []route.Route {
	post := func(order string, role access.Role, handler http.HandlerFunc) route.Route {
		return route.Route{Method: http.MethodPost, Pattern: "/services/{name}/" + order, Role: role, Page: true, Handler: handler}
	}
	return []route.Route{
		post("probe", access.Operator, p.probeNow),
		post("pause", access.Operator, p.pause),
		post("resume", access.Operator, p.resume),
		post("maintain", access.Operator, p.window("maintenance", "maintenance-ended", Operator.Maintain)),
		post("silence", access.Operator, p.window("silenced", "silence-ended", Operator.Silence)),
		post("mode", access.Admin, p.setMode),
	}
}

func (p *Pages) probeNow(w http.ResponseWriter, r *http.Request) {
	s, found := p.known(w, r)
	if !found {
		return
	}
	p.tell(w, r, serviceLink(s.Name), "probed", func(ctx context.Context, o Operator) error {
		_, err := o.ProbeNow(ctx, s.Name, s.Timeout)
		return err
	})
}

func (p *Pages) pause(w http.ResponseWriter, r *http.Request) {
	s, by, ok := p.ordered(w, r)
	if !ok {
		return
	}
	note, ok := p.note(w, r, "note")
	if !ok {
		return
	}
	p.tell(w, r, serviceLink(s.Name), "paused", func(ctx context.Context, o Operator) error {
		_, err := o.Pause(ctx, s.Name, workflows.Pause{By: by, Note: note, At: p.Now().UTC()})
		return err
	})
}

func (p *Pages) resume(w http.ResponseWriter, r *http.Request) {
	s, by, ok := p.ordered(w, r)
	if !ok {
		return
	}
	p.tell(w, r, serviceLink(s.Name), "resumed", func(ctx context.Context, o Operator) error {
		_, err := o.Resume(ctx, s.Name, workflows.Resume{By: by})
		return err
	})
}

// window answers the forms of maintenance and of silence: how long from now on,
// and why; or that it ends.
func (p *Pages) window(
	begun, ended string, order func(Operator, context.Context, string, workflows.Span) (workflows.MonitorState, error),
) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, by, ok := p.ordered(w, r)
		if !ok {
			return
		}
		span, notice := workflows.Span{By: by}, ended
		if r.PostFormValue("end") == "" {
			notice = begun
			if span.For, ok = p.length(w, r); !ok {
				return
			}
			if span.Reason, ok = p.note(w, r, "reason"); !ok {
				return
			}
		}
		p.tell(w, r, serviceLink(s.Name), notice, func(ctx context.Context, o Operator) error {
			_, err := order(o, ctx, s.Name, span)
			return err
		})
	}
}

func (p *Pages) setMode(w http.ResponseWriter, r *http.Request) {
	s, by, ok := p.ordered(w, r)
	if !ok {
		return
	}
	mode := health.Mode(r.PostFormValue("mode"))
	known := []health.Mode{"", health.ModeAct, health.ModeObserve, health.ModeApprove}
	if _, given := r.PostForm["mode"]; !given || !slices.Contains(known, mode) {
		p.Fail(w, r, http.StatusBadRequest, p.language(r).t("There is no such mode. There are act, observe and approve."))
		return
	}
	p.tell(w, r, serviceLink(s.Name), "mode", func(ctx context.Context, o Operator) error {
		_, err := o.SetMode(ctx, s.Name, workflows.SetMode{Mode: mode, By: by})
		return err
	})
}

// ordered returns the service that a form is about, and who posts it. If there
// is none, the answer is written and ok is false.
func (p *Pages) ordered(w http.ResponseWriter, r *http.Request) (s board.Service, by string, ok bool) {
	s, ok = p.known(w, r)
	if !ok {
		return s, "", false
	}
	by, ok = p.acting(w, r)
	return s, by, ok
}

// length returns how long a window is to be. If that makes no sense, the answer
// is written and ok is false.
func (p *Pages) length(w http.ResponseWriter, r *http.Request) (d health.Duration, ok bool) {
	d, err := health.ParseDuration(r.PostFormValue("for"))
	if err != nil || d <= 0 || d.Std() > windowLimit {
		p.Fail(w, r, http.StatusBadRequest, p.language(r).t("Say for how long, like 30m, 2h or 24h; the longest is 720h."))
		return 0, false
	}
	return d, true
}

// length is one of those that a form offers.
type length struct{ Value, Text string }

func (l *language) lengths() []length {
	return []length{
		{"15m", l.t("%d minutes", 15)}, {"30m", l.t("%d minutes", 30)},
		{"1h", l.t("1 hour")}, {"2h", l.t("%d hours", 2)}, {"4h", l.t("%d hours", 4)},
		{"8h", l.t("%d hours", 8)}, {"24h", l.t("1 day")}, {"168h", l.t("%d days", 7)}, {"720h", l.t("%d days", 30)},
	}
}
