package api

import (
	"net/http"
	"runtime"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/supervise"
)

// Parts are the parts of this process. They are shown to anybody, so that there
// are names and statuses, and never an error.
type Parts struct {
	Status    supervise.Status `json:"status"`
	Timestamp operator.Time    `json:"timestamp"`
	Workers   map[string]Part  `json:"workers"`
}

// Part is one part of this process.
type Part struct {
	Status supervise.Status `json:"status"`
}

// healthz answers 200 when every part of this process is healthy, else 503. It
// speaks of paramedic itself, not of the services that it watches.
func (a *API) healthz(*http.Request) (int, any, error) {
	found := a.Health()
	body := Parts{found.Status, operator.Time{Time: found.Timestamp}, make(map[string]Part, len(found.Parts))}
	for name, mark := range found.Parts {
		body.Workers[name] = Part{mark.Status}
	}
	if found.Status != supervise.Healthy {
		return http.StatusServiceUnavailable, body, nil
	}
	return http.StatusOK, body, nil
}

// Overall is how all services are together, for anybody.
type Overall struct {
	Status health.Status `json:"status"`
	// ClickHouseRows is what the first ClickHouse service counted; absent
	// without one.
	ClickHouseRows *int64        `json:"clickhouse_rows,omitempty"`
	Uptime         string        `json:"uptime"`
	Timestamp      operator.Time `json:"timestamp"`
}

// overall answers 200 while nothing is unhealthy, else 503.
func (a *API) overall(*http.Request) (int, any, error) {
	services := a.Board.Services()
	status := worst(services)
	return codeOf(status), Overall{status, clickHouseRows(services), health.Span(a.uptime()), operator.Time{Time: a.Now()}}, nil
}

func (a *API) uptime() time.Duration { return max(0, a.Now().Sub(a.started)) }

// codeOf is the HTTP status of a health endpoint: degraded is still good.
func codeOf(status health.Status) int {
	if status == health.Unhealthy {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// statusIn puts the states of operators into the three of health endpoints. What
// fails below its threshold, or is not known, is not as it should be, and not
// down.
func statusIn(state health.State) health.Status {
	switch state {
	case health.StateHealthy, health.StatePaused:
		return health.Healthy
	case health.StateDown:
		return health.Unhealthy
	default:
		return health.Degraded
	}
}

// worst is the status of all services together.
func worst(services []board.Service) health.Status {
	overall := health.Healthy
	for _, s := range services {
		switch status := statusIn(shownState(s)); {
		case status == health.Unhealthy:
			return status
		case status == health.Degraded:
			overall = status
		}
	}
	return overall
}

// clickHouseRows is the row count of the first ClickHouse service that has one.
func clickHouseRows(services []board.Service) *int64 {
	for _, s := range services {
		if s.Kind != "clickhouse" {
			continue
		}
		if rows, counted := s.Result.Observations["rows"]; counted {
			whole := int64(rows)
			return &whole
		}
	}
	return nil
}

// SystemHealth is all that is known of the services and of this process.
type SystemHealth struct {
	Status    health.Status    `json:"status"`
	Timestamp operator.Time    `json:"timestamp"`
	Version   string           `json:"version"`
	Uptime    string           `json:"uptime"`
	UptimeSec float64          `json:"uptime_seconds"`
	Memory    Memory           `json:"memory"`
	Services  []ServiceHealth  `json:"services"`
	Workers   map[string]Vital `json:"workers"`
}

// Memory is that of this process, in bytes.
type Memory struct {
	HeapBytes   uint64 `json:"heap_bytes"`
	SystemBytes uint64 `json:"system_bytes"`
	Goroutines  int    `json:"goroutines"`
}

// ServiceHealth is the latest probe of a service.
type ServiceHealth struct {
	Service  string        `json:"service"`
	Kind     string        `json:"kind"`
	Severity string        `json:"severity"`
	Status   health.Status `json:"status"`
	State    health.State  `json:"state"`
	Since    operator.Time `json:"since"`
	// LastCheck is null before the first one.
	LastCheck      operator.Time      `json:"last_check"`
	ResponseTimeMS float64            `json:"response_time_ms"`
	Message        string             `json:"message"`
	Failures       int                `json:"failures"`
	Observations   map[string]float64 `json:"observations"`
	Facts          map[string]string  `json:"facts"`
}

// Vital is a part of this process, with the time of its last change.
type Vital struct {
	Status supervise.Status `json:"status"`
	Since  operator.Time    `json:"since"`
}

// systemHealth shows the result of every probe.
func (a *API) systemHealth(r *http.Request) (int, any, error) {
	services := a.Board.Services()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	body := SystemHealth{
		Status: worst(services), Timestamp: operator.Time{Time: a.Now()}, Version: a.Version,
		Uptime: health.Span(a.uptime()), UptimeSec: a.uptime().Round(time.Millisecond).Seconds(),
		Memory:   Memory{memory.HeapAlloc, memory.Sys, runtime.NumGoroutine()},
		Services: make([]ServiceHealth, 0, len(services)), Workers: map[string]Vital{},
	}
	for _, s := range services {
		body.Services = append(body.Services, serviceHealth(s))
	}
	for name, mark := range a.Health().Parts {
		body.Workers[name] = Vital{mark.Status, operator.Time{Time: mark.Since}}
	}
	return codeOf(body.Status), body, parse(r).done()
}

func serviceHealth(s board.Service) ServiceHealth {
	status := statusOf(s)
	shown := ServiceHealth{
		Service: s.Name, Kind: s.Kind, Severity: s.Severity, Status: statusIn(status.State), State: status.State,
		Since: status.Since, LastCheck: status.LastProbeAt, ResponseTimeMS: status.LatencyMS, Message: status.Message,
		Failures: s.Failures, Observations: s.Result.Observations, Facts: s.Result.Facts,
	}
	if shown.Observations == nil {
		shown.Observations = map[string]float64{}
	}
	if shown.Facts == nil {
		shown.Facts = map[string]string{}
	}
	return shown
}
