package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/store"
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
	// openLimit is the most incidents that are compared in one round.
	openLimit = 5000
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
// read does not keep the others from it.
func (p *process) reconcile(ctx context.Context, temporal *operator.Operator) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileLimit)
	defer cancel()
	running, err := temporal.OpenIncidents(ctx)
	if err != nil {
		return fmt.Errorf("listing the open incidents: %w", err)
	}
	shown := p.board.OpenIncidents()
	var failures []error
	lost := func(incident health.Incident) {
		if time.Since(incident.OpenedAt) >= settled {
			failures = append(failures, p.closeLost(ctx, temporal, incident))
		}
	}
	current := make(map[string]health.Incident, len(shown))
	for _, incident := range shown {
		current[incident.Service] = incident
		if !running[incident.Service] {
			lost(incident)
		}
		delete(running, incident.Service)
	}
	// A service has one open incident: what is stored besides was left behind.
	stored, _, err := p.store.Incidents(ctx, store.IncidentFilter{Open: true, Limit: openLimit})
	failures = append(failures, err)
	for _, incident := range stored {
		if newer, found := current[incident.Service]; found && newer.ID != incident.ID && newer.OpenedAt.After(incident.OpenedAt) {
			lost(incident)
		}
	}
	for service := range running {
		failures = append(failures, p.hearOf(ctx, temporal, service))
	}
	return errors.Join(failures...)
}

// hearOf shows an open incident of which nobody has told here.
func (p *process) hearOf(ctx context.Context, temporal *operator.Operator, service string) error {
	incident, err := temporal.Incident(ctx, service)
	if err != nil {
		return fmt.Errorf("reading the incident of %s: %w", service, err)
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
