package targets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"paramedic/internal/health"
)

const (
	// pollEvery is how soon what other processes register is known here.
	pollEvery = time.Second
	// pollTimeout bounds one look into the registry.
	pollTimeout = 30 * time.Second
)

// errNoRegistry says that there is no store to ask.
var errNoRegistry = errors.New("there is no store here that could hold registered targets")

// poll reads the registry whenever its stamp changes, until ctx ends, and at
// once when it is asked to. While the registry changes without end, reading it
// takes a tenth of the time at most.
func (b *Book) poll(ctx context.Context, asked <-chan struct{}) {
	ticks := time.NewTicker(pollEvery)
	defer ticks.Stop()
	var stamp int64
	var next time.Time
	fresh, told := false, ""
	for {
		if services := b.registering(); len(services) > 0 && !time.Now().Before(next) {
			begun := time.Now()
			now, err := b.readRegistry(ctx, services, stamp, fresh)
			told = b.tellRegistry(ctx, told, err)
			b.explain(services, err)
			if fresh = err == nil; fresh {
				stamp = now
			}
			next = begun.Add(10 * time.Since(begun))
		}
		select {
		case <-ctx.Done():
			return
		case <-asked:
			fresh, next = false, time.Time{}
		case <-ticks.C:
		}
	}
}

// registering names the services whose targets the registry holds.
func (b *Book) registering() []string {
	b.change.Lock()
	defer b.change.Unlock()
	var services []string
	for service, p := range b.pages {
		if p.source.API {
			services = append(services, service)
		}
	}
	slices.Sort(services)
	return services
}

// readRegistry reads the targets of services, unless all were read at the same
// stamp before. It returns the stamp that they have at least.
func (b *Book) readRegistry(ctx context.Context, services []string, stamp int64, fresh bool) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	if b.registry == nil {
		return 0, errNoRegistry
	}
	now, err := b.registry.TargetsStamp(ctx)
	if err != nil {
		return 0, fmt.Errorf("asking whether registered targets have changed: %w", err)
	}
	if fresh && now == stamp {
		return now, nil
	}
	for _, service := range services {
		if err := b.Refresh(ctx, service); err != nil && !errors.Is(err, errRefused) {
			return 0, err
		}
	}
	return now, nil
}

// tellRegistry tells the log that the registry cannot be read, once, and that
// it can again; it returns what the log has heard last.
func (b *Book) tellRegistry(ctx context.Context, told string, err error) string {
	switch {
	case err == nil && told != "":
		b.log.Info("registered targets can be read again")
		return ""
	case err == nil || ctx.Err() != nil || told != "":
		return told
	}
	b.log.Warn("registered targets cannot be read, those read before stay", "error", err)
	return err.Error()
}

// explain has List say why registered targets could not be read so far.
func (b *Book) explain(services []string, err error) {
	if err == nil {
		return
	}
	b.change.Lock()
	defer b.change.Unlock()
	for _, service := range services {
		if p := b.pages[service]; p != nil && p.source.API && !p.read {
			p.unread = err
			a, _ := b.settle(p, answer{}) // which has no list yet
			b.publish(service, a)
		}
	}
}

// errRefused says that the registry was read, and does not go with the other
// sources, or is not asked for.
var errRefused = errors.New("not put in force")

// Refresh reads the registered targets of a service now, as after a change by
// the API. An error means that the list is as before.
func (b *Book) Refresh(ctx context.Context, service string) error {
	if b.registry == nil {
		return fmt.Errorf("service %s: %w", service, errNoRegistry)
	}
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return fmt.Errorf("reading the registered targets of %s: %w", service, ctx.Err())
	}
	found, err := b.registry.Targets(ctx, service)
	if err != nil {
		return fmt.Errorf("reading the registered targets of %s: %w", service, err)
	}
	return b.register(service, found)
}

// register puts registered targets in force.
func (b *Book) register(service string, found []health.Target) error {
	sets, registered := newSets(), make([]health.Target, 0, len(found))
	for _, target := range found {
		registered = append(registered, health.Target{Name: target.Name, Labels: sets.intern(target.Labels)})
	}
	b.change.Lock()
	defer b.change.Unlock()
	p := b.pages[service]
	if p == nil || !p.source.API {
		return fmt.Errorf("service %s: %w: it has no registered targets", service, errRefused)
	}
	p.registered, p.read = registered, true
	before, _ := b.look(service)
	a, conflict := b.settle(p, before)
	b.publish(service, a)
	switch {
	case conflict != nil:
		return fmt.Errorf("service %s: %w: %w", service, errRefused, conflict)
	case a.err != nil:
		return fmt.Errorf("%w: %w", errRefused, a.err)
	}
	return nil
}
