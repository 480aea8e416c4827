package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"paramedic/activities"
	"paramedic/internal/apply"
	"paramedic/internal/config"
	"paramedic/internal/devserver"
	"paramedic/workflows"
)

// deployment is paramedic in this process: the embedded server on a fresh
// directory, and a worker with the options of the real one.
type deployment struct {
	client.Client
	dir    string
	server *devserver.Server
	worker worker.Worker
	record *record
}

// deploy starts a deployment that reaches the outside through world. The caller
// closes it.
func deploy(
	ctx context.Context, cfg *config.Config, world activities.World, interceptors ...interceptor.WorkerInterceptor,
) (*deployment, error) {
	dir, err := os.MkdirTemp("", "paramedic-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a data directory: %w", err)
	}
	d := &deployment{dir: dir}
	if err := d.start(ctx, cfg, world, interceptors); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *deployment) start(
	ctx context.Context, cfg *config.Config, world activities.World, interceptors []interceptor.WorkerInterceptor,
) error {
	quiet := slog.New(slog.DiscardHandler)
	var err error
	d.server, err = devserver.Start(ctx, devserver.Options{
		Dir: d.dir, Log: quiet, SearchAttributes: apply.SearchAttributes(),
	})
	if err != nil {
		return err
	}
	d.Client, err = client.DialContext(ctx, client.Options{
		HostPort: d.server.Address(), Namespace: d.server.Namespace(), Logger: sdklog.NewStructuredLogger(quiet),
	})
	if err != nil {
		return fmt.Errorf("connecting to the embedded server: %w", err)
	}
	if d.record, err = keepRecord(ctx, d.dir); err != nil {
		return err
	}
	options := workflows.WorkerOptions()
	options.Interceptors = append(interceptors, workflows.Recording(d.record))
	w := worker.New(d.Client, apply.TaskQueue(cfg), options)
	workflows.Register(w)
	activities.Register(w, recorded{world, d.record}, d.record, d.Client)
	if surveyor, ok := world.(activities.Surveyor); ok {
		activities.RegisterBatches(w, surveyor)
	}
	w.RegisterWorkflow(plainTick)
	if err := w.Start(); err != nil {
		return fmt.Errorf("starting the Temporal worker: %w", err)
	}
	d.worker = w
	return nil
}

// Close stops what was started and removes the data.
func (d *deployment) Close() error {
	var errs []error
	if d.worker != nil {
		d.worker.Stop()
	}
	if d.Client != nil {
		d.Client.Close()
	}
	if d.record != nil {
		errs = append(errs, d.record.Close())
	}
	if d.server != nil {
		errs = append(errs, d.server.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}
