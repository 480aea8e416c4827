package pages

import (
	"time"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
)

// row is a service as the overview shows it.
type row struct {
	Name, Severity, Kind string
	State                string
	Since                time.Time
	// Failures counts the failed probes in a row.
	Failures int
	// Result is that of the last probe; its At is zero if none was made.
	Result   health.Result
	Spark    spark
	Uptime   store.Uptime
	Incident *rowIncident
	Orders   orders
	// Targets counts the targets of a service that has many; nil for others.
	Targets *health.Counts
}

// rowIncident is the open incident of a service.
type rowIncident struct {
	Link string
	// Target is the one of the service that it is about; empty for the whole.
	Target   string
	OpenedAt time.Time
	// By is who acknowledged it; empty if nobody has.
	By string
	// Action is the last thing that was done about it.
	Action string
}

// orders are what people have told paramedic about a service, and what keeps
// alerts or healing from being what one would expect.
type orders struct {
	// Mode is the one in force, if it is not to act; ModeBy ordered it, if
	// somebody did.
	Mode                 health.Mode
	ModeBy               string
	Maintenance, Silence *health.Window
	Pause                *health.Pause
	Flapping             bool
}

// The words of the modes.
var _ = []string{key("act"), key("observe"), key("approve")}

func (p *Pages) row(s *board.Service) row {
	shown := row{
		Name: s.Name, Severity: s.Severity, Kind: s.Kind, State: lookOfService(s).State,
		Since: s.Since, Failures: s.Failures, Result: s.Result, Spark: newSpark(s.Recent),
		Uptime: s.Uptime, Incident: openIncident(s.Incident), Orders: ordersOf(s),
	}
	if s.HasTargets {
		shown.Targets = &s.Targets
	}
	return shown
}

// openIncident shows the open one, nil if there is none.
func openIncident(i *health.Incident) *rowIncident {
	if i == nil {
		return nil
	}
	open := &rowIncident{Link: incidentLink(i.ID), Target: i.Target, OpenedAt: i.OpenedAt, Action: i.Action}
	if i.Acknowledged != nil {
		open.By = i.Acknowledged.By
	}
	return open
}

func ordersOf(s *board.Service) orders {
	o := orders{Maintenance: s.Orders.Maintenance, Silence: s.Orders.Silence, Pause: s.Paused, Flapping: s.Flapping}
	if mode := s.Mode(); mode != health.ModeAct {
		o.Mode = mode
	}
	if set := s.Orders.Mode; set != nil {
		o.Mode, o.ModeBy = s.Mode(), set.By
	}
	return o
}
