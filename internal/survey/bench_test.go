package survey

import (
	"context"
	"fmt"
	"testing"
	"time"

	"paramedic/internal/health"
)

// BenchmarkSurvey is what the engine itself costs: its probes do nothing. ns/op
// is per target.
func BenchmarkSurvey(b *testing.B) {
	for _, size := range []int{1000, 5000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			targets := make([]health.Target, size)
			for i := range targets {
				targets[i].Name = fmt.Sprintf("shop-%05d.example:80", i)
			}
			group := NewGroup(targets, func(target health.Target) string { return target.Name[:9] })
			pulse := NewPulse()
			defer pulse.Close()
			at := time.Now()
			s := &Survey{
				Probe: func(context.Context, health.Target) health.Result {
					return health.Result{Status: health.Healthy, At: at, Message: "200 OK"}
				},
				Limits: Limits{Timeout: 5 * time.Second, Parallel: 64, PerHost: 16, Retries: 2, Named: 500},
				Load:   &Load{}, Lag: pulse, Slots: make(slots, 8192),
			}
			b.ReportAllocs()
			for n := 0; n < b.N; n += size {
				report, err := s.Run(b.Context(), Batch{Group: group, Due: at, Until: time.Now().Add(time.Minute)}, &mute{})
				if err != nil || report.Probed != size {
					b.Fatal(report, err)
				}
			}
		})
	}
}

// mute hears and keeps nothing.
type mute struct{}

func (mute) Tell([]health.Finding, []time.Duration) {}
func (mute) Settled(context.Context) error          { return nil }
func (mute) Load() (State, bool)                    { return State{}, false }
func (mute) Save(State)                             {}
