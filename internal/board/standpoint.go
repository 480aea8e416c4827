package board

import (
	"fmt"
	"time"

	"paramedic/internal/health"
)

// standpoint is where a target stands.
type standpoint struct {
	state    health.State
	since    time.Time
	failures int
	late     bool
}

// stateOf says where a target stands. The lock is held.
func (e *entry) stateOf(place int, now time.Time) standpoint {
	m := &e.crowd.members[place]
	if e.standing.State == health.StatePaused {
		return standpoint{state: health.StatePaused, since: e.standing.Since}
	}
	patience := e.configured.patienceOf(e.crowd.class(m))
	if m.at == 0 {
		return standpoint{state: health.StateUnknown}
	}
	if patience > 0 && now.Sub(timeOf(m.at)) > patience {
		return standpoint{state: health.StateUnknown, since: timeOf(m.at).Add(patience), late: true}
	}
	if s := m.standing; s != nil && m.holds(patience) {
		return standpoint{state: s.State, since: s.Since, failures: max(s.Failures, int(m.failures))}
	}
	stands := standpoint{since: timeOf(m.since), failures: int(m.failures)}
	switch m.status {
	case health.Healthy:
		stands.state = health.StateHealthy
	case health.Degraded:
		stands.state = health.StateDegraded
	default:
		stands.state = e.unnamed(stands.failures)
	}
	if s := m.standing; s != nil && s.State == stands.state && stands.since.IsZero() {
		stands.since = s.Since
	}
	return stands
}

// unnamed is the state of a target that fails and of which the Monitor has said
// nothing: in a storm it does not name them all.
func (e *entry) unnamed(failures int) health.State {
	threshold := e.configured.FailureThreshold
	if e.standing.State == health.StateDown && threshold > 0 && failures >= threshold {
		return health.StateDown
	}
	return health.StateFailing
}

// holds reports whether what the Monitor said last is still so. That a target
// fails holds although a probe of it passes: another vantage point may see it
// fail, and a recovery may need more than one. Once all have passed for longer
// than a target is late, the Monitor has not come to say so.
func (m *member) holds(patience time.Duration) bool {
	switch m.standing.State {
	case health.StatePaused:
		return true
	case health.StateFailing, health.StateDown:
		failed := max(m.failedAt, nanos(m.standing.At))
		return patience <= 0 || m.at-failed <= int64(patience)
	}
	return false
}

// outlive forgets what the Monitor said once it no longer holds, so that it
// does not come back with the next failure.
func (m *member) outlive(patience time.Duration) {
	if s := m.standing; s != nil && (s.State == health.StateFailing || s.State == health.StateDown) && !m.holds(patience) {
		m.standing = &health.Standing{State: health.StateUnknown, At: s.At}
	}
}

// patienceOf is Patience of the targets of a class.
func (c Configured) patienceOf(class string) time.Duration { return c.patience(c.intervalOf(class)) }

// intervalOf is the time between two probes of a target of a class.
func (c Configured) intervalOf(class string) time.Duration {
	if interval := c.Classes[class]; interval > 0 {
		return interval
	}
	return c.Interval
}

// pace is the time between two probes of the service; with targets, of those
// that are probed most often.
func (e *entry) pace() time.Duration {
	if e.crowd == nil || e.crowd.list == nil {
		return e.configured.Interval
	}
	shortest := time.Duration(0)
	for _, class := range e.crowd.classes {
		if interval := e.configured.intervalOf(class); shortest == 0 || interval < shortest {
			shortest = interval
		}
	}
	return shortest
}

// stand takes what the Monitor says of a target, unless it has said something
// later. It reports whether it did.
func (m *member) stand(standing health.Standing) bool {
	if m.standing != nil && standing.At.Before(m.standing.At) {
		return false
	}
	m.standing = &standing
	return true
}

// wave adds up what the probes of a service found in one interval.
type wave struct {
	begun          time.Time
	passed, failed int
	latency        float64
}

// add counts a result.
func (w *wave) add(result health.Result) {
	if result.Status.Up() {
		w.passed++
		w.latency += result.LatencyMS
	} else {
		w.failed++
	}
}

// mean is the mean latency of what passed; -1 if nothing did.
func (w wave) mean() float64 {
	if w.passed == 0 {
		return -1
	}
	return w.latency / float64(w.passed)
}

// sum shows what many probes found together as the result of the service: its
// latency is the mean of the latest batch, its status that of all targets. The
// sparkline gets one mean for each interval, once it is over.
func (e *entry) sum(batch wave, at time.Time) {
	if interval := e.configured.Interval; interval > 0 {
		current := &e.crowd.wave
		if begun := at.Truncate(interval); begun.After(current.begun) {
			if current.passed+current.failed > 0 {
				e.recent = append(e.recent[max(0, len(e.recent)+1-RecentLimit):], float32(current.mean()))
			}
			*current = wave{begun: begun}
		}
		current.passed, current.failed, current.latency = current.passed+batch.passed, current.failed+batch.failed, current.latency+batch.latency
	}
	if at.Before(e.result.At) {
		return
	}
	e.result = e.crowd.together()
	e.result.At, e.result.LatencyMS = at, max(batch.mean(), 0)
}

// together is what the last probes of all targets say of the service: unhealthy
// if none of them passed, degraded if one did not.
func (c *crowd) together() health.Result {
	var probed, passed, healthy int
	for n := range c.members {
		if c.members[n].at == 0 {
			continue
		}
		probed++
		if c.members[n].status.Up() {
			passed++
		}
		if c.members[n].status == health.Healthy {
			healthy++
		}
	}
	result := health.Result{Status: health.Degraded, Message: fmt.Sprintf("%d of %d targets pass", passed, probed)}
	switch {
	case passed == 0:
		result.Status = health.Unhealthy
	case healthy == probed:
		result.Status = health.Healthy
	}
	return result
}
