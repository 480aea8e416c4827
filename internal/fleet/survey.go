package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/internal/survey"
	"paramedic/internal/targets"
)

// Roll implements activities.Surveyor.
func (f *Fleet) Roll(_ context.Context, service string) (activities.Roll, error) {
	r, release := f.use()
	defer release()
	_, list, err := f.crowd(r, service)
	if err != nil {
		return activities.Roll{}, err
	}
	return activities.Roll{Classes: list.Counts()}, nil
}

// crowd finds a service with targets, and which these are now.
func (f *Fleet) crowd(r *roster, service string) (*crowd, *targets.List, error) {
	s, ok := r.services[service]
	if !ok || s.crowd == nil {
		return nil, nil, notConfigured("service with targets", service)
	}
	list, err := f.list(service)
	return s.crowd, list, redact(err, r.redactor)
}

// Survey implements activities.Surveyor.
func (f *Fleet) Survey(
	ctx context.Context, in activities.BatchInput, progress activities.Progress,
) (activities.BatchResult, error) {
	r, release := f.use()
	defer release()
	c, list, err := f.crowd(r, in.Service)
	if err != nil {
		return activities.BatchResult{}, err
	}
	f.gear.pulse.Enter()
	defer f.gear.pulse.Leave()
	report, err := c.survey.Run(ctx, survey.Batch{
		Group: c.parts.group(list, in.Class, in.Batch, in.Of, c.many.Host),
		Due:   in.Due, Until: in.Until, Failing: in.Failing, Named: in.Named,
	}, &desk{fleet: f, service: in.Service, progress: progress})
	if err != nil {
		return activities.BatchResult{}, fmt.Errorf("probing targets of %s: %w", in.Service, err)
	}
	f.admit(r, in, report)
	members := list.Class(in.Class)
	broken := ""
	if report.Broken != nil {
		broken = health.Clip(r.redactor.Redact(report.Broken.Error()), brokenLimit)
	}
	return activities.BatchResult{
		Class: len(members), Probed: report.Probed,
		Failed: report.Failed, Omitted: report.Omitted, Passed: report.Passed,
		Gone: gone(in.Failing, members), Broken: broken, CutOff: report.CutOff,
	}, nil
}

// brokenLimit bounds why targets could not be probed, in bytes.
const brokenLimit = 200

// gone are those that no longer are among the members of their class.
func gone(failing []string, members []health.Target) []string {
	var names []string
	for _, name := range failing {
		_, found := slices.BinarySearchFunc(members, name, func(t health.Target, name string) int {
			return strings.Compare(t.Name, name)
		})
		if !found {
			names = append(names, name)
		}
	}
	return names
}

// admit tells the log what the prober owes to the targets.
func (f *Fleet) admit(r *roster, in activities.BatchInput, report survey.Report) {
	of := []any{"service", in.Service, "class", in.Class, "batch", in.Batch}
	if report.Broken != nil {
		f.log.Error("a probe is broken", append(of, "error", r.redactor.Redact(report.Broken.Error()))...)
	}
	if report.Overloaded+report.Missed > 0 {
		f.log.Warn("of some targets nothing is known: the prober was overloaded, or came to them too late",
			append(of, "dropped", report.Overloaded, "missed", report.Missed, "probed", report.Probed)...)
	}
	if report.CutOff != "" {
		f.log.Warn("the prober is cut off: of targets that failed nothing is known", append(of, "reason", report.CutOff)...)
	}
}

// desk passes on what a survey finds.
type desk struct {
	fleet    *Fleet
	service  string
	progress activities.Progress
}

// Tell implements survey.Desk.
func (d *desk) Tell(findings []health.Finding, late []time.Duration) {
	for _, observer := range d.fleet.observers {
		observer.Surveyed(d.service, findings, late)
	}
}

// Settled implements survey.Desk.
func (d *desk) Settled(ctx context.Context) error {
	var failures []error
	for _, observer := range d.fleet.observers {
		failures = append(failures, observer.Settled(ctx))
	}
	return errors.Join(failures...)
}

// Load implements survey.Desk.
func (d *desk) Load() (state survey.State, found bool) {
	found = d.progress.Load(&state)
	return state, found
}

// Save implements survey.Desk.
func (d *desk) Save(state survey.State) { d.progress.Save(state) }
