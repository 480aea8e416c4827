package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

// durationBuckets are few, as every service has all of them: with sum and count
// they are ten series a service, 100,000 for 10,000 services. They tell a fast
// answer from a slow one and from a time-out; whoever wants more scrapes the
// native histogram, one series a service, which the same metric holds.
var durationBuckets = []float64{0.005, 0.025, 0.1, 0.25, 1, 2.5, 10}

// latenessBuckets tell what is on time from what is late by a part of an
// interval, be that ten seconds or ten minutes.
var latenessBuckets = []float64{0.1, 0.5, 1, 2.5, 5, 15, 30, 60, 300}

const (
	// nativeFactor bounds the growth from one bucket of the native histogram to
	// the next, nativeBuckets their number.
	nativeFactor  = 1.2
	nativeBuckets = 40
	// rememberedIncidents is how many closed incidents are known again: archiving
	// is tried until it is known to have worked, so that one may be told twice.
	rememberedIncidents = 1000
)

// counted is what is counted while it happens.
type counted struct {
	duration     *prometheus.HistogramVec
	failed       *prometheus.CounterVec
	late         *prometheus.HistogramVec
	remediations *prometheus.CounterVec
	held         *prometheus.CounterVec
	permits      *prometheus.CounterVec
	incidents    *prometheus.CounterVec
	downtime     *prometheus.CounterVec
	alerts       *prometheus.CounterVec
	reloadOK     prometheus.Gauge
	reloadTime   prometheus.Gauge

	mu *sync.Mutex
	// known are the services that something was counted of.
	known map[string]bool
	// closed are the latest closed incidents, the oldest at next.
	closed []string
	next   int
}

func newCounted(registry *prometheus.Registry) counted {
	count := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	c := counted{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "paramedic_probe_duration_seconds", Help: "How long probes that passed took.",
			Buckets: durationBuckets, NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeBuckets,
		}, []string{"service"}),
		failed: count("paramedic_probes_failed_total", "Probes that failed, made by this process.", "service"),
		late: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "paramedic_probe_lateness_seconds",
			Help:    "How much later than it was due the probe of a target began; for services with targets.",
			Buckets: latenessBuckets, NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeBuckets,
		}, []string{"service"}),
		remediations: count("paramedic_remediations_total",
			"Remediation steps carried out by this process, by their effect, and those that ended in an error.", "outcome"),
		held: count("paramedic_remediations_held_total",
			"Decisions not to act, by the rule that held.", "reason"),
		permits: count("paramedic_permits_total",
			"Answers of the Gatekeeper to the question whether to restart, granted or refused.", "answer"),
		incidents: count("paramedic_incidents_total", "Incidents that were closed.", "outcome", "severity"),
		downtime:  count("paramedic_downtime_seconds_total", "Downtime in closed incidents.", "service"),
		alerts:    count("paramedic_alerts_total", "What became of tries to deliver an alert.", "receiver", "outcome"),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "paramedic_config_last_reload_successful", Help: "1 if the configuration was put in force at the last try, else 0.",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "paramedic_config_last_reload_success_timestamp_seconds",
			Help: "When a configuration was last put in force, in Unix time.",
		}),
		mu: &sync.Mutex{}, known: map[string]bool{}, closed: make([]string, rememberedIncidents),
	}
	registry.MustRegister(c.duration, c.failed, c.late, c.remediations, c.held, c.permits, c.incidents, c.downtime, c.alerts,
		c.reloadOK, c.reloadTime)
	c.beginAtZero()
	return c
}

// Error is the outcome of a remediation that has no effect to tell of.
const Error = "error"

