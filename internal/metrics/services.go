package metrics

import (
	"maps"
	"slices"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"

	"paramedic/internal/board"
	"paramedic/internal/health"
)

var (
	serviceInfo = newGaugeOf("paramedic_service_info",
		"What is configured of a service; always 1.", "service", "severity", "kind", "mode")
	serviceState = newGaugeOf("paramedic_service_state",
		"1 for the state that a service is in: unknown, healthy, degraded, failing, down or paused.", "service", "state")
	serviceFlapping = newGaugeOf("paramedic_service_flapping",
		"1 while a service changes between up and down too often; absent otherwise.", "service")
	uptime = newGaugeOf("paramedic_uptime_ratio",
		"Share of the probes of a service that passed in the last 24h, 7d or 30d.", "service", "window")
	probeUp = newGaugeOf("paramedic_probe_up",
		"1 if the last probe passed, healthy or degraded, else 0; absent while the monitor is late.", "service")
	failureStreak = newGaugeOf("paramedic_probe_failure_streak",
		"Failed probes in a row; absent when there are none.", "service")
	observation = newGaugeOf("paramedic_observation",
		"A number that the last probe observed, as the probe names it: rows, lag_seconds; absent while the monitor is late.",
		"service", "name")
	lateness = newGaugeOf("paramedic_watch_lateness_seconds",
		"How long the next probe has been due; 0 while the watch is on time. Absent where nobody can say: cron, active hours, paused.",
		"service")
	monitorLate = newGaugeOf("paramedic_monitor_late",
		"1 while a service has not been probed for so long that its state is unknown; absent otherwise.", "service")
	incidentOpen = newGaugeOf("paramedic_incident_open",
		"1 while a service has an open incident; absent otherwise.", "service", "severity", "state")
	incidentStart = newGaugeOf("paramedic_incident_start_timestamp_seconds",
		"When the first failed probe of the open incident began, in Unix time.", "service")
	incidentRestarts = newGaugeOf("paramedic_incident_restarts",
		"Restarts made in the open incident.", "service")
	targetsIn = newGaugeOf("paramedic_targets",
		"Targets of a service with targets by the state that they are in; unknown are those that were never probed, or are late.",
		"service", "state")
	targetInterval = newGaugeOf("paramedic_target_interval_seconds",
		"Time between two probes of a target of a service with targets, unless its class has another.", "service")
	targetIncidents = newGaugeOf("paramedic_target_incidents",
		"Open incidents of single targets of a service with targets.", "service")
	incidentWhole = newGaugeOf("paramedic_incident_whole",
		"1 while a service with targets has one incident for the whole: too many targets are down, or the workers are cut off; absent otherwise.",
		"service")
	incidentExhausted = newGaugeOf("paramedic_incident_exhausted",
		"1 while an open incident was held because a limit or the runbook is used up; absent otherwise.", "service", "reason")
)

// windows are the labels of the spans of an uptime.
var windows = [...]string{"24h", "7d", "30d"}

// services tells what the board knows of services. It makes its families itself:
// a scrape of thousands of services has tens of thousands of samples, and what
// the library does to look over each of them is most of the work.
type services struct {
	board *board.Board
	now   func() time.Time

	mu sync.Mutex
	// seen is when a service was first seen that has not been probed yet.
	seen map[string]time.Time
}

// gaugesOfServices are all metrics of services.
var gaugesOfServices = []*gaugeOf{
	serviceInfo, serviceState, serviceFlapping, uptime, probeUp, failureStreak, observation,
	lateness, monitorLate, incidentOpen, incidentStart, incidentRestarts, incidentExhausted,
	targetsIn, targetInterval, targetIncidents, incidentWhole,
}

// gather returns the families of the metrics that have a sample.
func (c *services) gather() []*dto.MetricFamily {
	all := c.board.Services()
	now := c.now()
	since := c.firstSeen(all, now)
	open := c.board.IncidentsByService()
	found := make(map[*gaugeOf]*dto.MetricFamily, len(gaugesOfServices))
	for _, g := range gaugesOfServices {
		found[g] = g.family(len(all))
	}
	for i := range all {
		s := target{&all[i], label(labelService, all[i].Name), found}
		s.collectState()
		s.collectProbe()
		s.collectLateness(since[s.Name], now)
		s.collectIncident()
		if s.HasTargets {
			s.collectTargets(c.board.TargetStates(s.Name), open[s.Name])
		}
	}
	families := make([]*dto.MetricFamily, 0, len(found))
	for _, family := range found {
		if len(family.Metric) > 0 {
			families = append(families, family)
		}
	}
	return families
}

