package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// Tests shorten these two.
var (
	// reconcileEvery is the time between two comparisons of the open incidents
	// that are shown with those that Temporal knows.
	reconcileEvery = time.Minute
	// settled is how old an incident must be to be compared: Temporal's list
	// lags behind.
	settled = 2 * time.Minute
)

const (
	// reconcileLimit bounds one comparison, and lostLimit the storing of an
	// incident that is closed by one: the writer goes on trying by itself.
	reconcileLimit = time.Minute
	lostLimit      = 5 * time.Second
	// incidentsAtOnce bounds the incidents that are read from Temporal at once.
	incidentsAtOnce = 8
	// ledgerEvery is how old what is shown of the Gatekeeper's books may be.
	ledgerEvery = 15 * time.Second
)

// books is what the Gatekeeper knew at a time.
type books struct {
	ledger workflows.Ledger
	at     time.Time
}

// every does something at an interval until ctx ends.
func (p *process) every(
	ctx context.Context, interval time.Duration, temporal *operator.Operator, do func(context.Context, *operator.Operator) error,
) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := do(ctx, temporal); err != nil && ctx.Err() == nil {
			p.log.Debug("looking after what is shown: " + err.Error())
		}
	}
}

func (p *process) readLedger(ctx context.Context, temporal *operator.Operator) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerEvery)
	defer cancel()
	ledger, err := temporal.Ledger(ctx)
	if err != nil {
		return fmt.Errorf("reading the books of the gatekeeper: %w", err)
	}
	p.books.Store(&books{ledger: ledger, at: time.Now()})
	return nil
}

// permitsInUse counts the restarts that are under way, in the whole deployment.
func (p *process) permitsInUse() int {
	known := p.books.Load()
	if known == nil {
		return 0
	}
	count := 0
	for _, account := range known.ledger.Accounts {
		if account.Permit.After(time.Now()) {
			count++
		}
	}
	return count
}

// reconcile keeps what is shown true where no workflow can say it: an incident
// that was terminated, or one that nobody here has heard of. One that cannot be
// read does not keep the others from it. There may be thousands of them, as of
// the targets of a service.
func (p *process) reconcile(ctx context.Context, temporal *operator.Operator) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileLimit)
	defer cancel()
	running, err := temporal.OpenIncidents(ctx)
	if err != nil {
		return fmt.Errorf("listing the open incidents: %w", err)
	}
	var lost []health.Incident
	current := map[string]health.Incident{}
	for _, incident := range p.board.OpenIncidents() {
		about := health.TargetID(incident.Service, incident.Target)
		current[about] = incident
		if !running[about] {
			lost = append(lost, incident)
		}
		delete(running, about)
	}
	left, err := p.leftBehind(ctx, current)
	failures := newFailures(err)
	each := parallel(ctx)
	for _, incident := range append(lost, left...) {
		if time.Since(incident.OpenedAt) >= settled {
			each.Go(func() error { return failures.note(p.closeLost(ctx, temporal, incident)) })
		}
	}
	for about := range running {
		each.Go(func() error { return failures.note(p.hearOf(ctx, temporal, about)) })
	}
	_ = each.Wait() // they are noted
	return failures.all()
}

// leftBehind returns the incidents that are stored as open and have a newer one
// of the same service or target, of which there is one at a time.
func (p *process) leftBehind(ctx context.Context, current map[string]health.Incident) ([]health.Incident, error) {
	stored, err := p.store.OpenIncidents(ctx)
	if err != nil {
		return nil, err
	}
	for _, shown := range current {
		delete(stored, shown.ID)
	}
	var left []health.Incident
	for id := range stored {
		incident, err := p.store.Incident(ctx, id)
		if err != nil {
			return left, err
		}
		newer, found := current[health.TargetID(incident.Service, incident.Target)]
		if found && incident.State != health.Resolved && newer.OpenedAt.After(incident.OpenedAt) {
			left = append(left, incident)
		}
	}
	return left, nil
}

// parallel bounds how many incidents are read at once.
func parallel(ctx context.Context) *errgroup.Group {
	group, _ := errgroup.WithContext(ctx)
	group.SetLimit(incidentsAtOnce)
	return group
}

// failures are noted by many at once.
type failures struct {
	mu    sync.Mutex
	noted []error
}

func newFailures(first error) *failures { return &failures{noted: []error{first}} }

// note keeps an error and returns none, so that the others go on.
func (f *failures) note(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noted = append(f.noted, err)
	return nil
}

func (f *failures) all() error { return errors.Join(f.noted...) }

// hearOf shows an open incident of which nobody has told here, by what it is
// about: a service, or one of its targets.
func (p *process) hearOf(ctx context.Context, temporal *operator.Operator, about string) error {
	incident, err := temporal.Incident(ctx, about)
	if err != nil {
		return fmt.Errorf("reading the incident of %s: %w", about, err)
	}
	if incident.State != health.Resolved {
		p.recorder.Report(incident.Incident)
	}
	return nil
}

// closeLost archives an incident that is shown as open and is not: as Temporal
// knows it, or as abandoned if its workflow was terminated.
func (p *process) closeLost(ctx context.Context, temporal *operator.Operator, shown health.Incident) error {
	ended, err := temporal.Incident(ctx, shown.ID)
	_, none := errors.AsType[operator.NoIncident](err)
	if err != nil && !none {
		return fmt.Errorf("reading incident %s: %w", shown.ID, err)
	}
	incident := ended.Incident
	switch {
	case none:
		incident = abandoned(shown, time.Now().UTC(), "Temporal no longer knows its workflow")
	case incident.State != health.Resolved:
		return nil // it runs, and the list was behind
	case ended.Stale != "":
		incident = abandoned(shown, incident.ResolvedAt, ended.Stale)
	}
	ctx, cancel := context.WithTimeout(ctx, lostLimit)
	defer cancel()
	p.recorder.Report(incident)
	if err := p.recorder.Archive(ctx, incident); err != nil {
		return fmt.Errorf("closing the record of incident %s: %w", shown.ID, err)
	}
	return nil
}

// abandoned is the record, as far as it was known here, of an incident that
// ended without one.
func abandoned(shown health.Incident, at time.Time, why string) health.Incident {
	incident := shown.Clone()
	incident.State, incident.Outcome, incident.ResolvedAt = health.Resolved, health.Abandoned, at
	incident.Waiting, incident.ApproveBy = "", time.Time{}
	incident.Timeline.Add(at, health.EntryResolved, "abandoned: "+why)
	return incident
}
