package pipeline

import (
	"time"

	"paramedic/internal/health"
)

const minute = time.Minute

// Seen is the newest that is known of a service.
type Seen struct {
	State health.State
	// Since is when the state began; zero if nothing is known.
	Since time.Time
	// Result is that of the last probe; zero if none was made.
	Result health.Result
}

// Level says how well a part of the pipeline does.
type Level string

// The levels, the best first.
const (
	OK       Level = "ok"
	Unknown  Level = "unknown"
	Warning  Level = "warning"
	Critical Level = "critical"
)

// View is what the panels show at one moment. Those without a source are nil.
// A number that is not known is nil, an instant zero, a text empty.
type View struct {
	Freshness *FreshnessView
	Services  []Card
	WAL       *WALView
	DLQ       []QueueView
	Failover  *FailoverView
	Sync      *SyncView
}

// FreshnessView is the banner. Service is that whose observation it is.
type FreshnessView struct {
	Service        string
	State          health.State
	LastEvent      time.Time
	Age            time.Duration
	Level          Level
	Warn, Critical time.Duration
}

// Card is one service.
type Card struct {
	Name  string
	State health.State
	Level Level
	Since time.Time
	// CheckedAt is when it was last probed, LatencyMS how long that took.
	CheckedAt time.Time
	LatencyMS float64
	Message   string
}

// WALView is the write-ahead log; Size is in bytes.
type WALView struct {
	Service              string
	State                health.State
	Size, Files, Pending *float64
	LastWrite            time.Time
}

// QueueView is one dead-letter queue.
type QueueView struct {
	Name, Service      string
	State              health.State
	Pending, Recovered *float64
	LastAttempt        time.Time
	LastResult         string
}

// FailoverView says which tier is active. Level is Warning while it is not the
// normal one.
type FailoverView struct {
	Service string
	State   health.State
	Tier    string
	Level   Level
	// LastEvent is when the tier changed last, Duration how long that lasted;
	// negative if it is not known.
	LastEvent time.Time
	Duration  time.Duration
	// Standby says whether the standby can be reached; nil if it is not known.
	Standby *bool
}

// Reach says whether the standby can be reached: "yes", "no", or nothing if it
// is not known.
func (v FailoverView) Reach() string {
	switch {
	case v.Standby == nil:
		return ""
	case *v.Standby:
		return "yes"
	default:
		return "no"
	}
}

// SyncView is the sync of the aggregates.
type SyncView struct {
	Service  string
	State    health.State
	LastSync time.Time
	// Lag is how long ago that was.
	Lag      time.Duration
	Lookback time.Duration
	Tables   []TableView
}

// TableView is a table of aggregates.
type TableView struct {
	Name string
	Rows *float64
}

// Level is the worst of all panels that have one.
func (v View) Level() Level {
	worst := OK
	if v.Freshness == nil && v.Failover == nil && len(v.Services) == 0 {
		return Unknown
	}
	if v.Freshness != nil {
		worst = worse(worst, v.Freshness.Level)
	}
	if v.Failover != nil {
		worst = worse(worst, v.Failover.Level)
	}
	for _, card := range v.Services {
		worst = worse(worst, card.Level)
	}
	return worst
}

func worse(a, b Level) Level {
	rank := map[Level]int{OK: 0, Unknown: 1, Warning: 2, Critical: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// levelOf says what a state means for the pipeline.
func levelOf(state health.State) Level {
	switch state {
	case health.StateHealthy:
		return OK
	case health.StateDegraded, health.StateFailing:
		return Warning
	case health.StateDown:
		return Critical
	default:
		return Unknown
	}
}
