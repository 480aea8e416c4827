package api

import (
	"fmt"
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// Service is a service as the API shows it: what the command line's status
// shows, and all that the overview has besides.
type Service struct {
	operator.TargetStatus
	Severity string            `json:"severity"`
	Kind     string            `json:"kind"`
	Labels   map[string]string `json:"labels,omitempty"`
	Mode     health.Mode       `json:"mode"`
	Flapping bool              `json:"flapping"`
	// Late reports that its Monitor has not probed for too long.
	Late         bool               `json:"late"`
	Observations map[string]float64 `json:"observations,omitempty"`
	Facts        map[string]string  `json:"facts,omitempty"`
	Uptime       Uptime             `json:"uptime"`
	// Recent are the latencies of the latest probes, -1 for a failed one.
	Recent   []float32     `json:"recent_ms"`
	Incident *Incident     `json:"incident"`
	Paused   *health.Pause `json:"paused,omitempty"`
	Orders   health.Orders `json:"orders,omitzero"`
}

// Detail is a service with its part of the configuration in force.
type Detail struct {
	Service
	Impact           string          `json:"impact,omitempty"`
	Runbook          string          `json:"runbook,omitempty"`
	Steps            []string        `json:"steps"`
	DependsOn        []string        `json:"depends_on"`
	Receivers        []string        `json:"receivers"`
	Interval         health.Duration `json:"interval,omitempty"`
	Timeout          health.Duration `json:"timeout"`
	Cron             string          `json:"cron,omitempty"`
	ActiveHours      string          `json:"active_hours,omitempty"`
	FailureThreshold int             `json:"failure_threshold"`
	Host             string          `json:"host,omitempty"`
	// Configuration is its part of the configuration, as YAML without secrets.
	Configuration string `json:"configuration"`
}

// Uptime is the share of probes that passed, from 0 to 1; null where none was
// made.
type Uptime struct {
	Day   *float64 `json:"day"`
	Week  *float64 `json:"week"`
	Month *float64 `json:"month"`
}

// service shows a service of the board.
func (a *API) service(s board.Service) Service {
	shown := Service{
		TargetStatus: statusOf(s),
		Severity:     s.Severity, Kind: s.Kind, Labels: s.Labels, Mode: s.Mode(),
		Flapping: s.Flapping, Late: s.Late, Observations: s.Result.Observations, Facts: s.Result.Facts,
		Uptime: Uptime{share(s.Uptime.Day), share(s.Uptime.Week), share(s.Uptime.Month)},
		Recent: orNone(s.Recent), Orders: milliOrders(s.Orders),
	}
	if s.Paused != nil {
		shown.Paused = &health.Pause{By: s.Paused.By, Note: s.Paused.Note, At: milli(s.Paused.At)}
	}
	if s.Incident != nil {
		incident := a.incident(*s.Incident)
		shown.Incident = &incident
	}
	return shown
}

func (a *API) detail(s board.Service) Detail {
	return Detail{
		Service: a.service(s),
		Impact:  s.Impact, Runbook: s.Runbook, Steps: orNone(s.Steps), DependsOn: orNone(s.DependsOn),
		Receivers: orNone(s.Receivers), Interval: health.Duration(s.Interval), Timeout: health.Duration(s.Timeout),
		Cron: s.Cron, ActiveHours: s.ActiveHours, FailureThreshold: s.FailureThreshold, Host: s.Host,
		Configuration: s.YAML,
	}
}

// statusOf says where a service stands in the words of the command line.
func statusOf(s board.Service) operator.TargetStatus {
	state := workflows.MonitorState{
		State: s.State, Since: s.Since, Streak: health.Streak{Failures: s.Failures},
		LastProbeAt: s.Result.At, LatencyMS: s.Result.LatencyMS, Message: s.Result.Message, Orders: s.Orders,
	}
	if s.Paused != nil {
		state.Paused = &workflows.Pause{By: s.Paused.By, Note: s.Paused.Note, At: s.Paused.At}
	}
	status := operator.StatusOf(s.Name, state)
	status.Targets = countsOf(s)
	if s.Flapping {
		status.Notes = append(status.Notes, "flapping")
	}
	if s.Late {
		status.Message = fmt.Sprintf("no probe since %s, and one is due every %s; the last one said: %s",
			s.Result.At.UTC().Format(time.RFC3339), health.Duration(s.Interval), s.Result.Message)
	}
	return status
}

func share(uptime float64) *float64 {
	if uptime < 0 {
		return nil
	}
	return &uptime
}

// milli is an instant as the API writes it: in UTC, to the millisecond.
func milli(at time.Time) time.Time { return at.UTC().Truncate(time.Millisecond) }

func milliOrders(o health.Orders) health.Orders {
	if o.Mode != nil {
		o.Mode = &health.ModeOrder{Mode: o.Mode.Mode, By: o.Mode.By, At: milli(o.Mode.At)}
	}
	o.Maintenance, o.Silence = milliWindow(o.Maintenance), milliWindow(o.Silence)
	return o
}

func milliWindow(w *health.Window) *health.Window {
	if w == nil {
		return nil
	}
	shown := *w
	shown.Until = milli(w.Until)
	if !w.From.IsZero() {
		shown.From = milli(w.From)
	}
	return &shown
}
