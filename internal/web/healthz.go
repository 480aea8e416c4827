package web

import (
	"encoding/json"
	"net/http"

	"paramedic/internal/supervise"
)

// healthzBody is public: it names the parts and their status, never an error.
type healthzBody struct {
	Status    supervise.Status        `json:"status"`
	Timestamp string                  `json:"timestamp"`
	Workers   map[string]healthzEntry `json:"workers"`
}

type healthzEntry struct {
	Status supervise.Status `json:"status"`
}

// healthz answers 200 when every part of this process is healthy, else 503. It
// speaks of paramedic itself, not of the services that it watches.
func (s *site) healthz(w http.ResponseWriter, _ *http.Request) {
	health := s.Health()
	body := healthzBody{
		Status:    health.Status,
		Timestamp: health.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z"),
		Workers:   make(map[string]healthzEntry, len(health.Parts)),
	}
	for name, mark := range health.Parts {
		body.Workers[name] = healthzEntry{mark.Status}
	}
	code := http.StatusOK
	if health.Status != supervise.Healthy {
		code = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	// An error here means that the client has gone.
	_ = json.NewEncoder(w).Encode(body)
}
