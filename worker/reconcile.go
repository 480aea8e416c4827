package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

const (
	// reconcileEvery is the time between two comparisons of the open incidents
	// that are shown with those that Temporal knows.
	reconcileEvery = time.Minute
	// settled is how old an incident must be to be compared: Temporal's list
	// lags behind.
	settled = 2 * time.Minute
	// ledgerEvery is how old what is shown of the Gatekeeper's books may be.
	ledgerEvery = 15 * time.Second
)

// books is what the Gatekeeper knew at a time.
type books struct {
	ledger workflows.Ledger
	at     time.Time
}

// keepReconciled keeps what is shown true where no workflow can say it, until
// ctx ends: an incident that was terminated, or one that nobody here has heard
// of. It also reads the Gatekeeper's books, so that no page has to ask.
func (p *process) keepReconciled(ctx context.Context, temporal *operator.Operator) {
	compare, read := time.NewTicker(reconcileEvery), time.NewTicker(ledgerEvery)
	defer compare.Stop()
	defer read.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-compare.C:
			err = p.reconcile(ctx, temporal)
		case <-read.C:
			err = p.readLedger(ctx, temporal)
		}
		if err != nil && ctx.Err() == nil {
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

// reconcile compares the open incidents that are shown with those of Temporal.
func (p *process) reconcile(ctx context.Context, temporal *operator.Operator) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileEvery)
	defer cancel()
	open, err := temporal.OpenIncidents(ctx)
	if err != nil {
		return fmt.Errorf("listing the open incidents: %w", err)
	}
	for _, shown := range p.board.OpenIncidents() {
		if open[shown.Service] || time.Since(shown.OpenedAt) < settled {
			delete(open, shown.Service)
			continue
		}
		if err := p.closeLost(ctx, temporal, shown); err != nil {
			return err
		}
	}
	// What is left is open, and nobody has told of it here.
	for service := range open {
		incident, err := temporal.Incident(ctx, service)
		if err != nil {
			return fmt.Errorf("reading the incident of %s: %w", service, err)
		}
		if incident.State != health.Resolved {
			p.recorder.Report(incident.Incident)
		}
	}
	return nil
}

// closeLost archives an incident that is shown as open and is not: as Temporal
// knows it, or as abandoned if its workflow was terminated.
func (p *process) closeLost(ctx context.Context, temporal *operator.Operator, shown health.Incident) error {
	ended, err := temporal.Incident(ctx, shown.ID)
	incident := ended.Incident
	if _, none := errors.AsType[operator.NoIncident](err); err != nil && !none {
		return fmt.Errorf("reading incident %s: %w", shown.ID, err)
	}
	if incident.State != health.Resolved {
		incident = shown.Clone()
		incident.State, incident.Outcome = health.Resolved, health.Abandoned
		incident.Waiting, incident.ApproveBy = "", time.Time{}
		incident.ResolvedAt = time.Now().UTC()
		incident.Timeline.Add(incident.ResolvedAt, health.EntryResolved, "abandoned: its workflow has ended without a record")
	}
	if err := p.recorder.Archive(ctx, incident); err != nil {
		return fmt.Errorf("closing the record of incident %s: %w", shown.ID, err)
	}
	p.recorder.Report(incident)
	return nil
}
