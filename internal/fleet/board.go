package fleet

import (
	"slices"
	"strings"
	"sync"
	"time"

	"paramedic/internal/config"
	"paramedic/internal/health"
)

// Latest is the newest thing known of a service.
type Latest struct {
	Service  string
	Severity string
	State    health.State
	// Since is when the state began; zero if the service was never probed here.
	Since time.Time
	// Result is that of the last probe, which began at Result.At; zero if none
	// was made here.
	Result health.Result
	// Interval is the time between probes, zero if Cron sets the cadence; Timeout
	// is the longest that one takes.
	Interval, Timeout time.Duration
	// Cron and ActiveHours report that there are minutes without probes: because
	// a cron expression says when to probe, or because of active hours.
	Cron, ActiveHours bool

	streak health.Streak
	// threshold is the number of failures at which failing becomes down.
	threshold int
}

// Board keeps the latest result of each service, as far as this worker made
// the probes. It is memory only: Temporal holds the truth.
type Board struct {
	mu     sync.RWMutex
	latest map[string]Latest
}

func newBoard() *Board { return &Board{latest: map[string]Latest{}} }

// keep forgets services that are no longer configured and adds new ones.
func (b *Board) keep(services []config.Service) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := make(map[string]Latest, len(services))
	for _, s := range services {
		latest, known := b.latest[s.Name]
		if !known {
			latest = Latest{Service: s.Name, State: health.StateUnknown}
		}
		latest.Severity, latest.threshold = s.Severity, s.FailureThreshold
		latest.Interval, latest.Timeout = s.Interval.Std(), s.Timeout.Std()
		latest.Cron, latest.ActiveHours = s.Cron != "", s.ActiveHours != ""
		kept[s.Name] = latest
	}
	b.latest = kept
}

func (b *Board) record(service string, result health.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	latest, known := b.latest[service]
	if !known {
		return
	}
	latest.streak = latest.streak.Observe(result)
	if state := health.StateOf(result, latest.streak, latest.threshold); state != latest.State {
		latest.State, latest.Since = state, result.At
	}
	latest.Result = result
	b.latest[service] = latest
}

// Rows returns what is known of every service, sorted by name.
func (b *Board) Rows() []Latest {
	b.mu.RLock()
	defer b.mu.RUnlock()
	rows := make([]Latest, 0, len(b.latest))
	for _, latest := range b.latest {
		rows = append(rows, latest)
	}
	slices.SortFunc(rows, func(a, b Latest) int { return strings.Compare(a.Service, b.Service) })
	return rows
}
