package main

import (
	"context"

	"paramedic/internal/config"
	"paramedic/internal/option"
	"paramedic/internal/targets"
)

// openTargets makes the lists of all services' targets. An agent stores nothing,
// and reads registered ones in a store that workers share; one that works for a
// single worker keeps them to itself.
func (p *process) openTargets() {
	var registry targets.Registry
	switch {
	case p.store != nil:
		registry = p.store
	case p.registry != nil:
		registry = p.registry
	}
	p.targets = targets.NewBook(registry, p.log.Logger)
	p.targets.Keep(sources(p.cfg))
	p.board.SetTargets(p.targets.Shown)
}

// runTargets keeps the lists current.
func (p *process) runTargets(ctx context.Context, ready func()) error {
	ready()
	return p.targets.Run(ctx)
}

// sources says where the targets of each service come from.
func sources(cfg *config.Config) []targets.Source {
	var all []targets.Source
	mask := option.NewRedactor(cfg.Secrets()).Redact
	for _, s := range cfg.Services {
		if s.Targets == nil {
			continue
		}
		all = append(all, targets.Source{
			Service: s.Name, List: s.Targets.List, FileSD: s.Targets.FileSD, API: s.Targets.API, ClassOf: s.Fleet.ClassOf, Mask: mask,
		})
	}
	return all
}
