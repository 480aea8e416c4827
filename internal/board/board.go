// Package board is the read model: the newest of every service, in memory, with
// the store behind it for all that is older. Pages, the API and metrics are
// made from it alone; none of them ever reads a workflow's history, or asks
// Temporal, for a request. What Monitors, incidents and Outboxes report and what
// probes find comes in here and is passed on to the store, which may be down.
package board

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/targets"
)

// Sink takes what is to be stored. store.Writer implements it.
type Sink interface {
	// Put never blocks.
	Put(batch store.Batch)
	// Archive returns once the incident is stored.
	Archive(ctx context.Context, incident health.Incident) error
	// Settled returns once all that was put before the call is stored or was
	// given up, or with an error when ctx ends.
	Settled(ctx context.Context) error
}

// Board is safe for concurrent use.
type Board struct {
	sink Sink
	log  *slog.Logger
	now  func() time.Time
	// lists looks up the targets of a service; nil if none has any.
	lists func(service string) (*targets.List, error)

	mu       sync.RWMutex
	services map[string]*entry
	// sorted are the services by name, so that nobody who looks need sort them.
	sorted []*entry
	// incidents are the open ones by health.TargetID; open are the same ids by
	// service, which may have many if it has targets.
	incidents map[string]*health.Incident
	open      map[string]map[string]bool
	// closed are the ids of those closed last, by health.TargetID: an older
	// record of one may still come out of the store.
	closed   map[string]string
	outboxes map[string]health.Outbox
	watchers map[*Watcher]struct{}
}

// entry is what is known of one configured service.
type entry struct {
	configured Configured
	standing   health.Standing
	result     health.Result
	recent     []float32
	uptime     store.Uptime
	// crowd is nil for a service without targets.
	crowd *crowd
}

// New returns an empty board that passes everything on to sink.
func New(sink Sink, log *slog.Logger) *Board {
	return &Board{
		sink: sink, log: log, now: time.Now,
		services: map[string]*entry{}, incidents: map[string]*health.Incident{}, closed: map[string]string{},
		open:     map[string]map[string]bool{},
		outboxes: map[string]health.Outbox{}, watchers: map[*Watcher]struct{}{},
	}
}

// Keep shows exactly these services, with what is known of those that were
// there before.
func (b *Board) Keep(services []Configured) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := make(map[string]*entry, len(services))
	for _, configured := range services {
		e := b.services[configured.Name]
		if e == nil {
			e = &entry{uptime: store.Uptime{Day: -1, Week: -1, Month: -1}}
		}
		e.configured = configured
		switch {
		case !configured.HasTargets:
			e.crowd = nil
		case e.crowd == nil:
			e.crowd = newCrowd()
		}
		kept[configured.Name] = e
	}
	b.services = kept
	b.sorted = slices.SortedFunc(maps.Values(kept), func(a, b *entry) int {
		return strings.Compare(a.configured.Name, b.configured.Name)
	})
	b.wake("")
}

// Probed takes what a probe of a service, or of one of its targets, found.
func (b *Board) Probed(service, target string, result health.Result) {
	if target != "" {
		b.Surveyed(service, []health.Finding{{Target: target, Result: result}}, nil)
		return
	}
	b.sink.Put(store.Batch{Results: []store.Result{{Key: store.Key{Service: service}, Result: result}}})
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.services[service]; e != nil {
		e.take(result)
		b.wake(service)
	}
}

// take shows a result, unless a later one is shown.
func (e *entry) take(result health.Result) {
	if result.At.Before(e.result.At) {
		return
	}
	e.result = result
	latency := float32(result.LatencyMS)
	if !result.Status.Up() {
		latency = -1
	}
	e.recent = append(e.recent[max(0, len(e.recent)+1-RecentLimit):], latency)
}

// Stand takes what a Monitor says of its service, or of one of its targets.
func (b *Board) Stand(standing health.Standing) {
	b.sink.Put(store.Batch{Standings: []health.Standing{standing}})
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.services[standing.Service]; e != nil && e.stand(standing) {
		b.wake(standing.Service)
	}
}

// stand takes a standing, unless a later one is known. It reports whether it did.
func (e *entry) stand(standing health.Standing) bool {
	if standing.Target != "" {
		if e.crowd == nil {
			return false
		}
		m := e.crowd.member(standing.Target)
		return m != nil && m.stand(standing)
	}
	if standing.At.Before(e.standing.At) {
		return false
	}
	e.standing = standing
	return true
}

