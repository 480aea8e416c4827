// Package metrics tells Prometheus what paramedic sees and does. What is known
// of services is read from the board when somebody scrapes, so that nothing is
// kept twice and a service that goes takes its series with it; what happens is
// counted by those who do it. Everything hangs on one registry of its own, that
// of the Temporal SDK as well, and no registry is global.
package metrics

import (
	"cmp"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"paramedic/internal/board"
	"paramedic/internal/supervise"
)

const (
	// scrapesAtOnce bounds the scrapes under way; a Prometheus makes one at a
	// time, and there are rarely more than two of them.
	scrapesAtOnce = 4
	// scrapeLimit bounds one scrape. It is Prometheus' own default.
	scrapeLimit = 10 * time.Second
)

// Options say what there is to tell of. What is nil is left out.
type Options struct {
	// Board is where the services and the outboxes are read from.
	Board *board.Board
	// Store is asked for the buffer in front of the store.
	Store func() Store
	// Health is asked for the parts of this process.
	Health func() supervise.Health
	// Load is asked for what the probes of targets do in this process.
	Load func() Load
	// Permits is asked for the restarts under way in the deployment.
	Permits func() int
	// Version is that of this program.
	Version string
	// Log gets what goes wrong while answering; nil: nothing does.
	Log *slog.Logger
	// Now is the clock; nil: that of the machine.
	Now func() time.Time
}

// Metrics counts, and answers scrapes. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	board    *board.Board
	log      *slog.Logger
	now      func() time.Time
	// services are told beside the registry; nil without a board.
	services *services
	counted
	temporal temporal
}

// New returns the metrics of a process that starts now with a configuration
// that is valid.
func New(options Options) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), board: options.Board, log: options.Log, now: options.Now}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.now == nil {
		m.now = time.Now
	}
	m.counted = newCounted(m.registry)
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(cmp.Or(options.Version, "unknown")),
	)
	if options.Board != nil {
		m.services = &services{board: options.Board, now: m.now, seen: map[string]time.Time{}}
		m.registry.MustRegister(outboxes{options.Board})
	}
	if options.Store != nil {
		m.registry.MustRegister(buffer{options.Store, m.now})
	}
	if options.Load != nil {
		m.registry.MustRegister(probing{options.Load})
	}
	if options.Health != nil {
		m.registry.MustRegister(parts{options.Health})
	}
	if options.Permits != nil {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "paramedic_permits_in_use", Help: "Restarts under way in the deployment, as its Gatekeeper said last.",
		}, func() float64 { return float64(options.Permits()) }))
	}
	m.temporal = newTemporal(m.registry, m.log)
	m.Reloaded(true)
	return m
}

func buildInfo(version string) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "paramedic_build_info", Help: "The version of this program; always 1.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	return info
}

// Handler answers GET /metrics. It guards nothing: the route does.
func (m *Metrics) Handler() http.Handler {
	return packed(promhttp.HandlerFor(prometheus.GathererFunc(m.gather), promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelError),
		// One metric that cannot be made must not hide the others.
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapesAtOnce,
		Timeout:             scrapeLimit,
		EnableOpenMetrics:   true,
		DisableCompression:  true,
	}))
}

// gather forgets what was counted of services that are no longer configured,
// and collects the rest.
func (m *Metrics) gather() ([]*dto.MetricFamily, error) {
	if m.board != nil {
		m.forget(func(service string) bool { _, is := m.board.Service(service); return !is })
	}
	families, err := m.registry.Gather()
	if m.services != nil {
		families = byName(append(families, m.services.gather()...))
	}
	return families, err
}
