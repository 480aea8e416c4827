package main

import (
	"context"
	"fmt"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/probe"
	"paramedic/internal/remedy"
	"paramedic/internal/targets"
)

// targetSource says where the targets of a service come from, and whether it
// has some.
func (p *process) targetSource(service string) (targets.Source, bool) {
	for _, source := range sources(p.inForce.Load()) {
		if source.Service == service {
			return source, true
		}
	}
	return targets.Source{}, false
}

// checkTarget says why a target cannot be looked at or healed as its service
// says, without a secret.
func (p *process) checkTarget(service string, target health.Target) error {
	cfg := p.inForce.Load()
	configured, ok := cfg.Service(service)
	if !ok {
		return fmt.Errorf("service %s is not configured", service)
	}
	_, problems := probe.Expand(configured.Probe.Options, target)
	if err := wrong("probe."+configured.Probe.Kind, problems, cfg); err != nil {
		return err
	}
	return checkSteps(configured, target, cfg)
}

// checkSteps says what is wrong with the steps of a runbook for a target.
func checkSteps(service config.Service, target health.Target, cfg *config.Config) error {
	if service.Remediation == nil {
		return nil
	}
	for n, step := range service.Remediation.Steps {
		where := fmt.Sprintf("remediation.steps[%d].", n)
		_, problems := remedy.Expand(step.Options, target)
		if err := wrong(where+step.Kind, problems, cfg); err != nil {
			return err
		}
		for name, check := range map[string]*config.Probe{"pre_check.": step.PreCheck, "post_check.": step.PostCheck} {
			if check == nil {
				continue
			}
			_, problems := probe.Expand(check.Options, target)
			if err := wrong(where+name+check.Kind, problems, cfg); err != nil {
				return err
			}
		}
	}
	return nil
}

// refreshTargets lets a change of what is registered take effect here at once.
// If it cannot, it takes effect when the registry is looked at next.
func (p *process) refreshTargets(ctx context.Context, service string) {
	if err := p.targets.Refresh(ctx, service); err != nil {
		p.log.Warn("the change of a target takes effect later", "service", service, "error", err)
	}
}

// wrong is the first of some problems.
func wrong(where string, problems option.Problems, cfg *config.Config) error {
	if len(problems) == 0 {
		return nil
	}
	first := problems[0]
	if first.Path != "" {
		where += "." + first.Path
	}
	return fmt.Errorf("%s: %s", where, option.NewRedactor(cfg.Secrets()).Redact(first.Text))
}
