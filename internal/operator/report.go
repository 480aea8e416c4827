package operator

import (
	"cmp"
	"maps"
	"slices"

	"paramedic/internal/health"
)

// Tally sums up the incidents of one service, or of all, over some time.
type Tally struct {
	Service   string `json:"service"`
	Incidents int    `json:"incidents"`
	Open      int    `json:"open"`
	// DowntimeSeconds is the sum of all downtimes; open ones run to now.
	DowntimeSeconds float64 `json:"downtime_seconds"`
	// Restarts were made; Observed would have been, in mode observe.
	Restarts int `json:"restarts"`
	Observed int `json:"observed"`
	// HealedByUs counts incidents that ended after a step of the runbook,
	// HealedByOthers those that ended without one, each with its mean time to
	// heal, in seconds.
	HealedByUs          int     `json:"healed_by_us"`
	HealedByUsSeconds   float64 `json:"healed_by_us_seconds"`
	HealedByOthers      int     `json:"healed_by_others"`
	HealedOthersSeconds float64 `json:"healed_by_others_seconds"`
	// Unacknowledged counts incidents that no human ever owned.
	Unacknowledged int `json:"unacknowledged"`
	// Held says how often nothing was done, by the rule that held.
	Held map[health.Rule]int `json:"held"`
}

// Summarize sums up incidents by service, sorted by name, and in all.
func Summarize(incidents []Incident) (services []Tally, total Tally) {
	tallies := map[string]*Tally{}
	total.Service = "all"
	for _, incident := range incidents {
		tally := tallies[incident.Service]
		if tally == nil {
			tally = &Tally{Service: incident.Service}
			tallies[incident.Service] = tally
		}
		tally.add(incident)
		total.add(incident)
	}
	for _, tally := range tallies {
		tally.average()
		services = append(services, *tally)
	}
	total.average()
	slices.SortFunc(services, func(a, b Tally) int { return cmp.Compare(a.Service, b.Service) })
	return services, total
}

func (t *Tally) add(i Incident) {
	t.Incidents++
	t.DowntimeSeconds += seconds(i.Length())
	t.Restarts += i.Restarts
	t.Observed += i.Observed
	if i.Acknowledged == nil {
		t.Unacknowledged++
	}
	if t.Held == nil {
		t.Held = map[health.Rule]int{}
	}
	for _, rule := range slices.Sorted(maps.Keys(i.Held)) {
		t.Held[rule] += i.Held[rule]
	}
	switch {
	case i.State != health.Resolved:
		t.Open++
	case i.Outcome == health.Healed:
		t.HealedByUs++
		t.HealedByUsSeconds += seconds(i.Deciding() + i.Healing())
	case i.Outcome == health.Recovered, i.Outcome == health.ByHand:
		t.HealedByOthers++
		t.HealedOthersSeconds += seconds(i.Deciding() + i.Healing())
	}
}

// average turns sums of times to heal into means.
func (t *Tally) average() {
	if t.HealedByUs > 0 {
		t.HealedByUsSeconds /= float64(t.HealedByUs)
	}
	if t.HealedByOthers > 0 {
		t.HealedOthersSeconds /= float64(t.HealedByOthers)
	}
}
