// Package api answers programs: the JSON API under /api/v1, which can do what
// the command line can, its description as an OpenAPI document, and the health
// endpoints. What it shows comes from the board and the store; only what changes
// something talks to Temporal. Whoever assembles its routes sees to methods,
// hosts, roles and sizes; nothing of that is done here.
package api

import (
	"context"
	"log/slog"
	"time"

	"paramedic/activities"
	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/pipeline"
	"paramedic/internal/store"
	"paramedic/internal/supervise"
	"paramedic/internal/targets"
	"paramedic/workflows"
)

// Store is what is read of the store, and the targets that are registered there;
// *store.Store implements it.
type Store interface {
	Points(ctx context.Context, key store.Key, from, until time.Time, span time.Duration) ([]store.Point, error)
	Days(ctx context.Context, key store.Key, from, until time.Time) ([]store.Day, error)
	Failures(ctx context.Context, key store.Key, limit int) ([]health.Result, error)
	Incidents(ctx context.Context, filter store.IncidentFilter) (page []health.Incident, total int, err error)
	Incident(ctx context.Context, id string) (health.Incident, error)
	Alerts(ctx context.Context, filter store.AlertFilter) ([]store.Alert, error)
	Outboxes(ctx context.Context) ([]health.Outbox, error)
	RegisteredTarget(ctx context.Context, key store.Key) (store.Registered, error)
	RegisteredTargets(ctx context.Context, service string) ([]store.Registered, error)
	CreateTarget(ctx context.Context, key store.Key, labels map[string]string, once *store.Once) (store.Registered, error)
	ReplaceTarget(ctx context.Context, key store.Key, labels map[string]string, version int64, once *store.Once) (store.Registered, error)
	DeleteTarget(ctx context.Context, key store.Key, version int64, once *store.Once) error
	ImportTargets(ctx context.Context, service string, targets []health.Target) (created, changed, unchanged int, err error)
	Recall(ctx context.Context, key string) (store.Remembered, error)
	Remember(ctx context.Context, key string, answer store.Remembered) error
}

// Operator is what people can order; *operator.Operator implements it.
type Operator interface {
	ProbeNow(ctx context.Context, service string, limit time.Duration) (workflows.MonitorState, error)
	Pause(ctx context.Context, service string, pause workflows.Pause) (workflows.MonitorState, error)
	Resume(ctx context.Context, service string, resume workflows.Resume) (workflows.MonitorState, error)
	Maintain(ctx context.Context, service string, span workflows.Span) (workflows.MonitorState, error)
	Silence(ctx context.Context, service string, span workflows.Span) (workflows.MonitorState, error)
	SetMode(ctx context.Context, service string, order workflows.SetMode) (workflows.MonitorState, error)
	Instruct(ctx context.Context, service, instruction string, in workflows.Instruction) (operator.Receipt, error)
	Rearm(ctx context.Context, service string, in workflows.Instruction) (operator.Receipt, error)
	Resend(ctx context.Context, receiver string, in workflows.Resend) (int, error)
	PostAlert(ctx context.Context, receiver string, grouping activities.Grouping, alert health.Alert) error
}

// Options say what the API answers with. Board, Store, Operator, Health and Log
// are required; an endpoint whose function is nil answers that this process
// does not have what it needs.
type Options struct {
	Board *board.Board
	Store Store
	// Operator fails when Temporal cannot be reached.
	Operator func(ctx context.Context) (Operator, error)
	// Health is asked for the parts of this process.
	Health func() supervise.Health
	// WebUI is the address of a workflow's page in the Temporal Web UI, empty if
	// it is not known.
	WebUI func(workflow, run string) string
	Log   *slog.Logger
	// Now is the clock; nil means time.Now.
	Now     func() time.Time
	Version string
	// Permits returns what the Gatekeeper knew at a time, and whether it was
	// asked yet.
	Permits func() (ledger workflows.Ledger, at time.Time, known bool)
	// Configuration is the one in force as YAML, with secrets masked.
	Configuration func() string
	// Reload reads the configuration again. An error means that the one in force
	// stays, and says why without a secret.
	Reload func(ctx context.Context) error
	// SystemAlert returns the receivers of alerts that other systems send.
	SystemAlert func() []string
	// Pipeline says where the data of /api/system/data-freshness comes from.
	Pipeline func() pipeline.Panels
	// Targets says where the targets of a service come from, and whether it has
	// some. A nil one means that no service has.
	Targets func(service string) (targets.Source, bool)
	// CheckTarget says why a target cannot be probed as its service says; nil
	// takes any whose name and labels are good.
	CheckTarget func(service string, target health.Target) error
	// Refresh lets a change of what is registered for a service take effect here
	// at once; elsewhere it does within seconds.
	Refresh func(service string)
	// Grouping says how the alerts of a receiver are put together.
	Grouping func(receiver string) (activities.Grouping, error)
}

// API answers requests. It is safe for concurrent use.
type API struct {
	Options
	started     time.Time
	description description
	flights     flights
}

// New returns the API of a process that starts now.
func New(options Options) (*API, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.WebUI == nil {
		options.WebUI = func(string, string) string { return "" }
	}
	described, err := describe(options.Version)
	if err != nil {
		return nil, err
	}
	return &API{Options: options, started: options.Now(), description: described}, nil
}
