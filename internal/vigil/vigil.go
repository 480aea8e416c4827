// Package vigil watches the watcher. A service whose Monitor has stopped looks
// healthy for ever; so each worker looks whether every Monitor is on time, has
// the schedule of a late one start it again, and says so. While all are on
// time it calls a heartbeat address, so that somebody outside notices when this
// worker, or all of Temporal, is gone.
package vigil

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

const (
	// lateAfter is how many intervals without a probe make a Monitor late.
	lateAfter = 3
	// checksAtOnce bounds the questions to Monitors in one round: where many
	// workers share the probes, most services are not seen by this one.
	checksAtOnce = 20
	// triggersAtOnce bounds the schedules that are triggered in one round.
	triggersAtOnce = 5
	// overload is the share of late services, in percent, from which it is this
	// worker or Temporal that is late, and starting more would only add to it.
	overload = 50
	// fewServices is the number below which that share says nothing.
	fewServices = 4
)

// Service is what is to be known of one that is watched.
type Service struct {
	Name string
	// Interval is the time between probes and Timeout the longest that one takes.
	Interval, Timeout time.Duration
	// LastProbeAt is when this worker last probed it; zero if it never did.
	LastProbeAt time.Time
}

// Monitors are asked and started again.
type Monitors interface {
	// LastTick asks the Monitor of a service when it last began a probe. It
	// reports whether it is one that need not: paused by a human.
	LastTick(ctx context.Context, service string) (last time.Time, excused bool, err error)
	// Trigger has the schedule of a service start its Monitor; instead of the
	// one that runs, if there is one, or after it.
	Trigger(ctx context.Context, service string, instead bool) error
}

// Vigil looks whether all Monitors are on time. Round is not safe for
// concurrent use.
type Vigil struct {
	// Services lists those that are probed on a grid, at every call anew.
	Services func() []Service
	Monitors Monitors
	Log      *slog.Logger

	// seen is when each service was last known to be on time, since this
	// worker began to look.
	seen map[string]time.Time
	// triggered is when the schedule of each late service was last triggered,
	// and how often.
	triggered map[string]trigger
}

type trigger struct {
	at    time.Time
	times int
}

// Round looks once and returns the names of the late services, sorted.
func (v *Vigil) Round(ctx context.Context, now time.Time) []string {
	services := v.Services()
	v.forget(services, now)
	overdue := slices.DeleteFunc(slices.Clone(services), func(s Service) bool { return !v.overdue(s, now) })
	slices.SortFunc(overdue, func(a, b Service) int { return v.seen[a.Name].Compare(v.seen[b.Name]) })
	var late []Service
	for _, service := range overdue[:min(len(overdue), checksAtOnce)] {
		if v.confirm(ctx, service, now) {
			late = append(late, service)
		}
	}
	v.act(ctx, late, len(services), now)
	names := make([]string, len(late))
	for i, service := range late {
		names[i] = service.Name
	}
	slices.Sort(names)
	return names
}

// forget drops services that are no longer configured, and gives new ones time.
func (v *Vigil) forget(services []Service, now time.Time) {
	seen, triggered := make(map[string]time.Time, len(services)), map[string]trigger{}
	for _, service := range services {
		at, known := v.seen[service.Name]
		if !known {
			at = now
		}
		if service.LastProbeAt.After(at) {
			at = service.LastProbeAt
		}
		seen[service.Name] = at
		if before, was := v.triggered[service.Name]; was {
			triggered[service.Name] = before
		}
	}
	v.seen, v.triggered = seen, triggered
}

// patience is how long a service may go without a probe.
func (s Service) patience() time.Duration { return lateAfter*s.Interval + s.Timeout }

func (v *Vigil) overdue(s Service, now time.Time) bool {
	return now.Sub(v.seen[s.Name]) > s.patience()
}

// confirm asks the Monitor, as another worker may have made its probes.
func (v *Vigil) confirm(ctx context.Context, s Service, now time.Time) bool {
	last, excused, err := v.Monitors.LastTick(ctx, s.Name)
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		v.Log.Debug(fmt.Sprintf("%s: its Monitor does not answer: %v", s.Name, err))
		return true
	case excused, now.Sub(last) <= s.patience():
		v.seen[s.Name] = now
		if last.After(now.Add(-s.patience())) {
			v.seen[s.Name] = last
		}
		delete(v.triggered, s.Name)
		return false
	default:
		return true
	}
}

// act starts late Monitors again, each once in its patience, and only while
// they are few.
func (v *Vigil) act(ctx context.Context, late []Service, services int, now time.Time) {
	if services >= fewServices && len(late)*100 >= overload*services {
		v.Log.Error(fmt.Sprintf("%d of %d Monitors are late: this worker or Temporal is overloaded or has just come back; none is started again", len(late), services))
		return
	}
	left := triggersAtOnce
	for _, service := range late {
		before := v.triggered[service.Name]
		if left == 0 || now.Sub(before.at) < service.patience() {
			continue
		}
		left--
		v.trigger(ctx, service, before.times > 0, now)
		v.triggered[service.Name] = trigger{at: now, times: before.times + 1}
	}
}

func (v *Vigil) trigger(ctx context.Context, s Service, instead bool, now time.Time) {
	how := "its schedule is triggered again"
	if instead {
		how = "its run is ended and its schedule triggered again"
	}
	v.Log.Error(fmt.Sprintf("%s: its Monitor is late, no probe for more than %s: %s",
		s.Name, now.Sub(v.seen[s.Name]).Round(time.Second), how))
	if err := v.Monitors.Trigger(ctx, s.Name, instead); err != nil {
		v.Log.Error(fmt.Sprintf("%s: triggering its schedule: %v", s.Name, err))
	}
}
