package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// stage is the world of the scenes: services by name, each with its patient.
type stage struct {
	temporal client.Client

	mu       sync.Mutex
	patients map[string]*patient
}

// patient is one service. It is healthy unless down, and restarts heal it
// after some of them.
type patient struct {
	down bool
	// healedBy is which restart heals it; zero means none.
	healedBy int
	restarts int
	// deaf receivers take no alert now, refusing ones never.
	deaf, refusing bool
	// flaps is set while every second probe fails.
	flaps  bool
	probes int
	// ill is how many of its targets, from the first on, fail; cut is set while
	// the prober itself reaches nothing.
	ill int
	cut bool
}

func newStage(temporal client.Client) *stage {
	return &stage{temporal: temporal, patients: map[string]*patient{}}
}

// set changes a patient, and admits one that is new.
func (s *stage) set(service string, change func(*patient)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.patients[service] == nil {
		s.patients[service] = &patient{}
	}
	change(s.patients[service])
}

// Probe implements activities.Prober.
func (s *stage) Probe(_ context.Context, service, target string) (health.Result, error) {
	result := health.Result{
		Status: health.Healthy, At: time.Now().UTC().Truncate(time.Millisecond), LatencyMS: 1.5, Message: "status 200",
	}
	s.set(service, func(p *patient) {
		p.probes++
		if p.down || p.flaps && p.probes%2 == 0 || target != "" && p.ill > 0 {
			result.Status, result.Message = health.Unhealthy, "status 503 != 200"
		}
	})
	return result, nil
}

// Remediate implements activities.Remediator.
func (s *stage) Remediate(
	ctx context.Context, in activities.RemediateInput, checkpoint activities.Checkpoint,
) (health.Treatment, error) {
	if err := checkpoint.Save(ctx, in.Service); err != nil {
		return health.Treatment{}, err
	}
	s.set(in.Service, func(p *patient) {
		p.restarts++
		if p.restarts == p.healedBy {
			p.down, p.ill = false, 0
		}
	})
	return health.Treatment{Effect: health.Applied, Detail: fmt.Sprintf("restarted %s.service", in.Service)}, nil
}

// Notify implements activities.Notifier.
func (s *stage) Notify(_ context.Context, _ string, alerts []health.Alert) error {
	deaf, refusing := false, false
	for _, alert := range alerts {
		s.set(alert.Service, func(p *patient) { deaf, refusing = deaf || p.deaf, refusing || p.refusing })
	}
	if refusing {
		return refused{errors.New("bad token")}
	}
	if deaf {
		return errors.New("connection refused")
	}
	return nil
}

// refused is an error that trying again cannot mend.
type refused struct{ error }

// Final reports that trying again cannot help.
func (refused) Final() bool { return true }

// Grouping implements activities.Notifier.
func (s *stage) Grouping(string) (activities.Grouping, error) {
	return activities.Grouping{Batch: 10}, nil
}

// FleetLimits implements activities.Limiter.
func (s *stage) FleetLimits() activities.FleetLimits {
	return activities.FleetLimits{ConcurrentRestarts: 3, MinHealthy: 0, Services: 20}
}

// Archive implements activities.Archiver: what counts here is the history.
func (s *stage) Archive(context.Context, health.Incident) error { return nil }

// check is the configuration of a scene's service, in seconds instead of minutes.
func check(service string) workflows.Check {
	second := health.Duration(time.Second)
	return workflows.Check{
		Service: service, Severity: "critical", Runbook: "https://wiki.example/" + service,
		Interval: second, RetryInterval: second, Timeout: second, Watch: 10 * second,
		FailureThreshold: 3, SuccessThreshold: 1,
		Remediation: workflows.Plan{
			Settle: second, Backoff: []health.Duration{second, 2 * second},
			Limits: health.Limits{PerIncident: 3},
			Steps:  []workflows.Step{{Title: "restart " + service + ".service", Limit: 30 * second}},
		},
		Alerts: []string{"ops"},
	}
}
