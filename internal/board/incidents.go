package board

import (
	"slices"
	"strings"

	"paramedic/internal/health"
)

// subject names what an incident is about: a service, or one of its targets.
// There is one open incident of each.
func subject(incident health.Incident) string {
	return health.TargetID(incident.Service, incident.Target)
}

// show keeps an incident among the open ones, or takes it from them.
func (b *Board) show(incident health.Incident) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := subject(incident)
	shown := b.incidents[id]
	switch {
	case shown != nil && shown.ID != incident.ID && shown.OpenedAt.After(incident.OpenedAt):
		return
	case incident.State == health.Resolved:
		b.closed[id] = incident.ID
		delete(b.incidents, id)
		if delete(b.open[incident.Service], id); len(b.open[incident.Service]) == 0 {
			delete(b.open, incident.Service)
		}
	case b.closed[id] == incident.ID:
		return // it does not open again
	default:
		b.incidents[id] = &incident
		if b.open[incident.Service] == nil {
			b.open[incident.Service] = map[string]bool{}
		}
		b.open[incident.Service][id] = true
	}
	b.wake(incident.Service)
}

// incidentOf is the open incident that stands for a service: its own, which is
// that for the whole if it has targets, else the oldest of its targets'. The
// lock is held.
func (b *Board) incidentOf(service string) *health.Incident {
	if own := b.incidents[service]; own != nil {
		return own
	}
	var oldest *health.Incident
	for id := range b.open[service] {
		if incident := b.incidents[id]; oldest == nil || byAge(*oldest, *incident) > 0 {
			oldest = incident
		}
	}
	return oldest
}

// byAge orders incidents, the oldest first.
func byAge(a, b health.Incident) int {
	if c := a.OpenedAt.Compare(b.OpenedAt); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// OpenIncidents returns the incidents that are not resolved, the newest first.
func (b *Board) OpenIncidents() []health.Incident {
	b.mu.RLock()
	defer b.mu.RUnlock()
	open := make([]health.Incident, 0, len(b.incidents))
	for _, incident := range b.incidents {
		open = append(open, *incident)
	}
	slices.SortFunc(open, func(a, b health.Incident) int {
		if c := b.OpenedAt.Compare(a.OpenedAt); c != 0 {
			return c
		}
		return strings.Compare(subject(a), subject(b))
	})
	return open
}

// IncidentsByService counts the incidents that are not resolved.
func (b *Board) IncidentsByService() map[string]int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	counts := make(map[string]int, len(b.open))
	for service, open := range b.open {
		counts[service] = len(open)
	}
	return counts
}

// OpenIncident returns the open incident with an id.
func (b *Board) OpenIncident(id string) (health.Incident, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	// The id begins with what it is about.
	about, _, _ := cutLast(id, "@")
	if incident := b.incidents[about]; incident != nil && incident.ID == id {
		return *incident, true
	}
	for _, incident := range b.incidents {
		if incident.ID == id {
			return *incident, true
		}
	}
	return health.Incident{}, false
}

// cutLast is strings.Cut around the last separator.
func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}
