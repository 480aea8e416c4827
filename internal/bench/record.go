package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"paramedic/activities"
	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
)

// record is the read model of a deployment: what a worker shows and stores.
type record struct {
	*board.Board
	store *store.Store
	stop  context.CancelFunc
	ended chan error
}

// keepRecord opens a store in a directory and writes to it until it is closed.
func keepRecord(ctx context.Context, dir string) (*record, error) {
	quiet := slog.New(slog.DiscardHandler)
	opened, err := store.Open(ctx, filepath.Join(dir, "paramedic.db"), quiet)
	if err != nil {
		return nil, fmt.Errorf("opening a store: %w", err)
	}
	writer := store.NewWriter(opened, store.WriterOptions{Log: quiet})
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &record{Board: board.New(writer, quiet), store: opened, stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- writer.Run(ctx) }()
	return r, nil
}

// Close writes what is left and closes the store.
func (r *record) Close() error {
	r.stop()
	return errors.Join(<-r.ended, r.store.Close())
}

// recorded is a world whose probes are shown and stored.
type recorded struct {
	activities.World
	record *record
}

// Probe implements activities.Prober.
func (r recorded) Probe(ctx context.Context, service, target string) (health.Result, error) {
	result, err := r.World.Probe(ctx, service, target)
	if err == nil {
		r.record.Probed(service, target, result)
	}
	return result, err
}
