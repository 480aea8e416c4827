package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"paramedic/activities"
	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/probe"
	"paramedic/internal/resolve"
	"paramedic/internal/survey"
	"paramedic/internal/targets"
)

// crowd looks at the targets of a service.
type crowd struct {
	many probe.Many
	// control looks at something that is always up; nil if there is nothing.
	control probe.Prober
	survey  *survey.Survey
	parts   parts
}

func (r *roster) openCrowd(s config.Service, g gear) (*crowd, error) {
	many, err := r.openMany(s.Probe)
	if err != nil {
		return nil, err
	}
	c, limit := &crowd{many: many}, s.Timeout.Std()
	c.survey = &survey.Survey{
		Probe: func(ctx context.Context, target health.Target) health.Result {
			return r.mask(probe.RunMany(ctx, many, target, limit))
		},
		Limits: survey.Limits{
			Timeout: limit, Parallel: s.Fleet.Parallel, PerHost: s.Fleet.PerHost,
			Retries: s.Fleet.Retries, Named: activities.FailedLimit,
		},
		Slots: resolve.Connections(), Lag: g.pulse, Load: g.load,
	}
	if s.Fleet.Control == nil {
		return c, nil
	}
	if c.control, err = r.openProbe(*s.Fleet.Control); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	c.survey.Control = func(ctx context.Context) health.Result {
		return r.mask(probe.Run(ctx, c.control, limit))
	}
	return c, nil
}

// mask masks the secrets in what a probe has found.
func (r *roster) mask(result health.Result) health.Result {
	result.Message = r.redactor.Redact(result.Message)
	for name, text := range result.Facts {
		result.Facts[name] = r.redactor.Redact(text)
	}
	return result
}

// list returns the current targets of a service.
func (f *Fleet) list(service string) (*targets.List, error) {
	if f.lists == nil {
		return nil, notConfigured("targets of service", service)
	}
	list, err := f.lists.List(service)
	if errors.Is(err, targets.ErrNone) {
		return nil, notConfigured("targets of service", service)
	}
	return list, err
}

// target looks up one target of a service.
func (f *Fleet) target(s service, name, target string) (health.Target, error) {
	switch {
	case s.crowd == nil:
		return health.Target{}, notConfigured("target", health.TargetID(name, target))
	case target == "":
		return health.Target{}, fmt.Errorf("service %s has targets, one of which must be named: %w", name, activities.ErrNotConfigured)
	}
	list, err := f.list(name)
	if err != nil {
		return health.Target{}, err
	}
	found, ok := list.Find(target)
	if !ok {
		return health.Target{}, notConfigured("target", health.TargetID(name, target))
	}
	return found, nil
}

// asError puts problems into one error.
func asError(problems option.Problems) error {
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = strings.TrimPrefix(p.Path+": "+p.Text, ": ")
	}
	return errors.New(strings.Join(texts, "; "))
}
