package main

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"paramedic/activities"
	"paramedic/internal/health"
)

// crowdRestart is how long a restart takes in a crowd.
const crowdRestart = 200 * time.Millisecond

// crowd is a world in which every service is down until it is restarted, once.
// It notes what happens when.
type crowd struct {
	limits activities.FleetLimits

	mu       sync.Mutex
	healed   map[string]bool
	restarts map[string]int
	// running and most count restarts under way, settling included.
	running, most int
	// verified are when restarted services were found to be up.
	verified []time.Time
	// told counts alerts by dedup key.
	told map[string]int
	// asked are the answers of the Gatekeeper.
	asked []asked
}

// asked is one question to the Gatekeeper.
type asked struct {
	took    time.Duration
	at      time.Time
	granted bool
	failed  bool
}

func newCrowd(limits activities.FleetLimits) *crowd {
	return &crowd{limits: limits, healed: map[string]bool{}, restarts: map[string]int{}, told: map[string]int{}}
}

// Probe implements activities.Prober.
func (c *crowd) Probe(_ context.Context, service, _ string) (health.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	result := health.Result{Status: health.Unhealthy, At: time.Now().UTC(), Message: "connection refused"}
	if c.healed[service] {
		result.Status, result.Message = health.Healthy, "status 200"
		c.running--
		c.verified = append(c.verified, time.Now())
	}
	return result, nil
}

// Remediate implements activities.Remediator.
func (c *crowd) Remediate(
	ctx context.Context, in activities.RemediateInput, checkpoint activities.Checkpoint,
) (health.Treatment, error) {
	if err := checkpoint.Save(ctx, in.Service); err != nil {
		return health.Treatment{}, err
	}
	c.mu.Lock()
	c.running++
	c.most = max(c.most, c.running)
	c.restarts[in.Service]++
	c.mu.Unlock()
	select {
	case <-time.After(crowdRestart):
	case <-ctx.Done():
		return health.Treatment{}, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.healed[in.Service] = true
	return health.Treatment{Effect: health.Applied, Detail: "restarted " + in.Service}, nil
}

// Notify implements activities.Notifier.
func (c *crowd) Notify(_ context.Context, _ string, alerts []health.Alert) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, alert := range alerts {
		c.told[alert.DedupKey]++
	}
	return nil
}

// Grouping implements activities.Notifier, as the receiver log has it.
func (c *crowd) Grouping(string) (activities.Grouping, error) {
	return activities.Grouping{Batch: 100}, nil
}

// FleetLimits implements activities.Limiter.
func (c *crowd) FleetLimits() activities.FleetLimits { return c.limits }

// stopwatch times the questions to the Gatekeeper.
type stopwatch struct {
	interceptor.WorkerInterceptorBase
	crowd *crowd
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (s *stopwatch) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	timed := &timing{crowd: s.crowd}
	timed.Next = next
	return timed
}

type timing struct {
	interceptor.ActivityInboundInterceptorBase
	crowd *crowd
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (t *timing) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	begun := time.Now()
	result, err := t.Next.ExecuteActivity(ctx, in)
	if activity.GetInfo(ctx).ActivityType.Name != "Ask" {
		return result, err
	}
	answer, _ := result.(activities.AskAnswer)
	t.crowd.mu.Lock()
	defer t.crowd.mu.Unlock()
	t.crowd.asked = append(t.crowd.asked, asked{
		took: time.Since(begun), at: time.Now(), granted: answer.Decision.Act, failed: err != nil,
	})
	return result, err
}
