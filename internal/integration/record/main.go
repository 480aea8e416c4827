// Command record runs the workflows against a real Temporal server and writes
// their histories for the replay tests, one file a path through the code. Run
// it by `make histories` after a change that is meant to change histories;
// the services, remedies and receivers in it are scripts, Temporal is not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"golang.org/x/sync/errgroup"

	"paramedic/activities"
	"paramedic/internal/apply"
	"paramedic/internal/devserver"
	"paramedic/workflows"
)

func main() {
	out := flag.String("out", "workflows/testdata", "directory for the histories")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

// limit is how long the whole recording may take; it takes about two minutes.
const limit = 4 * time.Minute

func run(ctx context.Context, out string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		return fmt.Errorf("a directory for the server: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	quiet := slog.New(slog.DiscardHandler)
	server, err := devserver.Start(ctx, devserver.Options{Dir: dir, Log: quiet, SearchAttributes: apply.SearchAttributes()})
	if err != nil {
		return fmt.Errorf("starting the Temporal server: %w", err)
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	temporal, err := client.DialContext(ctx, client.Options{
		HostPort: server.Address(), Namespace: server.Namespace(), Logger: sdklog.NewStructuredLogger(quiet),
		Identity: "recorder", // not the name of this machine
	})
	if err != nil {
		return fmt.Errorf("connecting to the Temporal server: %w", err)
	}
	defer temporal.Close()

	s := newStage(temporal)
	w := worker.New(temporal, workflows.TaskQueue, worker.Options{})
	workflows.Register(w)
	activities.Register(w, s, s, temporal)
	activities.RegisterBatches(w, s)
	if err := w.Start(); err != nil {
		return fmt.Errorf("starting the worker: %w", err)
	}
	defer w.Stop()
	return play(ctx, s, out)
}

// play runs all scenes side by side and keeps the histories that they name.
func play(ctx context.Context, s *stage, out string) error {
	group, ctx := errgroup.WithContext(ctx)
	for name, scene := range scenes {
		group.Go(func() error {
			runs, err := scene(ctx, s)
			if err != nil {
				return fmt.Errorf("scene %s: %w", name, err)
			}
			for file, run := range runs {
				if err := save(ctx, s.temporal, run, out, file); err != nil {
					return err
				}
				fmt.Println("recorded", file)
			}
			return nil
		})
	}
	return group.Wait()
}
