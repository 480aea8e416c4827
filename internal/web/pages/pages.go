// Package pages is what people see in a browser: the overview, a page for each
// service and incident, the pipeline, the public status page. Pages are made on
// the server from the board and the store, work without a script, load nothing
// from elsewhere and exist in English and Spanish. Only the forms, which change
// something, talk to Temporal.
package pages

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/pipeline"
	"paramedic/internal/store"
	"paramedic/internal/supervise"
	"paramedic/internal/web/access"
	"paramedic/internal/web/route"
	"paramedic/workflows"
)

// Options say what the pages show and whom the forms tell.
type Options struct {
	// Board holds the newest of every service; required.
	Board *board.Board
	// Store holds what is older; required.
	Store Store
	// Operator is asked for when a form is posted. Its error means that Temporal
	// cannot be reached. Nil means that it never can.
	Operator func(ctx context.Context) (Operator, error)
	// Health is asked for the parts of this process; required.
	Health func() supervise.Health
	// WebUI is the address of a workflow's page in the Temporal Web UI, or of
	// the Web UI itself when workflow is empty; "" if it is not known. Nil means
	// that it never is.
	WebUI func(workflow, run string) string
	// Log gets what goes wrong while answering; required.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Version is that of paramedic, for the foot of each page.
	Version string
	// Done ends the live updates when it is closed, so that the server need not
	// wait for them; nil means that only their readers end them.
	Done <-chan struct{}
	// Pipeline asks what the page of the data pipeline shows; nil, or an answer
	// of nil, if there is no such page.
	Pipeline func() *pipeline.Panels
	// PublicStatus opens the status page and the badges to everybody.
	PublicStatus bool
	// Secure says that browsers reach the pages by https only.
	Secure bool
}

// Store is what the pages read of the store. *store.Store implements it.
type Store interface {
	Points(ctx context.Context, key store.Key, from, until time.Time, span time.Duration) ([]store.Point, error)
	Days(ctx context.Context, key store.Key, from, until time.Time) ([]store.Day, error)
	Failures(ctx context.Context, key store.Key, limit int) ([]health.Result, error)
	Incidents(ctx context.Context, filter store.IncidentFilter) (page []health.Incident, total int, err error)
	Incident(ctx context.Context, id string) (health.Incident, error)
	Alerts(ctx context.Context, filter store.AlertFilter) ([]store.Alert, error)
}

// Operator is what the forms tell. *operator.Operator implements it.
type Operator interface {
	ProbeNow(ctx context.Context, service string, limit time.Duration) (workflows.MonitorState, error)
	Pause(ctx context.Context, service string, pause workflows.Pause) (workflows.MonitorState, error)
	Resume(ctx context.Context, service string, resume workflows.Resume) (workflows.MonitorState, error)
	Maintain(ctx context.Context, service string, span workflows.Span) (workflows.MonitorState, error)
	Silence(ctx context.Context, service string, span workflows.Span) (workflows.MonitorState, error)
	SetMode(ctx context.Context, service string, order workflows.SetMode) (workflows.MonitorState, error)
	Instruct(ctx context.Context, service, instruction string, in workflows.Instruction) (operator.Receipt, error)
}

var (
	_ Store    = (*store.Store)(nil)
	_ Operator = (*operator.Operator)(nil)
)

// Pages answers for all pages. It is safe for concurrent use.
type Pages struct {
	Options
	languages []*language
	assets    assets
	streams   chan struct{}
	bars      barCache
	// writeLimit bounds each write to a stream.
	writeLimit time.Duration
}

// New returns the pages. An error is a mistake in a template or a text.
func New(options Options) (*Pages, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.WebUI == nil {
		options.WebUI = func(string, string) string { return "" }
	}
	p := &Pages{Options: options, streams: make(chan struct{}, streamLimit), writeLimit: writeLimit}
	var err error
	if p.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if p.languages, err = loadLanguages(); err != nil {
		return nil, err
	}
	for _, l := range p.languages {
		if l.pages, err = p.parse(l); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Routes returns every page and form.
func (p *Pages) Routes() []route.Route {
	own := []route.Route{
		{Method: http.MethodGet, Pattern: "/{$}", Role: access.Viewer, Page: true, Handler: p.overview},
		{Method: http.MethodGet, Pattern: "/services/{name}", Role: access.Viewer, Page: true, Handler: p.service},
		{Method: http.MethodGet, Pattern: "/services/{name}/targets/{target}", Role: access.Viewer, Page: true, Handler: p.target},
		{Method: http.MethodGet, Pattern: "/live", Role: access.Viewer, Stream: true, Handler: p.live},
		{Method: http.MethodGet, Pattern: "/language", Role: access.Public, Page: true, Handler: p.chooseLanguage},
		{Method: http.MethodGet, Pattern: "/static/{name}", Role: access.Public, Page: true, Handler: p.static},
		{Method: http.MethodGet, Pattern: "/", Role: access.Viewer, Page: true, Handler: p.NotFound},
	}
	return slices.Concat(own, p.orderRoutes(), p.incidentRoutes(), p.pipelineRoutes(), p.statusRoutes())
}
