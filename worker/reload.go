package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"paramedic/internal/apply"
	"paramedic/internal/config"
)

const (
	// quiet is how long a file must be left alone before it is read: editors
	// write in several steps.
	quiet = 300 * time.Millisecond
	// applyTimeout bounds one comparison of the schedules with the configuration.
	applyTimeout = 2 * time.Minute
)

// runConfiguration keeps the configuration in force: it applies it to Temporal
// at the start, and again on SIGHUP or when the file changes. A file that is
// not valid changes nothing. It fails when Temporal cannot be reached, and the
// supervisor runs it again.
func (p *process) runConfiguration(ctx context.Context, ready func()) error {
	changes, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching %s: %w", p.config, err)
	}
	defer changes.Close()
	// The directory, not the file: editors and Kubernetes replace files.
	if err := changes.Add(filepath.Dir(p.config)); err != nil {
		return fmt.Errorf("watching %s: %w", p.config, err)
	}
	p.loadIfChanged() // between the last look and this one
	if err := p.applySchedules(ctx); err != nil {
		return err
	}
	ready()
	var settled <-chan time.Time
	for {
		var loaded bool
		var answer chan error
		select {
		case <-ctx.Done():
			return nil
		case err := <-changes.Errors:
			return fmt.Errorf("watching %s: %w", p.config, err)
		case <-changes.Events:
			settled = time.After(quiet)
		case <-settled:
			settled = nil
			loaded = p.loadIfChanged()
		case <-p.hangups:
			loaded = p.load() == nil
		case answer = <-p.reloads:
			err := p.load()
			if loaded = err == nil; !loaded {
				answer <- err
			}
		}
		if !loaded {
			continue
		}
		err := p.applySchedules(ctx)
		if answer != nil {
			answer <- err
		}
		if err != nil {
			return fmt.Errorf("the new configuration is in force here, but not yet in Temporal: %w", err)
		}
		p.log.Info("configuration reloaded", "file", p.config)
	}
}

// reload has the file read now, as SIGHUP does, and returns once it is in force
// or with why it is not.
func (p *process) reload(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case p.reloads <- answer:
	case <-ctx.Done():
		return errors.New("another change of the configuration is under way")
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fingerprint tells one content of a file from another.
func fingerprint(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// loadIfChanged loads the file unless it is as it was at the last time.
func (p *process) loadIfChanged() bool {
	return fingerprint(p.config) != p.seen && p.load() == nil
}

// load puts the file in force in this process, or says why not.
func (p *process) load() error {
	p.seen = fingerprint(p.config)
	cfg, err := config.Load(p.config)
	if err == nil {
		p.log.Mask(cfg.Secrets())
		err = p.replace(cfg)
	}
	p.metrics.Reloaded(err == nil)
	if err != nil {
		p.log.Error("the new configuration is not valid, the old one stays in force:\n" + err.Error())
		p.log.Mask(p.inForce.Load().Secrets())
		return err
	}
	if needs := p.needsRestart(cfg); len(needs) > 0 {
		p.log.Warn("these settings change only with a restart of the worker: " + strings.Join(needs, ", "))
	}
	if !p.agent { // which shows no services and stores nothing
		p.board.Keep(configured(cfg))
		p.writer.SetRetention(retention(cfg))
	}
	p.inForce.Store(cfg)
	return nil
}

// replace puts a configuration in force where it can fail, the one or none.
func (p *process) replace(cfg *config.Config) error {
	letIn, err := p.guard.Prepare(p.accessOptions(cfg))
	if err != nil {
		return fmt.Errorf("http.access cannot be put in force: %w", err)
	}
	if err := p.fleet.Replace(cfg); err != nil {
		return fmt.Errorf("the services cannot be put in force: %w", err)
	}
	p.targets.Keep(sources(cfg))
	letIn()
	return nil
}

// needsRestart names the settings that a reload cannot change.
func (p *process) needsRestart(cfg *config.Config) []string {
	var names []string
	if cfg.Temporal != p.cfg.Temporal {
		names = append(names, "temporal")
	}
	started, now := p.cfg.HTTP, cfg.HTTP
	// These are read at each request.
	started.SystemAlert, now.SystemAlert = nil, nil
	if (started.Access.OIDC == nil) == (now.Access.OIDC == nil) {
		started.Access, now.Access = config.Access{}, config.Access{}
	}
	if !reflect.DeepEqual(started, now) {
		names = append(names, "http")
	}
	if cfg.Store.URL != p.cfg.Store.URL || cfg.Store.Cache != p.cfg.Store.Cache {
		names = append(names, "store.url, store.cache")
	}
	if (cfg.Patient == nil) != (p.cfg.Patient == nil) || cfg.Patient != nil && *cfg.Patient != *p.cfg.Patient {
		names = append(names, "patient")
	}
	return names
}

// applySchedules makes Temporal's schedules those of the configuration in
// force, and tells what that changed. An agent leaves schedules alone.
func (p *process) applySchedules(ctx context.Context) error {
	if p.agent {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	connection, err := p.temporal.dial(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	changes, err := apply.Apply(ctx, connection.Client, p.inForce.Load(), false)
	for _, change := range changes {
		// That the first start creates every schedule is no news.
		if change.Action == apply.Unchanged || change.Action == apply.Created && p.inForce.Load() == p.cfg {
			continue
		}
		p.log.Info(strings.TrimSpace(fmt.Sprintf("%s: watch %s %s", change.Service, change.Action, change.Detail)))
	}
	return err
}