// target is a service that is being collected.
type target struct {
	*board.Service
	name  *dto.LabelPair
	found map[*gaugeOf]*dto.MetricFamily
}

func (s target) tell(g *gaugeOf, value float64, labels ...*dto.LabelPair) {
	family := s.found[g]
	family.Metric = append(family.Metric, &dto.Metric{
		Label: sorted(append(labels, s.name)), Gauge: &dto.Gauge{Value: &value},
	})
}

func (s target) collectState() {
	s.tell(serviceInfo, 1, label(labelSeverity, s.Severity), label(labelKind, s.Kind), label(labelMode, string(s.Mode())))
	s.tell(serviceState, 1, label(labelState, string(s.State)))
	if s.Flapping {
		s.tell(serviceFlapping, 1)
	}
	for i, share := range [...]float64{s.Uptime.Day, s.Uptime.Week, s.Uptime.Month} {
		if share >= 0 {
			s.tell(uptime, share, label(labelWindow, windows[i]))
		}
	}
}

// collectProbe tells of the last probe. What it found is not told once it is
// too old to be true: an old number looks like a new one.
func (s target) collectProbe() {
	if s.Result.At.IsZero() {
		return
	}
	if s.Failures > 0 {
		s.tell(failureStreak, float64(s.Failures))
	}
	if s.Late {
		return
	}
	s.tell(probeUp, oneIf(s.Result.Status.Up()))
	for _, name := range slices.Sorted(maps.Keys(s.Result.Observations)) {
		s.tell(observation, s.Result.Observations[name], label(labelName, name))
	}
}

// collectLateness tells how late the next probe is. A probe may take all of its
// time-out, and one that has never come is due since the service was first seen.
func (s target) collectLateness(since, now time.Time) {
	if s.Patience() <= 0 || s.State == health.StatePaused {
		return
	}
	last := s.Result.At
	if last.IsZero() {
		last = since
	}
	due := last.Add(s.Pace + s.Timeout)
	s.tell(lateness, max(0, now.Sub(due).Seconds()))
	if now.Sub(last) > s.Patience() {
		s.tell(monitorLate, 1)
	}
}

func (s target) collectIncident() {
	if s.Incident == nil {
		return
	}
	s.tell(incidentOpen, 1, label(labelSeverity, s.Incident.Severity), label(labelState, string(s.Incident.State)))
	s.tell(incidentStart, unix(s.Incident.FirstFailureAt))
	s.tell(incidentRestarts, float64(s.Incident.Restarts))
	for rule := range s.Incident.Held {
		if rule.Exhausted() {
			s.tell(incidentExhausted, 1, label(labelReason, string(rule)))
		}
	}
}

// collectTargets tells of the targets of a service that has many; there are too
// many for a series each.
func (s target) collectTargets(states map[health.State]int, incidents int) {
	if s.Interval > 0 && s.Cron == "" {
		s.tell(targetInterval, s.Interval.Seconds())
	}
	if whole := s.Incident != nil && s.Incident.Target == ""; whole {
		s.tell(incidentWhole, 1)
		incidents--
	}
	s.tell(targetIncidents, float64(incidents))
	if states == nil {
		return
	}
	for _, state := range allStates {
		s.tell(targetsIn, float64(states[state]), label(labelState, string(state)))
	}
}

// allStates are those that a target can be in.
var allStates = [...]health.State{
	health.StateDegraded, health.StateDown, health.StateFailing, health.StateHealthy, health.StatePaused, health.StateUnknown,
}

// firstSeen returns since when each service that was never probed is known.
func (c *services) firstSeen(all []board.Service, now time.Time) map[string]time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := map[string]time.Time{}
	for i := range all {
		if !all[i].Result.At.IsZero() {
			continue
		}
		seen[all[i].Name] = now
		if earlier, known := c.seen[all[i].Name]; known {
			seen[all[i].Name] = earlier
		}
	}
	c.seen = seen
	return seen
}
