package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
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
// not valid changes nothing.
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
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	if err := p.applySchedules(ctx, p.cfg); err != nil {
		return err
	}
	ready()
	return p.watch(ctx, changes, hangups)
}

func (p *process) watch(ctx context.Context, changes *fsnotify.Watcher, hangups <-chan os.Signal) error {
	before := fingerprint(p.config)
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-changes.Errors:
			return fmt.Errorf("watching %s: %w", p.config, err)
		case <-changes.Events:
			settled = time.After(quiet)
		case <-settled:
			settled = nil
			if now := fingerprint(p.config); now != before {
				before = now
				p.reload(ctx)
			}
		case <-hangups:
			before = fingerprint(p.config)
			p.reload(ctx)
		}
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

// reload puts the file in force, or says why not.
func (p *process) reload(ctx context.Context) {
	cfg, err := config.Load(p.config)
	if err != nil {
		p.log.Error("the new configuration is not valid, the old one stays in force:\n" + err.Error())
		return
	}
	if needs := p.needsRestart(cfg); len(needs) > 0 {
		p.log.Warn("these settings change only with a restart of the worker: " + strings.Join(needs, ", "))
	}
	p.log.Mask(cfg.Secrets())
	if err := p.fleet.Replace(cfg); err != nil {
		p.log.Error("the new configuration cannot be put in force, the old one stays: " + err.Error())
		return
	}

	if err := p.applySchedules(ctx, cfg); err != nil && !errors.Is(err, context.Canceled) {
		p.log.Error("the new configuration is in force here, but not all of it in Temporal; reload to try again: " + err.Error())
		return
	}
	p.log.Info("configuration reloaded", "file", p.config)
}

// needsRestart names the settings that a reload cannot change.
func (p *process) needsRestart(cfg *config.Config) []string {
	var names []string
	for name, differs := range map[string]bool{
		"temporal":    cfg.Temporal != p.cfg.Temporal,
		"http.listen": cfg.HTTP.Listen != p.cfg.HTTP.Listen,
		"patient":     (cfg.Patient == nil) != (p.cfg.Patient == nil) || cfg.Patient != nil && *cfg.Patient != *p.cfg.Patient,
	} {
		if differs {
			names = append(names, name)
		}
	}
	return names
}

// applySchedules makes Temporal's schedules those of the configuration. An
// agent leaves them alone.
func (p *process) applySchedules(ctx context.Context, cfg *config.Config) error {
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
	changes, err := apply.Apply(ctx, connection.Client, cfg, false)
	for _, change := range changes {
		if change.Action != apply.Unchanged {
			p.log.Info(fmt.Sprintf("%s: watch %s %s", change.Service, change.Action, change.Detail))
		}
	}
	return err
}
