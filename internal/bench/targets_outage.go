package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// struck is how many targets of the fleet fail at once.
	struck = 1000
	// afterThird is within how many intervals after its third failure a target
	// must be spoken for by an incident.
	afterThird = 2
	// failuresToOpen is how many failures in a row open an incident.
	failuresToOpen = 3
)

// strike lets targets fail, and waits until there is an incident for them.
func (f targetFleet) strike(ctx context.Context, w *watched, found values, say progress) error {
	say("letting %d of %d targets fail", f.failing, f.targets)
	w.site.failing.Store(int64(f.failing))
	begun := time.Now()
	limit := (failuresToOpen + afterThird + 1) * f.interval
	for open := 0; open == 0; {
		if time.Since(begun) > limit {
			return fmt.Errorf("no incident was opened within %s", limit)
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		var err error
		if open, err = w.openIncidents(); err != nil {
			return err
		}
	}
	found["opened"] = milliseconds(time.Since(begun))
	say("an incident is open after %s; looking on for %s", time.Since(begun).Round(time.Second), 2*f.interval)
	if err := sleep(ctx, 2*f.interval); err != nil {
		return err
	}
	w.site.failing.Store(0)
	recovered := time.Now()
	for open := 1; open > 0; {
		if time.Since(recovered) > 4*f.interval {
			return fmt.Errorf("%d incidents are still open %s after the targets were back", open, 4*f.interval)
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		var err error
		if open, err = w.openIncidents(); err != nil {
			return err
		}
	}
	found["closed"] = milliseconds(time.Since(recovered))
	return nil
}

// openIncidents counts what the worker shows as open.
func (w *watched) openIncidents() (int, error) {
	families, err := w.metrics()
	if err != nil {
		return 0, err
	}
	open := 0.0
	for _, metric := range families["paramedic_incident_open"].GetMetric() {
		open += metric.GetGauge().GetValue()
	}
	return int(open), nil
}
