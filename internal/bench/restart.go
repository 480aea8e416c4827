package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"paramedic/internal/apply"
	"paramedic/internal/config"
	"paramedic/internal/fleet"
	"paramedic/internal/health"
	"paramedic/workflows"
)

const (
	// burstSize is how many services fail at once in a burst.
	burstSize = 20
	// incidentLimit bounds one incident in a measurement; it takes about 4 s.
	incidentLimit = time.Minute
)

// measureRestart measures incidents of one service, one after the other.
func measureRestart(ctx context.Context, scale float64, say progress) (values, error) {
	return outages{services: 1, rounds: max(1, int(100*scale))}.measure(ctx, say)
}

// measureRestartBurst measures as many incidents of services that all fail at
// the same moment, and may all be restarted at the same time.
func measureRestartBurst(ctx context.Context, scale float64, say progress) (values, error) {
	return outages{services: burstSize, rounds: max(1, int(100*scale)/burstSize)}.measure(ctx, say)
}

// outages is a number of rounds in which all services fail together.
type outages struct{ services, rounds int }

// measure breaks a real web service, lets paramedic probe it by HTTP and
// restart it by a real command, and times the way between the two.
func (o outages) measure(ctx context.Context, say progress) (_ values, err error) {
	site := newSite()
	defer site.Close()
	cfg, err := o.config(site.URL)
	if err != nil {
		return nil, err
	}
	opened, err := fleet.New(cfg, discard, nil)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	w := newWitness(opened, site)
	d, err := deploy(ctx, cfg, w)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if _, err := apply.Apply(ctx, d.Client, cfg, false); err != nil {
		return nil, err
	}
	var remedy, command []time.Duration
	for round := range o.rounds {
		if round%10 == 0 {
			say("%d of %d rounds", round, o.rounds)
		}
		delays, err := o.round(ctx, d, w, cfg)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", round+1, err)
		}
		for _, each := range delays {
			remedy, command = append(remedy, each.remedy), append(command, each.command)
		}
	}
	return values{
		"incidents":  float64(len(remedy)),
		"remedy_p50": quantile(remedy, 0.5), "remedy_p99": quantile(remedy, 0.99), "remedy_max": quantile(remedy, 1),
		"command_p50": quantile(command, 0.5), "command_p99": quantile(command, 0.99),
	}, nil
}

// round is one outage of every service, from passing to passing.
func (o outages) round(ctx context.Context, d *deployment, w *witness, cfg *config.Config) ([]delay, error) {
	ctx, cancel := context.WithTimeout(ctx, incidentLimit)
	defer cancel()
	for _, service := range cfg.Services {
		if err := w.awaitPass(ctx, service.Name); err != nil {
			return nil, err
		}
	}
	w.site.breakAll(cfg)
	var delays []delay
	for _, service := range cfg.Services {
		found, err := w.awaitRemedy(ctx, service.Name)
		if err != nil {
			return nil, err
		}
		delays = append(delays, found)
	}
	for _, service := range cfg.Services {
		if err := d.awaitHealed(ctx, service.Name); err != nil {
			return nil, err
		}
	}
	return delays, nil
}

// awaitHealed waits for the end of a service's incident, and checks that it
// was the one that was meant.
func (d *deployment) awaitHealed(ctx context.Context, service string) error {
	var incident health.Incident
	if err := d.GetWorkflow(ctx, workflows.RemediationID(service, ""), "").Get(ctx, &incident); err != nil {
		return fmt.Errorf("waiting for the incident of %s to end: %w", service, err)
	}
	if incident.Outcome != health.Healed || incident.Restarts != 1 {
		return fmt.Errorf("the incident of %s ended as %s after %d restarts", service, incident.Outcome, incident.Restarts)
	}
	return nil
}

// config is the shortest cadence that a configuration allows. The command
// tells when it runs; it is mended by the witness.
func (o outages) config(url string) (*config.Config, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "limits: {concurrent_restarts: %d, min_healthy: 0}\n", o.services)
	text.WriteString("defaults:\n  interval: 1s\n  watch: 60\n  flapping: {high: 0}\n")
	// As many incidents as are measured, one soon after the other.
	text.WriteString("  remediation: {stable_for: 0s, limits: {incidents_per_hour: 0, restarts_per_day: 0}}\nservices:\n")
	for i := range o.services {
		name := fmt.Sprintf("service-%02d", i)
		fmt.Fprintf(&text, "  - name: %s\n    probe: {http: {url: %q, expect: [\"status == 200\"]}}\n", name, url+"/"+name)
		text.WriteString("    remediation: {settle: 0s, backoff: [], steps: [{exec: {command: [date, \"+%s%N\"]}}]}\n")
	}
	return config.Parse("bench.yml", []byte(text.String()), noEnvironment)
}
