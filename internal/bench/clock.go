package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"paramedic/internal/apply"
	"paramedic/internal/config"
	"paramedic/internal/fleet"
	"paramedic/internal/health"
)

var discard = slog.New(slog.DiscardHandler)

// clock notes when each probe began and how late that was on its service's
// grid, and lets the fleet make the probe, or calls the service healthy.
type clock struct {
	*fleet.Fleet
	real  bool
	grids map[string]health.Grid

	mu      sync.Mutex
	running bool
	// last is the grid point of each service's latest tick.
	last     map[string]time.Time
	lateness []time.Duration
	// missing counts the grid points that were passed over.
	missing int
}

func newClock(cfg *config.Config, f *fleet.Fleet, real bool) *clock {
	c := &clock{Fleet: f, real: real, grids: map[string]health.Grid{}, last: map[string]time.Time{}}
	for _, service := range cfg.Services {
		check := apply.CheckOf(service)
		// As a Monitor's cadence has it: shifted by the spread of the watches.
		c.grids[service.Name] = health.Grid{
			Interval: check.Interval.Std(), Offset: health.Spread(check.Service, check.Watch.Std()),
		}
	}
	return c
}

// Probe implements activities.Prober.
func (c *clock) Probe(ctx context.Context, service, target string) (health.Result, error) {
	now := time.Now()
	c.note(service, now)
	if c.real {
		return c.Fleet.Probe(ctx, service, target)
	}
	return health.Result{Status: health.Healthy, At: now.UTC(), LatencyMS: 0.1, Message: "connected"}, nil
}

func (c *clock) note(service string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	grid := c.grids[service]
	point := grid.AtOrBefore(now)
	previous := c.last[service]
	c.last[service] = point
	if !c.running {
		return
	}
	c.lateness = append(c.lateness, now.Sub(point))
	c.missing += max(0, int(point.Sub(previous)/grid.Interval)-1)
}

// start begins the window at now.
func (c *clock) start(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running, c.lateness, c.missing = true, nil, 0
	for service, grid := range c.grids {
		if c.last[service].IsZero() { // never probed so far: counted from here
			c.last[service] = grid.AtOrBefore(now)
		}
	}
}

// stop ends the window at now and returns what happened in it. A service that has
// fallen silent counts as missing ticks, too.
func (c *clock) stop(now time.Time) (lateness []time.Duration, missing int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = false
	for service, grid := range c.grids {
		// The tick of the latest grid point may still be on its way.
		c.missing += max(0, int(grid.AtOrBefore(now).Sub(c.last[service])/grid.Interval)-1)
	}
	return c.lateness, c.missing
}