// beginAtZero makes the series that are known beforehand, so that the first
// count is an increase.
func (c *counted) beginAtZero() {
	for _, effect := range []health.Effect{
		health.Applied, health.AlreadyApplied, health.LeftAlone, health.Failed, health.Skipped, health.Uncertain, Error,
	} {
		c.remediations.WithLabelValues(string(effect))
	}
	for _, rule := range []health.Rule{
		health.RuleAlertOnly, health.RuleMaintenance, health.RuleFlapping, health.RuleUnverified, health.RuleDependency,
		health.RulePerIncident, health.RuleRunbook, health.RuleBackoff, health.RuleIncidentsPerHour, health.RuleRestartsPerDay,
		health.RuleLapsed, health.RuleApproval, health.RuleMinHealthy, health.RuleConcurrent, health.RuleObserve, health.RuleGatekeeper,
	} {
		c.held.WithLabelValues(string(rule))
	}
	c.permits.WithLabelValues("granted")
	c.permits.WithLabelValues("refused")
	for _, outcome := range []health.Outcome{health.Healed, health.Recovered, health.ByHand, health.Abandoned} {
		for _, severity := range []string{"P0", "P1", "P2", "P3"} {
			c.incidents.WithLabelValues(string(outcome), severity)
		}
	}
}

// Probed counts a probe of a service. The duration of one that failed says
// nothing of how fast the service answers, so that only their number counts.
func (c *counted) Probed(service string, result health.Result) {
	c.know(service)
	failed := c.failed.WithLabelValues(service)
	if !result.Status.Up() {
		failed.Inc()
		return
	}
	c.duration.WithLabelValues(service).Observe(result.LatencyMS / 1e3)
}

// Surveyed counts the probes of many targets of a service, each how much later
// than it was due.
func (c *counted) Surveyed(service string, findings []health.Finding, late []time.Duration) {
	c.know(service)
	failed, duration := c.failed.WithLabelValues(service), c.duration.WithLabelValues(service)
	for i := range findings {
		if findings[i].Status.Up() {
			duration.Observe(findings[i].LatencyMS / 1e3)
		} else {
			failed.Inc()
		}
	}
	lateness := c.late.WithLabelValues(service)
	for _, by := range late {
		lateness.Observe(max(0, by.Seconds()))
	}
}

// Remediated counts an attempt of a step, by its health.Effect, or Error.
func (c *counted) Remediated(outcome string) { c.remediations.WithLabelValues(outcome).Inc() }

// Held counts a decision not to act.
func (c *counted) Held(rule health.Rule) { c.held.WithLabelValues(string(rule)).Inc() }

// Permit counts an answer of the Gatekeeper.
func (c *counted) Permit(granted bool) {
	answer := "refused"
	if granted {
		answer = "granted"
	}
	c.permits.WithLabelValues(answer).Inc()
}

// Alert counts what became of a try to deliver an alert.
func (c *counted) Alert(receiver string, outcome store.AlertOutcome) {
	for _, possible := range []store.AlertOutcome{store.AlertDelivered, store.AlertRetrying, store.AlertDead} {
		c.alerts.WithLabelValues(receiver, string(possible))
	}
	c.alerts.WithLabelValues(receiver, string(outcome)).Inc()
}

// IncidentClosed counts a closed incident once, however often it is told of it.
func (c *counted) IncidentClosed(incident health.Incident) {
	if !c.firstTime(incident.ID) {
		return
	}
	c.know(incident.Service)
	c.incidents.WithLabelValues(string(incident.Outcome), incident.Severity).Inc()
	c.downtime.WithLabelValues(incident.Service).Add(incident.Downtime(incident.ResolvedAt).Seconds())
}

// firstTime reports whether an incident is not among those remembered, and
// remembers it.
func (c *counted) firstTime(incident string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, earlier := range c.closed {
		if earlier == incident {
			return false
		}
	}
	c.closed[c.next] = incident
	c.next = (c.next + 1) % len(c.closed)
	return true
}

func (c *counted) know(service string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[service] = true
}

// forget drops what was counted of services that are gone.
func (c *counted) forget(gone func(service string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for service := range c.known {
		if !gone(service) {
			continue
		}
		c.duration.DeleteLabelValues(service)
		c.failed.DeleteLabelValues(service)
		c.late.DeleteLabelValues(service)
		c.downtime.DeleteLabelValues(service)
		delete(c.known, service)
	}
}

// Reloaded notes whether a configuration was put in force.
func (m *Metrics) Reloaded(successful bool) {
	m.reloadOK.Set(oneIf(successful))
	if successful {
		m.reloadTime.Set(unix(m.now()))
	}
}
