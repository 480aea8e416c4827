package main

import (
	"fmt"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
)

const (
	// pastInterval is the time between two probes of a service.
	pastInterval = time.Minute
	// pastThreshold is how many failed probes in a row make an incident.
	pastThreshold = 3
	// pastTeams are those that services are labelled with.
	pastTeams = 12
)

// past is what a fleet of services has been through, and goes through from now
// on. It is made up, but always the same: what a probe found can be worked out
// at any time, so that sums of 90 days need not be written probe by probe.
type past struct {
	services int
	// begun is the midnight in UTC at which the first service was first probed.
	begun time.Time
	// outages are those of each service, in their order.
	outages [][]outage
}

// outage is when a service is down, from one probe to before another.
type outage struct{ from, until int }

// newPast makes up at least so many days before now, in which there were so
// many outages; one in ten of them goes on.
func newPast(services, days, outages int, now time.Time) *past {
	p := &past{
		services: services, outages: make([][]outage, services),
		begun: now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -days),
	}
	all := p.probes(now)
	for i := range outages {
		chance := scatter(uint64(i))
		service := (i*7 + 3) % services
		began, lasts := all*i/outages, 4+int(chance%30)
		o := outage{from: began, until: began + lasts}
		if i%10 == 9 {
			o = outage{from: max(0, all-lasts), until: 1 << 40}
		}
		if known := p.outages[service]; len(known) == 0 || known[len(known)-1].until < o.from {
			p.outages[service] = append(known, o)
		}
	}
	return p
}

// probes is how many probes of each service have begun before now, all of the
// fleet counted as one.
func (p *past) probes(now time.Time) int { return int(now.Sub(p.begun) / pastInterval) }

// at is when a probe of a service begins: they are spread over the interval.
func (p *past) at(service, probe int) time.Time {
	return p.begun.Add(time.Duration(probe)*pastInterval + time.Duration(service)*pastInterval/time.Duration(p.services))
}

// outage returns that in which a probe falls.
func (p *past) outage(service, probe int) (outage, bool) {
	for _, o := range p.outages[service] {
		if o.from <= probe && probe < o.until {
			return o, true
		}
	}
	return outage{}, false
}

// found is what a probe found, without the words: one in a thousand fails by
// itself, and one in 500 is degraded.
func (p *past) found(service, probe int) (health.Status, float64) {
	chance := scatter(uint64(service)<<32 | uint64(probe))
	latency := 2 + float64(service%40)*3 + float64(chance>>40)/(1<<24)*20
	if _, down := p.outage(service, probe); down || chance%1000 == 0 {
		return health.Unhealthy, latency
	}
	if chance%500 == 1 {
		return health.Degraded, 10 * latency
	}
	return health.Healthy, latency
}

// The words of probes that did not find a service healthy.
const (
	unhealthyMessage = "503 Service Unavailable: no server is available to handle this request"
	degradedMessage  = "200 OK, but slower than 300 ms"
)

// message is what is kept of a status with a failure.
func message(status health.Status) string {
	switch status {
	case health.Unhealthy:
		return unhealthyMessage
	case health.Degraded:
		return degradedMessage
	default:
		return "200 OK"
	}
}

// result is what a probe found, as the probe of a web server tells it.
func (p *past) result(service, probe int) store.Result {
	status, latency := p.found(service, probe)
	code := 200.0
	if status == health.Unhealthy {
		code = 503
	}
	return store.Result{Key: store.Key{Service: pastName(service)}, Result: health.Result{
		Status: status, At: p.at(service, probe), LatencyMS: latency, Message: message(status),
		Observations: map[string]float64{"status_code": code, "bytes": float64(probe % 10_000)},
	}}
}

// standing is what a Monitor says of its service after a probe.
func (p *past) standing(service, probe int) health.Standing {
	s := health.Standing{Service: pastName(service), State: health.StateHealthy, Since: p.begun, At: p.at(service, probe)}
	for earlier := probe; earlier >= 0; earlier-- {
		if status, _ := p.found(service, earlier); status.Up() {
			break
		}
		s.Failures, s.Since = s.Failures+1, p.at(service, earlier)
	}
	switch {
	case s.Failures >= pastThreshold:
		s.State, s.Since = health.StateDown, s.Since.Add((pastThreshold-1)*pastInterval)
	case s.Failures > 0:
		s.State = health.StateFailing
	}
	return s
}

// incident is the record of an outage after a probe; ok is false until there is
// one.
func (p *past) incident(service int, o outage, probe int) (i health.Incident, ok bool) {
	opened := o.from + pastThreshold - 1
	if probe < opened {
		return i, false
	}
	first, name := p.at(service, o.from), pastName(service)
	i = health.Incident{
		ID: health.IncidentID(name, "", first), Service: name, Severity: pastSeverity(service), State: health.Triggered,
		FirstFailureAt: first, OpenedAt: p.at(service, opened), Reason: unhealthyMessage, Runbook: "https://wiki.example.com/" + name,
		Action: "restarted " + name + ".service", Workflow: "incident/" + name, Attempts: 1, Restarts: 1,
	}
	i.ActedAt = i.OpenedAt.Add(time.Second)
	for n := range pastThreshold {
		i.Timeline.Add(p.at(service, o.from+n), health.EntryFailure, fmt.Sprintf("failure %d/%d: %s", n+1, pastThreshold, unhealthyMessage))
	}
	i.Timeline.Add(i.OpenedAt, health.EntryOpened, "opened "+i.ID)
	i.Timeline.Add(i.ActedAt, health.EntryAttempt, "attempt 1: "+i.Action)
	for n := opened + 1; n <= min(probe, o.until); n++ {
		i.Verifications++
		i.Timeline.Add(p.at(service, n), health.EntryVerification, "verification: "+message(health.Unhealthy))
	}
	if probe >= o.until {
		i.State, i.Outcome, i.ResolvedAt = health.Resolved, health.Healed, p.at(service, o.until)
		i.Timeline.Add(i.ResolvedAt, health.EntryResolved, "healed")
	}
	return i, true
}

// configured is what the configuration says of every service.
func (p *past) configured() []board.Configured {
	all := make([]board.Configured, p.services)
	for service := range all {
		name := pastName(service)
		all[service] = board.Configured{
			Name: name, Severity: pastSeverity(service), Kind: "http", Interval: pastInterval, Timeout: 10 * time.Second,
			Labels:           map[string]string{"team": fmt.Sprintf("team-%d", service%pastTeams), "region": "eu-west-1"},
			FailureThreshold: pastThreshold, Mode: health.ModeAct, Runbook: "https://wiki.example.com/" + name,
			Impact: "Customers of team " + name + " wait.", Steps: []string{"restart " + name + ".service"}, Receivers: []string{"ops"},
			YAML: "name: " + name + "\nprobe: {http: {url: https://" + name + ".example.com/health}}\n",
		}
	}
	return all
}

func pastName(service int) string { return fmt.Sprintf("service-%04d", service) }

func pastSeverity(service int) string { return [...]string{"P0", "P1", "P2"}[service%3] }

// scatter spreads numbers evenly (splitmix64).
func scatter(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
