package api

import (
	"cmp"
	"net/http"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/pipeline"
)

// DataFreshness says how fresh the data of the pipeline is. Panels that have no
// source are absent; what is not known is null.
type DataFreshness struct {
	Status    pipeline.Level `json:"status"`
	Timestamp operator.Time  `json:"timestamp"`
	// LastEvent is when the last event arrived.
	LastEvent   *LastEvent   `json:"last_event,omitempty"`
	Aggregation *Aggregation `json:"aggregation,omitempty"`
	Pipeline    Stages       `json:"pipeline"`
}

// LastEvent is the newest data.
type LastEvent struct {
	Service       string          `json:"service"`
	Status        pipeline.Level  `json:"status"`
	At            operator.Time   `json:"at"`
	AgeSeconds    *float64        `json:"age_seconds"`
	WarnAfter     health.Duration `json:"warn_after"`
	CriticalAfter health.Duration `json:"critical_after"`
	State         health.State    `json:"state"`
}

// Aggregation is the sync of the aggregates.
type Aggregation struct {
	Service    string              `json:"service"`
	State      health.State        `json:"state"`
	LastSync   operator.Time       `json:"last_sync"`
	LagSeconds *float64            `json:"lag_seconds"`
	Lookback   health.Duration     `json:"lookback,omitempty"`
	Rows       map[string]*float64 `json:"rows"`
}

// Stages are the parts of the pipeline.
type Stages struct {
	Services []Stage   `json:"services"`
	WAL      *WAL      `json:"wal,omitempty"`
	DLQ      []Queue   `json:"dlq,omitempty"`
	Failover *Failover `json:"failover,omitempty"`
}

// Stage is a service of the pipeline.
type Stage struct {
	Service        string         `json:"service"`
	Status         pipeline.Level `json:"status"`
	State          health.State   `json:"state"`
	LastCheck      operator.Time  `json:"last_check"`
	ResponseTimeMS float64        `json:"response_time_ms"`
	Message        string         `json:"message"`
}

// WAL is the write-ahead log.
type WAL struct {
	Service   string        `json:"service"`
	State     health.State  `json:"state"`
	SizeBytes *float64      `json:"size_bytes"`
	Files     *float64      `json:"files"`
	Pending   *float64      `json:"pending"`
	LastWrite operator.Time `json:"last_write"`
}

// Queue is a dead-letter queue.
type Queue struct {
	Name           string        `json:"name"`
	Service        string        `json:"service"`
	State          health.State  `json:"state"`
	Pending        *float64      `json:"pending"`
	RecoveredToday *float64      `json:"recovered_today"`
	LastAttempt    operator.Time `json:"last_attempt"`
	LastResult     string        `json:"last_result"`
}

// Failover says which tier is active.
type Failover struct {
	Service          string         `json:"service"`
	State            health.State   `json:"state"`
	Status           pipeline.Level `json:"status"`
	Tier             string         `json:"tier"`
	LastEvent        operator.Time  `json:"last_event"`
	DurationSeconds  *float64       `json:"duration_seconds"`
	StandbyReachable *bool          `json:"standby_reachable"`
}

// dataFreshness shows the panels of the pipeline.
func (a *API) dataFreshness(r *http.Request) (int, any, error) {
	var panels pipeline.Panels
	if a.Pipeline != nil {
		panels = a.Pipeline()
	}
	view := panels.Read(func(name string) (pipeline.Seen, bool) {
		s, known := a.Board.Service(name)
		return pipeline.Seen{State: shownOf(s), Since: s.Since, Result: s.Result}, known
	}, a.Now())
	body := DataFreshness{Status: view.Level(), Timestamp: operator.Time{Time: a.Now()}, Pipeline: stages(view)}
	if f := view.Freshness; f != nil {
		body.LastEvent = &LastEvent{
			Service: f.Service, Status: f.Level, At: operator.Time{Time: f.LastEvent}, AgeSeconds: since(f.LastEvent, f.Age),
			WarnAfter: health.Duration(f.Warn), CriticalAfter: health.Duration(f.Critical), State: f.State,
		}
	}
	if s := view.Sync; s != nil {
		body.Aggregation = &Aggregation{
			Service: s.Service, State: s.State, LastSync: operator.Time{Time: s.LastSync}, LagSeconds: since(s.LastSync, s.Lag),
			Lookback: health.Duration(s.Lookback), Rows: map[string]*float64{},
		}
		for _, table := range s.Tables {
			body.Aggregation.Rows[table.Name] = table.Rows
		}
	}
	return http.StatusOK, body, parse(r).done()
}

func shownOf(s board.Service) health.State { return cmp.Or(shownState(s), health.StateUnknown) }

// since is an age in seconds; null without an instant to count from.
func since(at time.Time, age time.Duration) *float64 {
	if at.IsZero() {
		return nil
	}
	seconds := age.Round(time.Millisecond).Seconds()
	return &seconds
}

func stages(view pipeline.View) Stages {
	shown := Stages{Services: []Stage{}}
	for _, c := range view.Services {
		shown.Services = append(shown.Services, Stage{
			c.Name, c.Level, c.State, operator.Time{Time: c.CheckedAt}, c.LatencyMS, c.Message,
		})
	}
	if w := view.WAL; w != nil {
		shown.WAL = &WAL{w.Service, w.State, w.Size, w.Files, w.Pending, operator.Time{Time: w.LastWrite}}
	}
	for _, q := range view.DLQ {
		shown.DLQ = append(shown.DLQ, Queue{
			q.Name, q.Service, q.State, q.Pending, q.Recovered, operator.Time{Time: q.LastAttempt}, q.LastResult,
		})
	}
	if f := view.Failover; f != nil {
		shown.Failover = &Failover{
			Service: f.Service, State: f.State, Status: f.Level, Tier: f.Tier,
			LastEvent: operator.Time{Time: f.LastEvent}, StandbyReachable: f.Standby,
		}
		if f.Duration >= 0 {
			seconds := f.Duration.Seconds()
			shown.Failover.DurationSeconds = &seconds
		}
	}
	return shown
}
