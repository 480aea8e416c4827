package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"

	"paramedic/internal/apply"
	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/operator"
)

// session is a configuration and a connection to the Temporal that runs it.
type session struct {
	*operator.Operator
	config     *config.Config
	connection *operator.Connection
}

// load reads the configuration file.
func (a *app) load() (*config.Config, error) { return config.Load(a.configPath) }

// withTemporal reads the configuration, connects to Temporal and calls do. An
// error that the connection is to blame for comes back as an
// operator.Unreachable.
func (a *app) withTemporal(ctx context.Context, do func(session) error) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	return a.connected(ctx, cfg, do)
}

// withService is withTemporal for a command about one configured service. It
// asks for nothing from Temporal when there is no such service.
func (a *app) withService(ctx context.Context, name string, do func(session, config.Service) error) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	service, err := find(cfg, name)
	if err != nil {
		return err
	}
	return a.connected(ctx, cfg, func(s session) error { return do(s, service) })
}

func (a *app) connected(ctx context.Context, cfg *config.Config, do func(session) error) error {
	connection, err := operator.Dial(ctx, operator.Endpoint{
		Address:   cmp.Or(a.address, cfg.Temporal.Address),
		Namespace: cfg.Temporal.Namespace,
		Profile:   cfg.Temporal.Profile,
	}, slog.New(slog.DiscardHandler)) // what matters comes back as an error
	if err != nil {
		return err
	}
	defer connection.Close()
	return connection.Diagnose(do(session{
		Operator:   operator.New(connection, apply.TaskQueue(cfg)),
		config:     cfg,
		connection: connection,
	}))
}

// withIncident is withService for a command about an incident: that of a
// service as a whole or of one of its targets, named by its health.TargetID.
func (a *app) withIncident(ctx context.Context, who author, name string, do func(session) error) error {
	if strings.TrimSpace(who.by) == "" {
		return operator.ErrNobody
	}
	service, _ := split(name)
	return a.withService(ctx, service, func(s session, _ config.Service) error { return do(s) })
}

// split takes a health.TargetID apart. What is none, like a service with a slash
// and nothing behind it, is left as it is, and is the name of no service.
func split(name string) (service, target string) {
	service, target = health.SplitTargetID(name)
	if health.TargetID(service, target) != name {
		return name, ""
	}
	return service, target
}

// find looks a service up that is meant as a whole; an unknown name is answered
// with the known ones.
func find(cfg *config.Config, name string) (config.Service, error) {
	service, ok := cfg.Service(name)
	if ok {
		return service, nil
	}
	if of, target := split(name); target != "" {
		if _, ok := cfg.Service(of); ok {
			return service, fmt.Errorf("%s: this is for a service with all its targets, not for one of them: write %s", name, of)
		}
		name = of
	}
	return config.Service{}, fmt.Errorf("unknown service %q; configured: %s", name, strings.Join(names(cfg), ", "))
}

// names lists the configured services.
func names(cfg *config.Config) []string {
	list := make([]string, 0, len(cfg.Services))
	for _, service := range cfg.Services {
		list = append(list, service.Name)
	}
	return list
}
