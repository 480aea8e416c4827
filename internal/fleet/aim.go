package fleet

import (
	"context"
	"fmt"

	"paramedic/activities"
	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/probe"
	"paramedic/internal/remedy"
)

// blank is what of a step is filled in for each target; nil where that is not
// necessary.
type blank struct {
	remedy        remedy.Options
	before, after probe.Many
}

// openStep opens a step of a service, as far as it is the same for all targets.
func (r *roster) openStep(configured config.Step, s config.Service) (step, error) {
	made := step{kind: configured.Kind, timeout: s.Timeout.Std(), evidence: configured.Evidence}
	var b blank
	if s.Targets != nil && remedy.HasTemplate(configured.Options) {
		b.remedy = configured.Options
	} else {
		opened, err := configured.Options.Open()
		if err != nil {
			return step{}, err
		}
		r.closers = append(r.closers, opened)
		made.remedy = opened
	}
	var err error
	if made.before, b.before, err = r.openCheck(configured.PreCheck, s); err != nil {
		return step{}, fmt.Errorf("pre_check: %w", err)
	}
	if made.after, b.after, err = r.openCheck(configured.PostCheck, s); err != nil {
		return step{}, fmt.Errorf("post_check: %w", err)
	}
	if b != (blank{}) {
		made.blank = &b
	}
	return made, nil
}

// openCheck opens a check of a step, for all targets together or for any one.
func (r *roster) openCheck(configured *config.Probe, s config.Service) (probe.Prober, probe.Many, error) {
	if configured == nil {
		return nil, nil, nil
	}
	if s.Targets != nil && probe.HasTemplate(configured.Options) {
		many, err := r.openMany(*configured)
		return nil, many, err
	}
	prober, err := r.openProbe(*configured)
	return prober, nil, err
}

func (r *roster) openMany(configured config.Probe) (probe.Many, error) {
	many, err := probe.OpenMany(configured.Options)
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", configured.Kind, err)
	}
	r.closers = append(r.closers, many)
	return many, nil
}

// aim makes a step ready for the target that is to be treated; call done after
// it. A step that is the same for all targets may be asked for without one.
func (f *Fleet) aim(s service, in activities.RemediateInput) (aimed step, done func(), err error) {
	aimed = s.steps[in.Step]
	if in.Target == "" && aimed.blank == nil {
		return aimed, func() {}, nil
	}
	target, err := f.target(s, in.Service, in.Target)
	if err != nil {
		return step{}, nil, err
	}
	if aimed.blank == nil {
		return aimed, func() {}, nil
	}
	done = func() {}
	if options := aimed.blank.remedy; options != nil {
		if aimed.remedy, err = fillIn(options, target); err != nil {
			return step{}, nil, fmt.Errorf("step %d of %s: %w", in.Step+1, health.TargetID(in.Service, in.Target), err)
		}
		done = func() { f.closed(aimed.remedy.Close()) }
	}
	if many := aimed.blank.before; many != nil {
		aimed.before = aimedProbe{many, target}
	}
	if many := aimed.blank.after; many != nil {
		aimed.after = aimedProbe{many, target}
	}
	return aimed, done, nil
}

// fillIn opens a remedy for one target. What the target lacks for it is not
// mended by trying again.
func fillIn(options remedy.Options, target health.Target) (remedy.Remedy, error) {
	filled, problems := remedy.Expand(options, target)
	if len(problems) > 0 {
		return nil, remedy.Final{Err: asError(problems)}
	}
	return filled.Open()
}

// closed tells the log when what was opened for one step does not close.
func (f *Fleet) closed(err error) {
	if err != nil {
		r, release := f.use()
		defer release()
		f.log.Warn("closing a remedy", "error", r.redactor.Redact(err.Error()))
	}
}

// aimedProbe is the prober of one of many targets. It belongs to that of all.
type aimedProbe struct {
	many   probe.Many
	target health.Target
}

// Probe implements probe.Prober.
func (a aimedProbe) Probe(ctx context.Context) health.Result { return a.many.Probe(ctx, a.target) }

// Close implements probe.Prober.
func (aimedProbe) Close() error { return nil }