// Report takes the record of an incident as it is now.
func (b *Board) Report(incident health.Incident) {
	b.sink.Put(store.Batch{Incidents: []health.Incident{incident}})
	b.show(incident)
}

// Archive takes the record of a closed incident, and returns once it is stored.
func (b *Board) Archive(ctx context.Context, incident health.Incident) error {
	b.show(incident)
	return b.sink.Archive(ctx, incident)
}

// Alerted takes what became of one try to tell a receiver.
func (b *Board) Alerted(receiver string, alerts []health.Alert, _ time.Duration, err error) {
	outcome, why := store.AlertDelivered, ""
	if err != nil {
		outcome, why = store.AlertRetrying, err.Error()
	}
	var batch store.Batch
	for _, alert := range alerts {
		batch.Alerts = append(batch.Alerts, alertOf(alert, receiver, b.now(), outcome, why))
	}
	b.sink.Put(batch)
}

func alertOf(alert health.Alert, receiver string, at time.Time, outcome store.AlertOutcome, why string) store.Alert {
	return store.Alert{
		DedupKey: alert.DedupKey, Receiver: receiver, Service: alert.Service, Incident: alert.Incident,
		Status: alert.Status, Stage: alert.Stage, At: at, Outcome: outcome, Error: why,
	}
}

// Remediated is there to hear of tries, of which the record of the incident
// tells.
func (*Board) Remediated(string, string, health.Treatment, time.Duration, error) {}

// Outbox takes what an Outbox says of itself.
func (b *Board) Outbox(outbox health.Outbox) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.outboxes[outbox.Receiver]
	if outbox.At.Before(before.At) {
		return
	}
	b.outboxes[outbox.Receiver] = outbox
	batch := store.Batch{Outboxes: []health.Outbox{outbox}}
	for _, letter := range outbox.DeadLetters {
		if !letter.At.Before(before.At) { // those before are known
			batch.Alerts = append(batch.Alerts, alertOf(letter.Alert, letter.Receiver, letter.At, store.AlertDead, letter.Error))
		}
	}
	b.sink.Put(batch)
	b.wake("")
}

// Services returns what is known of every configured service, by name.
func (b *Board) Services() []Service {
	b.allTargets()
	b.mu.RLock()
	defer b.mu.RUnlock()
	all, now := make([]Service, len(b.sorted)), b.now()
	for n, e := range b.sorted {
		all[n] = b.service(e, now)
	}
	return all
}

// Service returns what is known of one service, if it is configured.
func (b *Board) Service(name string) (Service, bool) {
	_ = b.currentTargets(name) // what was known before is shown
	b.mu.RLock()
	defer b.mu.RUnlock()
	e := b.services[name]
	if e == nil {
		return Service{}, false
	}
	return b.service(e, b.now()), true
}

// service puts together what is known of a service. The lock is held.
func (b *Board) service(e *entry, now time.Time) Service {
	s := Service{
		Configured: e.configured,
		State:      e.standing.State, Since: e.standing.Since, Failures: e.standing.Failures,
		Flapping: e.standing.Flapping, Paused: e.standing.Paused, Orders: e.standing.Orders.Prune(now),
		Result: e.result, Incident: b.incidentOf(e.configured.Name), Targets: e.standing.Targets, Pace: e.pace(),
		// What is shown once is never written to again, only added to.
		Recent: slices.Clip(e.recent), Uptime: e.uptime,
	}
	if e.crowd != nil && e.crowd.list != nil {
		s.Targets.Total = e.crowd.list.Len()
	}
	if s.State == "" {
		s.State = health.StateUnknown
	}
	patience := s.Patience()
	if patience > 0 && s.State != health.StatePaused && !e.result.At.IsZero() && now.Sub(e.result.At) > patience {
		s.Late, s.State = true, health.StateUnknown
		s.Since = e.result.At.Add(patience)
	}
	return s
}

// Outboxes returns what each receiver's Outbox said last, by receiver.
func (b *Board) Outboxes() []health.Outbox {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := slices.Collect(maps.Values(b.outboxes))
	slices.SortFunc(all, func(a, b health.Outbox) int { return strings.Compare(a.Receiver, b.Receiver) })
	return all
}
