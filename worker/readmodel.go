package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"paramedic/internal/apply"
	"paramedic/internal/board"
	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/metrics"
	"paramedic/internal/option"
	"paramedic/internal/store"
	"paramedic/internal/version"
)

// databaseFile is the store in the data directory, unless the configuration
// names a server.
const databaseFile = "paramedic.db"

// restLimit bounds how long a store is awaited that was down at the stop.
const restLimit = 5 * time.Second

// openReadModel makes everything that pages and metrics are made of. An agent
// sees no services and stores nothing; at a vantage point it reads which targets
// are registered.
func (p *process) openReadModel(ctx context.Context) error {
	var sink board.Sink = nowhere{}
	if !p.agent {
		if err := p.openStore(ctx); err != nil {
			return err
		}
		sink = p.writer
	} else if p.vantage != "" && p.storeIsShared() {
		if err := p.openRegistry(); err != nil {
			return err
		}
	}
	p.board = board.New(sink, p.log.Logger)
	options := metrics.Options{
		Health: p.super.Health, Version: version.Read().Version, Log: p.log.Logger,
		// Nobody asks before the fleet is there.
		Load: func() metrics.Load { return metrics.Load(p.fleet.Load()) },
	}
	if !p.agent {
		p.board.Keep(configured(p.cfg))
		options.Board, options.Store, options.Permits = p.board, p.storeStats, p.permitsInUse
	}
	p.metrics = metrics.New(options)
	p.recorder = newRecorder(p.board, p.metrics, p.log.Logger)
	return nil
}

// openStore opens the store. A file that is broken is for the user to mend; a
// database server may be down, and a disk full, for a while.
func (p *process) openStore(ctx context.Context) (err error) {
	location := cmp.Or(p.cfg.Store.URL.Reveal(), filepath.Join(p.data, databaseFile))
	if p.store, err = store.At(location, p.log.Logger); err != nil {
		return p.whereToMend(err)
	}
	if !p.storeIsShared() {
		if err := p.store.Migrate(ctx); err != nil && !store.MayPass(err) {
			return errors.Join(p.whereToMend(err), p.store.Close())
		}
	}
	if !p.cfg.Store.Cache.Empty() {
		if p.cache, err = store.NewCache(p.cfg.Store.Cache, apply.TaskQueue(p.cfg), p.store, p.log.Logger); err != nil {
			return errors.Join(err, p.store.Close())
		}
	}
	p.writer = store.NewWriter(p.store, store.WriterOptions{Log: p.log.Logger, Retention: retention(p.cfg), Cache: p.cache})
	return nil
}

// openRegistry opens a store to read in. It connects once a service has targets
// that are registered.
func (p *process) openRegistry() (err error) {
	if p.registry, err = store.At(p.cfg.Store.URL.Reveal(), p.log.Logger); err != nil {
		return p.whereToMend(err)
	}
	return nil
}

// whereToMend says which setting names the store.
func (p *process) whereToMend(err error) error {
	if p.storeIsShared() {
		return fmt.Errorf("store.url: %w", err)
	}
	return fmt.Errorf("--data: %w", err)
}

// nowhere is where an agent stores things.
type nowhere struct{}

func (nowhere) Put(store.Batch)                                {}
func (nowhere) Archive(context.Context, health.Incident) error { return nil }
func (nowhere) Settled(context.Context) error                  { return nil }

// storeIsShared reports whether the store is one for workers on many machines.
func (p *process) storeIsShared() bool { return !p.cfg.Store.URL.Empty() }

// closeReadModel closes what openReadModel opened.
func (p *process) closeReadModel() {
	var failures []error
	if p.cache != nil {
		failures = append(failures, p.cache.Close())
	}
	if p.store != nil {
		failures = append(failures, p.writeRest(), p.store.Close())
	}
	if p.registry != nil {
		failures = append(failures, p.registry.Close())
	}
	if err := errors.Join(failures...); err != nil {
		p.log.Warn("closing the store: " + err.Error())
	}
}

// writeRest writes what still waits: the worker was stopped while the part that
// writes was down, and the store may be back meanwhile.
func (p *process) writeRest() error {
	if p.writer.Stats().Buffered == 0 {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), restLimit)
	defer stop()
	if err := p.store.Migrate(ctx); err != nil {
		return fmt.Errorf("%d rows were not written: %w", p.writer.Stats().Buffered, err)
	}
	stop() // Run ends once it has written what is there
	return p.writer.Run(ctx)
}

// runStore writes what has gathered to the store. It starts first and stops
// last, so that what the other parts say in the end is written too.
func (p *process) runStore(ctx context.Context, ready func()) error {
	if err := p.store.Migrate(ctx); err != nil {
		return err
	}
	ready()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.writer.Run(ctx) })
	if p.cache != nil {
		group.Go(func() error { return p.cache.Run(ctx) })
	}
	return group.Wait()
}

// runBoard shows what was stored before, and by others.
func (p *process) runBoard(ctx context.Context, ready func()) error {
	feed := store.NewFeed(p.store, p.cache)
	if err := p.board.Load(ctx, p.store, feed); err != nil {
		return fmt.Errorf("showing what is stored: %w", err)
	}
	ready()
	p.board.Run(ctx, p.store, feed)
	return nil
}

func (p *process) storeStats() metrics.Store {
	stats := p.writer.Stats()
	return metrics.Store{
		Buffered: stats.Buffered, Dropped: stats.Dropped + stats.Refused, Written: stats.Written,
		Failures: stats.Failures, Oldest: stats.OldestBuffered,
	}
}

func retention(cfg *config.Config) store.Retention {
	return store.Retention{
		Results: cfg.Store.Results.Std(), Failures: cfg.Store.Failures.Std(), Hours: cfg.Store.Hours.Std(),
		Days: cfg.Store.Days.Std(), Incidents: cfg.Store.Incidents.Std(),
	}
}

// configured is what people may see of each service's configuration.
func configured(cfg *config.Config) []board.Configured {
	masked := option.NewRedactor(cfg.Secrets()).Redact
	services := make([]board.Configured, len(cfg.Services))
	for i, s := range cfg.Services {
		services[i] = board.Configured{
			Name: s.Name, Severity: s.Severity, Kind: s.Probe.Kind, Labels: maps.Clone(s.Labels),
			Impact: masked(s.Impact), Runbook: masked(s.Runbook), DependsOn: s.DependsOn,
			Interval: s.Interval.Std(), Timeout: s.Timeout.Std(), Cron: s.Cron, ActiveHours: s.ActiveHours,
			FailureThreshold: s.FailureThreshold, Receivers: s.Alerts, YAML: cfg.ServiceYAML(s),
		}
		services[i].HasTargets, services[i].Classes = s.Targets != nil, intervals(s.Fleet)
		for name, value := range services[i].Labels {
			services[i].Labels[name] = masked(value)
		}
		if s.Remediation == nil {
			continue
		}
		services[i].Mode, services[i].Host = s.Remediation.Mode, s.Remediation.Host
		for _, step := range s.Remediation.Steps {
			services[i].Steps = append(services[i].Steps, masked(step.Options.Title()))
		}
	}
	return services
}

// intervals are those of the classes of a fleet, by name.
func intervals(fleet *config.Fleet) map[string]time.Duration {
	if fleet == nil || len(fleet.Classes) == 0 {
		return nil
	}
	classes := make(map[string]time.Duration, len(fleet.Classes))
	for _, class := range fleet.Classes {
		classes[class.Name] = class.Interval.Std()
	}
	return classes
}
