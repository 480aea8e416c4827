package pages

import (
	"net/http"

	"paramedic/internal/health"
	"paramedic/internal/pipeline"
	"paramedic/internal/web/access"
	"paramedic/internal/web/route"
)

func (p *Pages) pipelineRoutes() []route.Route {
	return []route.Route{
		{Method: http.MethodGet, Pattern: "/system/pipeline", Role: access.Admin, Page: true, Handler: p.pipelinePage},
	}
}

// panels are those of the configuration in force; nil if there are none.
func (p *Pages) panels() *pipeline.Panels {
	if p.Pipeline == nil {
		return nil
	}
	return p.Pipeline()
}

// pipelineShown reports whether there is anything to show on the pipeline's page.
func (p *Pages) pipelineShown() bool { return p.panels() != nil }

// pipelineView is what pipeline.html shows.
type pipelineView struct {
	pipeline.View
	// Overall is the worst level, as the state that looks like it.
	Overall string
}

func (p *Pages) pipelinePage(w http.ResponseWriter, r *http.Request) {
	panels := p.panels()
	if panels == nil {
		p.Fail(w, r, http.StatusNotFound, p.language(r).t("No pipeline is configured: write a section pipeline in the configuration."))
		return
	}
	view := panels.Read(p.seen, p.Now())
	p.render(w, r, http.StatusOK, "pipeline", pipelineView{view, levelState(view.Level())})
}

// seen is the newest that the board knows of a service.
func (p *Pages) seen(service string) (pipeline.Seen, bool) {
	s, known := p.Board.Service(service)
	return pipeline.Seen{State: s.State, Since: s.Since, Result: s.Result}, known
}

// levelState is the state that looks like a level.
func levelState(level pipeline.Level) string {
	switch level {
	case pipeline.OK:
		return string(health.StateHealthy)
	case pipeline.Warning:
		return string(health.StateDegraded)
	case pipeline.Critical:
		return string(health.StateDown)
	default:
		return string(health.StateUnknown)
	}
}

// LevelState is that of the banner.
func (pipelineView) LevelState(level pipeline.Level) string { return levelState(level) }

// The words of the levels.
var _ = []string{key("ok"), key("warning"), key("critical")}

// bytes writes a size as people read it: "512 B", "4 kB", "1.5 GB".
func (l *language) bytes(size float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	at := 0
	for size >= 1000 && at < len(units)-1 {
		size /= 1000
		at++
	}
	digits := 0
	if at > 0 && size < 10 {
		digits = 1
	}
	return l.decimal(size, digits) + " " + units[at]
}
