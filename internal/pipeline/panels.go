// Package pipeline puts together what operators of a data pipeline look at:
// how fresh its data is, its write-ahead log, what waits for recovery, which
// tier is active, when the aggregates were made. It measures nothing itself:
// probes observe, and Panels says which observation of which service stands
// where. The pages and the API show the same View.
package pipeline

import "paramedic/internal/health"

// Ref names what is to be shown: an observation or a fact of the panel's
// service, or "service/name" for one of another service. The name Up stands for
// the state of the service: 1 while its probes pass, 0 while they do not.
//
// An instant is an observation in seconds before the probe, or since 1970 (UTC)
// from a thousand million on, or a fact in the form of RFC 3339.
type Ref string

// Up is the name by which a Ref refers to the state of a service.
const Up = "up"

// Panels says where each panel has its values from. A panel that is nil or
// empty is not shown.
type Panels struct {
	Freshness *Freshness `yaml:"freshness,omitempty" doc:"When the last event arrived."`
	// Services are the names of those that have a card, in this order.
	Services []string  `yaml:"services" doc:"The services to show as cards, in this order; all unless set, if there are at most 50, and [] for none."`
	WAL      *WAL      `yaml:"wal,omitempty" doc:"The write-ahead log."`
	DLQ      []Queue   `yaml:"dlq,omitempty" doc:"The dead-letter queues, one row each."`
	Failover *Failover `yaml:"failover,omitempty" doc:"Which tier takes the data."`
	Sync     *Sync     `yaml:"sync,omitempty" doc:"The sync of the aggregates."`
}

// Freshness is the banner.
type Freshness struct {
	Service string `yaml:"service" required:"true" doc:"The service whose probe sees the last event."`
	// Observation is the instant of the last event.
	Observation Ref `yaml:"observation" doc:"The observation that says when the last event was: seconds before the probe, seconds since 1970, or a fact in RFC 3339; lag_seconds unless set. Here as in all panels, service/name takes it from another service."`
	// Warn and Critical are ages of the last event; Critical is the longer one.
	Warn     health.Duration `yaml:"warn" min:"1s" doc:"How old the last event may be before the banner is yellow; 15m unless set."`
	Critical health.Duration `yaml:"critical" min:"1s" doc:"How old the last event may be before the banner is red; 60m, or four times warn, if that is longer, unless set."`
}

// WAL is the write-ahead log.
type WAL struct {
	Service   string `yaml:"service" required:"true" doc:"The service whose probe looks at the log's directory."`
	Size      Ref    `yaml:"size" doc:"The observation of its size in bytes; size_bytes unless set."`
	Files     Ref    `yaml:"files" doc:"The observation of the number of its files; files unless set."`
	LastWrite Ref    `yaml:"last_write" doc:"The observation that says when it was last written to; newest_age_seconds unless set."`
	Pending   Ref    `yaml:"pending" doc:"The observation of how many replays are pending; pending unless set."`
}

// Queue is one dead-letter queue.
type Queue struct {
	Name        string `yaml:"name" required:"true" doc:"What the queue is called, for people."`
	Service     string `yaml:"service" required:"true" doc:"The service whose probe looks at the queue."`
	Pending     Ref    `yaml:"pending" doc:"The observation of how many letters wait, like pending_s2s where the probe looks at several queues; pending unless set."`
	LastAttempt Ref    `yaml:"last_attempt" doc:"The observation that says when recovery was last tried; last_attempt_seconds unless set."`
	LastResult  Ref    `yaml:"last_result" doc:"The fact that says how that ended; last_result unless set."`
	Recovered   Ref    `yaml:"recovered_today" doc:"The observation of how many were recovered today; recovered_today unless set."`
}

// Failover says which tier takes the data.
type Failover struct {
	Service   string `yaml:"service" required:"true" doc:"The service whose probe knows the active tier."`
	Tier      Ref    `yaml:"tier" doc:"The fact that names the active tier, like primary, standby or dlq; tier unless set."`
	Normal    string `yaml:"normal" doc:"The tier that is active when all is well; primary unless set."`
	LastEvent Ref    `yaml:"last_event" doc:"The observation that says when the tier last changed; last_event_seconds unless set."`
	Duration  Ref    `yaml:"duration" doc:"The observation of how long that lasted, in seconds; last_event_duration_seconds unless set."`
	Standby   Ref    `yaml:"standby" doc:"The observation (1 or 0) or fact (true or false) that says whether the standby can be reached; standby_reachable unless set. standby/up is the state of a service named standby."`
}

// Sync is the sync of the aggregates.
type Sync struct {
	Service string `yaml:"service" required:"true" doc:"The service whose probe looks at the sync."`
	// LastSync is the instant of the last sync; its age is the lag.
	LastSync Ref `yaml:"last_sync" doc:"The observation that says when the last sync ended; lag_seconds unless set."`
	// Lookback is how far back each sync goes; zero is not shown.
	Lookback health.Duration `yaml:"lookback" doc:"How far back each sync aggregates again; 168h (7 days) unless set, 0s if it is not to be shown."`
	Tables   []Table         `yaml:"tables,omitempty" doc:"The tables whose rows are shown."`
}

// Table is a table of aggregates.
type Table struct {
	Name string `yaml:"name" required:"true" doc:"What the table is called."`
	Rows Ref    `yaml:"rows" doc:"The observation of its number of rows; rows_ and the table's name unless set. If each table has a probe of its own, write service/rows."`
}

// Defaults are the values of panels that the configuration does not mention.
var (
	DefaultFreshness = Freshness{Observation: "lag_seconds", Warn: health.Duration(15 * minute), Critical: health.Duration(60 * minute)}
	DefaultWAL       = WAL{Size: "size_bytes", Files: "files", LastWrite: "newest_age_seconds", Pending: "pending"}
	DefaultQueue     = Queue{
		Pending: "pending", LastAttempt: "last_attempt_seconds", LastResult: "last_result", Recovered: "recovered_today",
	}
	DefaultFailover = Failover{
		Tier: "tier", Normal: "primary", LastEvent: "last_event_seconds",
		Duration: "last_event_duration_seconds", Standby: "standby_reachable",
	}
	DefaultSync = Sync{LastSync: "lag_seconds", Lookback: health.Duration(7 * 24 * 60 * minute)}
)
