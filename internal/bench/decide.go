package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"paramedic/internal/health"
)

// measureDecide measures the decision to act, with all that the Gatekeeper
// knows of the fleet.
func measureDecide(_ context.Context, scale float64, _ progress) (values, error) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	situation := health.Situation{
		Now: noon, Steps: []int{1, 0}, Attempts: 1, Restarts: 1, Rested: noon.Add(-time.Minute),
		Backoff: []health.Duration{health.Duration(10 * time.Second)},
		Limits:  health.Limits{PerIncident: 3, IncidentsPerHour: 2, RestartsPerDay: 5},
	}
	fleet := health.Fleet{
		Incident: "now", Services: 1000, Down: 50, MinHealthy: 51, ConcurrentRestarts: 2, Running: 1,
		Spent: []health.Spending{
			{At: noon.Add(-20 * time.Hour), Incident: "yesterday"}, {At: noon.Add(-40 * time.Minute), Incident: "before"},
			{At: noon.Add(-2 * time.Minute), Incident: "now"},
		},
	}
	if !health.Decide(&situation, &fleet).Act {
		return nil, errors.New("the decision is not to act, and that is what is measured")
	}
	rounds := max(1, int(2e6*scale))
	begun := time.Now()
	for range rounds {
		health.Decide(&situation, &fleet)
	}
	took := time.Since(begun)
	return values{
		"ns":     float64(took.Nanoseconds()) / float64(rounds),
		"allocs": testing.AllocsPerRun(1000, func() { health.Decide(&situation, &fleet) }),
	}, nil
}
