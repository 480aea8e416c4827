package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"

	"paramedic/internal/board"
	"paramedic/internal/config"
	"paramedic/internal/fleet"
	"paramedic/internal/logging"
	"paramedic/internal/metrics"
	"paramedic/internal/operator"
	"paramedic/internal/store"
	"paramedic/internal/supervise"
	"paramedic/internal/targets"
	"paramedic/internal/tracing"
	"paramedic/internal/version"
	"paramedic/internal/web/access"
)

// stopLimit bounds the whole shutdown; service managers kill after 30 to 90 s.
const stopLimit = 28 * time.Second

// process is what the parts of one worker share.
type process struct {
	flags
	log   *logging.Log
	fleet *fleet.Fleet
	super *supervise.Supervisor
	// say is filled in by the parts before they are ready.
	say announcement
	// cfg is the configuration at the start; what a reload cannot change is
	// taken from it.
	cfg *config.Config
	// inForce is the configuration now; the part "configuration" changes it.
	inForce atomic.Pointer[config.Config]
	// seen is the content of the file at the last look, valid or not; it belongs
	// to the part "configuration".
	seen string
	// reloads are asked for by people; each gets an answer.
	reloads chan chan error
	// The read model: what is shown of services, incidents and alerts.
	store    *store.Store
	cache    *store.Cache // nil if there is none
	writer   *store.Writer
	board    *board.Board
	metrics  *metrics.Metrics
	recorder *recorder
	// registry is what an agent reads of a store; nil if it needs none.
	registry *store.Store
	// targets are the lists of the services that have many.
	targets *targets.Book
	tracing *tracing.Tracing
	// guard knows who may see and change what.
	guard *access.Guard
	// books is what was read of the Gatekeeper last, nil if nothing.
	books atomic.Pointer[books]
	// hangups are caught from the start on: SIGHUP must never end the worker.
	hangups chan os.Signal
	// embedded is set when the Temporal server runs in this process.
	embedded bool
	temporal *connector
}

// work runs the worker until ctx ends.
func work(ctx context.Context, letGo func(), f flags, stdout, stderr io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	seen := fingerprint(f.config)
	cfg, err := config.Load(f.config)
	if err != nil {
		return err
	}
	p := &process{
		flags: f, cfg: cfg, seen: seen, hangups: hangups, reloads: make(chan chan error),
		log: logging.New(stderr, logging.Options{JSON: f.logJSON, Verbose: f.verbose}),
	}
	p.inForce.Store(cfg)
	p.log.Mask(cfg.Secrets())
	slog.SetDefault(p.log.Logger)
	p.super = supervise.New(p.log.Logger)
	if err := p.prepare(); err != nil {
		return err
	}
	defer p.closeReadModel()
	if p.tracing, err = tracing.Start(ctx, tracing.Options{Version: version.Read().Version, Mask: p.log.Redact, Log: p.log.Logger}); err != nil {
		return err
	}
	defer p.endTracing()
	p.openTargets()
	if p.fleet, err = fleet.New(p.cfg, p.log.Logger, p.targets, p.recorder); err != nil {
		return err
	}
	defer p.fleet.Close()
	for _, part := range announced(p.parts(), func() { fmt.Fprint(stdout, p.say.String()) }) {
		if err := p.super.Add(part); err != nil {
			return err
		}
	}
	quiet := context.AfterFunc(ctx, func() {
		letGo()
		p.log.Info("stopping: what is being carried out finishes or is handed on; Ctrl-C again ends at once")
	})
	defer quiet()
	return p.super.Run(ctx, stopLimit)
}

// observe has a client of Temporal counted and traced.
func (p *process) observe(options *client.Options) {
	options.MetricsHandler = p.metrics.Temporal()
	options.Interceptors = append(options.Interceptors, p.tracing.Interceptors...)
}

// tracingLimit bounds the sending of the last traces at a stop.
const tracingLimit = 2 * time.Second

func (p *process) endTracing() {
	ctx, cancel := context.WithTimeout(context.Background(), tracingLimit)
	defer cancel()
	if err := p.tracing.Shutdown(ctx); err != nil {
		p.log.Warn(err.Error())
	}
}

// prepare resolves where Temporal is and opens the read model.
func (p *process) prepare() error {
	if p.host != "" {
		p.say.set(lineHost, fmt.Sprintf("%s   remedies for this host are carried out here", p.host))
	}
	if p.vantage != "" {
		p.say.set(lineVantage, fmt.Sprintf("%s   targets are probed from here", p.vantage))
		if !looksFrom(p.cfg, p.vantage) {
			p.log.Warn("no service of the configuration looks from the vantage point " + p.vantage + ": nothing will be probed from here")
		}
	}
	if p.listen == "" {
		p.listen = p.cfg.HTTP.Listen
	}
	var err error
	if p.data, err = filepath.Abs(p.data); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	if p.cfg.Patient != nil {
		// The shipped configuration restarts the patient by the command that
		// its ward puts in the data directory.
		if err := os.Setenv("PATH", p.data+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
			return fmt.Errorf("making the patient's command known: %w", err)
		}
	}
	endpoint := operator.Endpoint{
		Address: p.cfg.Temporal.Address, Namespace: p.cfg.Temporal.Namespace, Profile: p.cfg.Temporal.Profile,
	}
	named, err := endpoint.NamesCluster()
	if err != nil {
		return err
	}
	if p.agent && !named {
		return errors.New("--agent works for a Temporal cluster: name it with TEMPORAL_ADDRESS, or with temporal.address in the configuration")
	}
	p.embedded = !named
	p.temporal = &connector{endpoint: endpoint, log: p.log.Logger, observe: p.observe}
	if p.guard, err = access.New(context.Background(), p.accessOptions(p.cfg)); err != nil {
		return fmt.Errorf("http.access: %w", err)
	}
	return p.openReadModel(context.Background())
}

// parts are what the process is made of, in the order of their start.
func (p *process) parts() []supervise.Part {
	var parts []supervise.Part
	if !p.agent {
		parts = append(parts,
			supervise.Part{Name: "store", Run: p.runStore},
			supervise.Part{Name: "board", Run: p.runBoard})
	}
	if p.embedded {
		parts = append(parts, supervise.Part{Name: "temporal-server", Run: p.runServer, Essential: true})
	}
	if p.cfg.Patient != nil && !p.agent {
		parts = append(parts, supervise.Part{Name: "patient", Run: p.runPatient, Essential: true})
	}
	parts = append(parts,
		supervise.Part{Name: "targets", Run: p.runTargets},
		supervise.Part{Name: "http-server", Run: p.runHTTP, Essential: true},
		supervise.Part{Name: "temporal-worker", Run: p.runWorker},
		supervise.Part{Name: "configuration", Run: p.runConfiguration},
	)
	if !p.agent {
		parts = append(parts, supervise.Part{Name: "lookout", Run: p.runLookout})
	}
	return p.notified(parts)
}

// looksFrom reports whether a service has a vantage point.
func looksFrom(cfg *config.Config, vantage string) bool {
	return slices.ContainsFunc(cfg.Services, func(s config.Service) bool {
		return s.Fleet != nil && slices.Contains(s.Fleet.Vantage, vantage)
	})
}
