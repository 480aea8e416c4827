package board

import (
	"context"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

// Surveyed takes what the probes of many targets of a service found.
func (b *Board) Surveyed(service string, findings []health.Finding, _ []time.Duration) {
	if len(findings) == 0 {
		return
	}
	b.sink.Put(store.Batch{Surveys: store.NewSurveys(service, findings)})
	_ = b.currentTargets(service) // what was known before is gone on with
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.services[service]; e != nil && e.crowd != nil {
		e.takeAll(findings)
		b.wake(service)
	}
}

// Settled returns once all that was taken so far is stored, or with an error
// when ctx ends: it waits to be stored even so.
func (b *Board) Settled(ctx context.Context) error { return b.sink.Settled(ctx) }

// takeAll takes findings of targets, and what they say of the service.
func (e *entry) takeAll(findings []health.Finding) {
	var batch wave
	var latest time.Time
	for n := range findings {
		m := e.crowd.member(findings[n].Target)
		if m == nil || !m.take(findings[n].Result, e.crowd.texts) {
			continue
		}
		m.outlive(e.configured.patienceOf(e.crowd.class(m)))
		batch.add(findings[n].Result)
		if findings[n].At.After(latest) {
			latest = findings[n].At
		}
	}
	if e.crowd.list != nil && !latest.IsZero() {
		e.sum(batch, latest)
	}
}

// currentTargets looks whether a service has other targets than are shown. Its
// error says why they are not known.
func (b *Board) currentTargets(service string) error {
	if b.lists == nil {
		return nil
	}
	b.mu.RLock()
	e := b.services[service]
	known := e != nil && e.crowd != nil
	b.mu.RUnlock()
	if !known {
		return nil
	}
	list, err := b.lists(service)
	if err != nil || list == nil {
		return err
	}
	b.mu.RLock()
	same := e.crowd != nil && e.crowd.list == list
	b.mu.RUnlock()
	if same {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.crowd == nil || e.crowd.list == list {
		return nil
	}
	for _, gone := range e.crowd.relist(list) {
		delete(b.closed, health.TargetID(service, gone))
	}
	b.wake(service)
	return nil
}

// allTargets does so for all services.
func (b *Board) allTargets() {
	b.mu.RLock()
	var crowded []string
	for _, e := range b.sorted {
		if e.crowd != nil {
			crowded = append(crowded, e.configured.Name)
		}
	}
	b.mu.RUnlock()
	for _, service := range crowded {
		_ = b.currentTargets(service) // what was known before is shown
	}
}
