package board

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/targets"
)

// ErrNoTargets says that a service is not configured, or not to have targets.
var ErrNoTargets = errors.New("is no service with targets")

// Target is all that is shown of one target of a service.
type Target struct {
	health.Target
	// Class is that of its interval, "" for that of the service.
	Class string
	// State is what the Monitor said if that was that the target fails and it
	// has not passed ever since, else what its last probe found. It is
	// health.StateUnknown when no probe was made, or it is late.
	State health.State
	// Since is when the state began; zero if that is not known, as after a start.
	Since time.Time
	// Failures counts the failed probes in a row.
	Failures int
	// Result is that of the last probe, which began at Result.At; zero if none
	// was made.
	Result health.Result
	// Incident is the open one, nil if there is none. It is not to be changed.
	Incident *health.Incident
	// Late reports that it was not probed for three of its intervals.
	Late bool
}

// TargetFilter chooses targets. The zero value means all of them.
type TargetFilter struct {
	// States keeps targets in one of these states.
	States []health.State
	// Labels keeps targets that have all of these.
	Labels map[string]string
	// Search keeps targets whose name, or the value of one of whose labels,
	// contains it, in capitals or not.
	Search string
	// WorstFirst orders them by state, from down to healthy, and then by name;
	// else they are ordered by name.
	WorstFirst bool
	// After is the name of the last target of the page before; the page begins
	// with the next one. In worst-first order a target that is no longer chosen
	// has no next one, and the page begins with the first.
	After string
	// Limit is the most targets of a page; 0 means all.
	Limit int
}

// SetTargets says where the targets of services are looked up. It is to be
// called before anything else.
func (b *Board) SetTargets(lists func(service string) (*targets.List, error)) { b.lists = lists }

// Targets returns a page of the targets of a service that a filter chooses, and
// how many it chooses in all. It says ErrNoTargets of a service without, and
// targets.ErrUnknown while they are not known yet.
func (b *Board) Targets(service string, filter TargetFilter) (page []Target, total int, err error) {
	known := b.currentTargets(service)
	b.mu.RLock()
	defer b.mu.RUnlock()
	e := b.services[service]
	switch {
	case e == nil || e.crowd == nil:
		return nil, 0, fmt.Errorf("%s %w", service, ErrNoTargets)
	case e.crowd.list == nil:
		return nil, 0, fmt.Errorf("%s: %w", service, cmp.Or(known, targets.ErrUnknown))
	}
	chosen := e.choose(filter, b.now())
	return b.page(e, chosen, filter), len(chosen), nil
}

// Target returns what is known of one target of a service, if there is one of
// that name.
func (b *Board) Target(service, name string) (Target, bool) {
	_ = b.currentTargets(service) // what was known before is shown
	b.mu.RLock()
	defer b.mu.RUnlock()
	e := b.services[service]
	if e == nil || e.crowd == nil {
		return Target{}, false
	}
	place, found := e.crowd.find(name)
	if !found {
		return Target{}, false
	}
	return b.target(e, place, e.stateOf(place, b.now())), true
}

// TargetStates counts the targets of a service by their state; nil if it has
// none, or they are not known yet.
func (b *Board) TargetStates(service string) map[health.State]int {
	_ = b.currentTargets(service)
	b.mu.RLock()
	defer b.mu.RUnlock()
	e := b.services[service]
	if e == nil || e.crowd == nil || e.crowd.list == nil {
		return nil
	}
	counts, now := map[health.State]int{}, b.now()
	for place := range e.crowd.members {
		counts[e.stateOf(place, now).state]++
	}
	return counts
}

// chosen is a target that a filter has chosen.
type chosen struct {
	place int
	standpoint
}

// choose returns the targets that a filter chooses in its order.
func (e *entry) choose(filter TargetFilter, now time.Time) []chosen {
	var all []chosen
	search := strings.ToLower(filter.Search)
	for place, target := range e.crowd.list.All() {
		if !hasLabels(target, filter.Labels) || !contains(target, search) {
			continue
		}
		stands := e.stateOf(place, now)
		if len(filter.States) == 0 || slices.Contains(filter.States, stands.state) {
			all = append(all, chosen{place, stands})
		}
	}
	if filter.WorstFirst {
		slices.SortStableFunc(all, func(a, b chosen) int { return cmp.Compare(badness(a.state), badness(b.state)) })
	}
	return all
}

// page cuts a page out of what was chosen. The lock is held.
func (b *Board) page(e *entry, all []chosen, filter TargetFilter) []Target {
	list := e.crowd.list.All()
	if filter.After != "" {
		next := slices.IndexFunc(all, func(c chosen) bool { return list[c.place].Name > filter.After })
		if filter.WorstFirst {
			next = 1 + slices.IndexFunc(all, func(c chosen) bool { return list[c.place].Name == filter.After })
		}
		if next < 0 {
			next = len(all)
		}
		all = all[next:]
	}
	if filter.Limit > 0 {
		all = all[:min(len(all), filter.Limit)]
	}
	page := make([]Target, len(all))
	for n, c := range all {
		page[n] = b.target(e, c.place, c.standpoint)
	}
	return page
}

// target puts together what is known of a target. The lock is held.
func (b *Board) target(e *entry, place int, stands standpoint) Target {
	m := &e.crowd.members[place]
	listed := e.crowd.list.All()[place]
	return Target{
		Target: listed, Class: e.crowd.class(m),
		State: stands.state, Since: stands.since, Failures: stands.failures, Late: stands.late,
		Result: m.result(), Incident: b.incidents[health.TargetID(e.configured.Name, listed.Name)],
	}
}

func hasLabels(target health.Target, wanted map[string]string) bool {
	for name, value := range wanted {
		if found, has := target.Labels[name]; !has || found != value {
			return false
		}
	}
	return true
}

// contains looks for a text in lower case.
func contains(target health.Target, text string) bool {
	if text == "" || strings.Contains(strings.ToLower(target.Name), text) {
		return true
	}
	for _, value := range target.Labels {
		if strings.Contains(strings.ToLower(value), text) {
			return true
		}
	}
	return false
}

// worstFirst are the states in the order in which people look at them.
var worstFirst = []health.State{
	health.StateDown, health.StateFailing, health.StateUnknown, health.StateDegraded, health.StatePaused, health.StateHealthy,
}

func badness(state health.State) int { return slices.Index(worstFirst, state) }
