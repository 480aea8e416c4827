package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"paramedic/activities"
	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/workflows"
)

const (
	// crowdSize is how many incidents open within crowdTime at scale 1.
	crowdSize = 1000
	crowdTime = 10 * time.Second
	// crowdConcurrency is how many of them may be restarted at the same time.
	crowdConcurrency = 50
	// crowdFleet is the size of the fleet that they are a part of, so large
	// that enough of it is healthy.
	crowdFleet = 10 * crowdSize
)

// measureIncidents opens many incidents at nearly the same time, lets the real
// Gatekeeper and the real Outbox deal with them, and checks that every one was
// healed, by one restart, and told.
func measureIncidents(ctx context.Context, scale float64, say progress) (_ values, err error) {
	cfg, err := config.Parse("bench.yml", []byte("services: [{name: s, probe: {tcp: {address: '127.0.0.1:1'}}}]"), noEnvironment)
	if err != nil {
		return nil, err
	}
	world := newCrowd(activities.FleetLimits{ConcurrentRestarts: crowdConcurrency, MinHealthy: 51, Services: crowdFleet})
	d, err := deploy(ctx, cfg, world, &stopwatch{crowd: world})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	count := max(crowdConcurrency, int(crowdSize*scale))
	begun := time.Now()
	if err := d.openIncidents(ctx, count, say); err != nil {
		return nil, err
	}
	opened := time.Since(begun)
	if err := d.awaitIncidents(ctx, count, say); err != nil {
		return nil, err
	}
	took := time.Since(begun)
	if err := d.awaitTold(ctx, world, count); err != nil {
		return nil, err
	}
	found, err := d.books(ctx)
	if err != nil {
		return nil, err
	}
	found["incidents"], found["opened"], found["took"] = float64(count), ms(opened), ms(took)
	world.report(found)
	return found, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func crowdName(i int) string { return fmt.Sprintf("service-%04d", i) }

// openIncidents opens one after the other at an even pace.
func (d *deployment) openIncidents(ctx context.Context, count int, say progress) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(50)
	ticker := time.NewTicker(crowdTime * 95 / 100 / time.Duration(crowdSize))
	defer ticker.Stop()
	for i := range count {
		if i%250 == 0 {
			say("%d of %d incidents opened", i, count)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return group.Wait()
		}
		group.Go(func() error { return d.openIncident(ctx, crowdName(i)) })
	}
	return group.Wait()
}

func (d *deployment) openIncident(ctx context.Context, service string) error {
	second := health.Duration(time.Second)
	now := time.Now().UTC()
	_, err := d.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.RemediationID(service, ""), TaskQueue: workflows.TaskQueue,
	}, workflows.RemediationType, workflows.RemediationInput{
		Check: workflows.Check{
			Service: service, Severity: "P1", Interval: 60 * second, RetryInterval: second, Timeout: 10 * second,
			FailureThreshold: 3, SuccessThreshold: 1, Alerts: []string{"ops"},
			Remediation: workflows.Plan{
				Settle: second, Limits: health.Limits{PerIncident: 3, IncidentsPerHour: 1, RestartsPerDay: 3},
				Steps: []workflows.Step{{Title: "restart " + service, Limit: 30 * second}},
			},
		},
		Streak:      health.Streak{Failures: 3, FirstFailureAt: now.Add(-2 * time.Minute), FirstFailure: "connection refused"},
		LastFailure: health.Result{Status: health.Unhealthy, At: now, Message: "connection refused"},
	})
	if err != nil {
		return fmt.Errorf("opening the incident of %s: %w", service, err)
	}
	return nil
}

// awaitIncidents waits for the end of all, and checks each.
func (d *deployment) awaitIncidents(ctx context.Context, count int, say progress) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(20)
	for i := range count {
		if i%250 == 0 {
			say("%d of %d incidents seen to their end", i, count)
		}
		group.Go(func() error { return d.awaitHealed(ctx, crowdName(i)) })
	}
	return group.Wait()
}

// awaitTold waits until the receiver has heard that every incident is over.
func (d *deployment) awaitTold(ctx context.Context, world *crowd, count int) error {
	ctx, cancel := context.WithTimeout(ctx, incidentLimit)
	defer cancel()
	for world.recoveries() < count {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d recoveries were told: %w", world.recoveries(), count, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

func (c *crowd) recoveries() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := 0
	for key := range c.told {
		if len(key) > 10 && key[len(key)-10:] == "/recovered" {
			told++
		}
	}
	return told
}

// books counts what is left in the Gatekeeper's ledger that should not be.
func (d *deployment) books(ctx context.Context) (values, error) {
	answer, err := d.QueryWorkflow(ctx, activities.GatekeeperID(workflows.TaskQueue), "", workflows.QueryLedger)
	if err != nil {
		return nil, fmt.Errorf("asking the gatekeeper for its ledger: %w", err)
	}
	var ledger workflows.Ledger
	if err := answer.Get(&ledger); err != nil {
		return nil, fmt.Errorf("reading the gatekeeper's ledger: %w", err)
	}
	leaked := len(ledger.Queue)
	for _, account := range ledger.Accounts {
		if account.Down || !account.Permit.IsZero() {
			leaked++
		}
	}
	return values{"leaked": float64(leaked)}, nil
}

// report adds what the crowd has seen.
func (c *crowd) report(found values) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var permits, holds, handover []time.Duration
	var grants []time.Time
	failed := 0
	for _, each := range c.asked {
		switch {
		case each.failed:
			failed++
		case each.granted:
			permits, grants = append(permits, each.took), append(grants, each.at)
		default:
			holds = append(holds, each.took)
		}
	}
	slices.SortFunc(grants, time.Time.Compare)
	slices.SortFunc(c.verified, time.Time.Compare)
	for i := crowdConcurrency; i < len(grants); i++ {
		handover = append(handover, max(0, grants[i].Sub(c.verified[i-crowdConcurrency])))
	}
	twice := 0
	for _, restarts := range c.restarts {
		twice += restarts - 1
	}
	found["permit_p50"], found["permit_p99"] = quantile(permits, 0.5), quantile(permits, 0.99)
	found["decision_p50"], found["decision_p99"] = quantile(holds, 0.5), quantile(holds, 0.99)
	found["handover_p50"], found["handover_p99"] = quantile(handover, 0.5), quantile(handover, 0.99)
	found["most"], found["twice"], found["failed"] = float64(c.most), float64(twice), float64(failed)
}
