package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"paramedic/internal/config"
	"paramedic/internal/option"
	"paramedic/workflows"
)

// Action is what was done for a service.
type Action string

// The actions of Apply.
const (
	Created   Action = "created"
	Changed   Action = "changed"
	Unchanged Action = "unchanged"
	Deleted   Action = "deleted"
)

// Change is what Apply did, or would do, for one service.
type Change struct {
	Service string `json:"service"`
	Action  Action `json:"action"`
	// Detail names the fields that changed.
	Detail string `json:"detail"`
}

// parallel is how many services are looked at at the same time.
const parallel = 8

// TaskQueue is the task queue of a configuration.
func TaskQueue(cfg *config.Config) string { return cmp.Or(cfg.Temporal.TaskQueue, workflows.TaskQueue) }

// Apply makes the schedules in Temporal those of the configuration, and
// returns one change for each service, sorted by name. A running Monitor and
// an open incident learn of a change at once. With dryRun nothing is done. On
// an error, what was done until then is returned with it; applying again
// finishes the rest.
func Apply(ctx context.Context, server client.Client, cfg *config.Config, dryRun bool) ([]Change, error) {
	a := applier{temporal: server, taskQueue: TaskQueue(cfg), dryRun: dryRun}
	gone, err := a.gone(ctx, cfg)
	if err != nil {
		return nil, err
	}
	changes := make([]Change, len(cfg.Services)+len(gone))
	failures := make([]error, len(changes)) // one failure does not stop the others
	redactor := option.NewRedactor(cfg.Secrets())
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, service := range cfg.Services {
		group.Go(func() error {
			changes[i], failures[i] = a.service(ctx, masked(CheckOf(service), redactor))
			return nil
		})
	}
	for i, service := range gone {
		at := len(cfg.Services) + i
		group.Go(func() error {
			changes[at], failures[at] = a.remove(ctx, service)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	done := slices.DeleteFunc(changes, func(c Change) bool { return c.Action == "" })
	slices.SortFunc(done, func(x, y Change) int { return strings.Compare(x.Service, y.Service) })
	return done, errors.Join(failures...)
}

// applier carries one Apply.
type applier struct {
	temporal  client.Client
	taskQueue string
	dryRun    bool
}

func (a applier) schedule(ctx context.Context, service string) client.ScheduleHandle {
	return a.temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(service))
}

// gone lists the services that this deployment has a schedule for and the
// configuration does not name.
func (a applier) gone(ctx context.Context, cfg *config.Config) ([]string, error) {
	schedules, err := a.temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	var gone []string
	for schedules.HasNext() {
		entry, err := schedules.Next()
		if err != nil {
			return nil, fmt.Errorf("list schedules: %w", err)
		}
		service, ours := strings.CutPrefix(entry.ID, workflows.ScheduleID(""))
		if !ours || ownerOf(entry.Memo) != a.taskQueue {
			continue
		}
		if _, configured := cfg.Service(service); !configured {
			gone = append(gone, service)
		}
	}
	return gone, nil
}

// service creates or changes the schedule of one service, or leaves it alone.
func (a applier) service(ctx context.Context, check workflows.Check) (Change, error) {
	change, err := a.reconcile(ctx, check)
	if err != nil {
		return Change{}, fmt.Errorf("apply service %q: %w", check.Service, err)
	}
	return change, nil
}

func (a applier) reconcile(ctx context.Context, check workflows.Check) (Change, error) {
	description, err := a.schedule(ctx, check.Service).Describe(ctx)
	if !notFound(err) {
		if err != nil {
			return Change{}, fmt.Errorf("describe its schedule: %w", err)
		}
		return a.change(ctx, check, description)
	}
	created := Change{Service: check.Service, Action: Created}
	if a.dryRun {
		return created, nil
	}
	_, err = a.temporal.ScheduleClient().Create(ctx, creation(check, a.taskQueue))
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) { // another apply was faster
		description, err := a.schedule(ctx, check.Service).Describe(ctx)
		if err != nil {
			return Change{}, fmt.Errorf("describe its schedule: %w", err)
		}
		return a.change(ctx, check, description)
	}
	if err != nil {
		return Change{}, fmt.Errorf("create its schedule: %w", err)
	}
	return created, nil
}

// change brings an existing schedule up to date and tells those on duty.
func (a applier) change(ctx context.Context, check workflows.Check, found *client.ScheduleDescription) (Change, error) {
	if owner := ownerOf(found.Memo); owner != a.taskQueue {
		return Change{}, foreign(check.Service, owner)
	}
	diff := compare(found.Schedule, check, a.taskQueue)
	change := Change{Service: check.Service, Action: Changed, Detail: diff.String()}
	if diff.none() {
		return Change{Service: check.Service, Action: Unchanged}, nil
	}
	if a.dryRun {
		return change, nil
	}
	if err := a.update(ctx, check); err != nil {
		return Change{}, fmt.Errorf("update its schedule: %w", err)
	}
	return change, a.tell(ctx, check, diff.moved)
}

// foreign is the error of a schedule that another deployment owns.
func foreign(service, owner string) error {
	if owner == "" {
		return fmt.Errorf("its schedule %s was not made by paramedic: delete it, or rename the service",
			workflows.ScheduleID(service))
	}
	return fmt.Errorf("its schedule %s belongs to the paramedic on task queue %q: rename the service, or use a namespace of your own",
		workflows.ScheduleID(service), owner)
}

// update replaces what a schedule does and when. Its state stays: a pause set
// by hand is not taken back.
func (a applier) update(ctx context.Context, check workflows.Check) error {
	return a.schedule(ctx, check.Service).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(input client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			schedule := input.Description.Schedule
			if compare(schedule, check, a.taskQueue).none() {
				return nil, temporal.ErrSkipScheduleUpdate
			}
			want := spec(check)
			schedule.Spec, schedule.Action, schedule.Policy = &want, action(check, a.taskQueue), policy()
			return &client.ScheduleUpdate{Schedule: &schedule}, nil
		},
	})
}

func notFound(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}
