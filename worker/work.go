package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"paramedic/internal/config"
	"paramedic/internal/fleet"
	"paramedic/internal/logging"
	"paramedic/internal/operator"
	"paramedic/internal/supervise"
)

// stopLimit bounds the whole shutdown; service managers kill after 30 to 90 s.
const stopLimit = 28 * time.Second

// process is what the parts of one worker share.
type process struct {
	flags
	log   *logging.Log
	out   io.Writer
	fleet *fleet.Fleet
	super *supervise.Supervisor
	// cfg is the configuration at the start; what a reload cannot change is
	// taken from it.
	cfg *config.Config
	// embedded is set when the Temporal server runs in this process.
	embedded bool
	temporal *connector
}

// work runs the worker until ctx ends.
func work(ctx context.Context, f flags, stdout, stderr io.Writer) error {
	if f.agent && f.host == "" {
		return errors.New("--agent serves only the --host queue: name the host, as in --agent --host db1")
	}
	cfg, err := config.Load(f.config)
	if err != nil {
		return err
	}
	p := &process{flags: f, cfg: cfg, out: stdout, log: logging.New(stderr, logging.Options{JSON: f.logJSON, Verbose: f.verbose})}
	p.log.Mask(cfg.Secrets())
	slog.SetDefault(p.log.Logger)
	if err := p.prepare(); err != nil {
		return err
	}
	defer p.fleet.Close()
	p.super = supervise.New(p.log.Logger)
	for _, part := range p.parts() {
		if err := p.super.Add(part); err != nil {
			return err
		}
	}
	return p.super.Run(ctx, stopLimit)
}

// prepare resolves where Temporal is and opens the fleet.
func (p *process) prepare() error {
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
	p.embedded = !named
	p.temporal = &connector{endpoint: endpoint, log: p.log.Logger}
	p.fleet, err = fleet.New(p.cfg, p.log.Logger)
	return err
}

// parts are what the process is made of, in the order of their start.
func (p *process) parts() []supervise.Part {
	var parts []supervise.Part
	if p.embedded {
		parts = append(parts, supervise.Part{Name: "temporal-server", Run: p.runServer, Essential: true})
	}
	if p.cfg.Patient != nil && !p.agent {
		parts = append(parts, supervise.Part{Name: "patient", Run: p.runPatient, Essential: true})
	}
	parts = append(parts,
		supervise.Part{Name: "http-server", Run: p.runHTTP, Essential: true},
		supervise.Part{Name: "temporal-worker", Run: p.runWorker},
		supervise.Part{Name: "configuration", Run: p.runConfiguration},
	)
	return parts
}
