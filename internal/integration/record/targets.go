package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// sceneTargets is how many targets a service of these scenes has.
const sceneTargets = 40

func targetName(n int) string { return fmt.Sprintf("10.0.0.%d:80", n) }

// fleet is the check of a service with targets.
func fleet(service string) workflows.Check {
	c := check(service)
	c.Interval, c.RetryInterval = health.Duration(2*time.Second), health.Duration(2*time.Second)
	c.Watch = health.Duration(20 * time.Second)
	c.Fleet = &workflows.Fleet{Batch: 20, MaxOpenIncidents: 4}
	return c
}

// Roll implements activities.Surveyor.
func (s *stage) Roll(context.Context, string) (activities.Roll, error) {
	return activities.Roll{Classes: map[string]int{"": sceneTargets}}, nil
}

// Survey implements activities.Surveyor: the first targets of a patient are ill.
func (s *stage) Survey(_ context.Context, in activities.BatchInput, _ activities.Progress) (activities.BatchResult, error) {
	ill, cut := 0, false
	s.set(in.Service, func(p *patient) { ill, cut = p.ill, p.cut })
	result := activities.BatchResult{Class: sceneTargets}
	for n := range sceneTargets {
		finding := health.Finding{Target: targetName(n), Result: health.Result{
			Status: health.Healthy, At: time.Now().UTC().Truncate(time.Millisecond), LatencyMS: 1.5, Message: "status 200",
		}}
		if !health.InBatch(finding.Target, in.Batch, in.Of) {
			continue
		}
		result.Probed++
		switch {
		case n < ill:
			finding.Status, finding.Message = health.Unhealthy, "status 503 != 200"
			result.Failed = append(result.Failed, finding)
		case slices.Contains(in.Failing, finding.Target):
			result.Passed = append(result.Passed, finding)
		}
	}
	if cut {
		result.Failed, result.Passed, result.CutOff = nil, nil, "no answer of 192.0.2.1"
	}
	return result, nil
}

// rounds: a target of many fails, and is healed by its own restart.
func rounds(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("rounds", func(p *patient) { p.ill, p.healedBy = 1, 1 })
	watch, err := s.monitor(ctx, fleet("rounds"))
	if err != nil {
		return nil, err
	}
	incident, err := s.outcome(ctx, health.TargetID("rounds", targetName(0)), health.Healed)
	if err != nil {
		return nil, err
	}
	return map[string]execution{"monitor-target": of(watch), "remediation-target": incident}, watch.Get(ctx, nil)
}

// storm: so many targets fail that there is one incident for the whole, which
// ends with them.
func storm(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("storm", func(p *patient) { p.ill = 30 })
	watch, err := s.monitor(ctx, fleet("storm"))
	if err != nil {
		return nil, err
	}
	if err := s.untilIncident(ctx, "storm", func(health.Incident) bool { return true }); err != nil {
		return nil, err
	}
	s.set("storm", func(p *patient) { p.ill = 35 })
	if err := pause(ctx, 4*time.Second); err != nil {
		return nil, err
	}
	s.set("storm", func(p *patient) { p.ill = 0 })
	incident, err := s.outcome(ctx, "storm", health.Recovered)
	if err != nil {
		return nil, err
	}
	return map[string]execution{"monitor-storm": of(watch), "remediation-storm": incident}, watch.Get(ctx, nil)
}

// cutOff: the worker reaches nothing, and nothing is held against the targets.
func cutOff(ctx context.Context, s *stage) (map[string]execution, error) {
	s.set("cut-off", func(p *patient) { p.cut = true })
	watch, err := s.monitor(ctx, fleet("cut-off"))
	if err != nil {
		return nil, err
	}
	if err := s.untilIncident(ctx, "cut-off", func(health.Incident) bool { return true }); err != nil {
		return nil, err
	}
	s.set("cut-off", func(p *patient) { p.cut = false })
	incident, err := s.outcome(ctx, "cut-off", health.Recovered)
	if err != nil {
		return nil, err
	}
	return map[string]execution{"monitor-cut-off": of(watch), "remediation-cut-off": incident}, watch.Get(ctx, nil)
}
