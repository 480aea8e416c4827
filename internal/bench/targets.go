package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// targetsInterval is the usual time between two probes of a target.
	targetsInterval = time.Minute
	// targetsWindow is how long a fleet is measured, after an interval in which
	// it comes on duty and another in which it finds its pace.
	targetsWindow = 4 * time.Minute
	// seenLimit is how long it may take until all targets are under watch.
	seenLimit = 3 * time.Minute
)

// targetFleet is a service with many targets, watched by the built worker as
// users start it: the embedded server, the store and the pages in one process.
type targetFleet struct {
	targets          int
	interval, window time.Duration
	// failing is how many of the targets begin to fail in the middle; silent
	// ones take what they are asked and say nothing.
	failing int
	silent  bool
}

// scaled stretches the times.
func (f targetFleet) scaled(scale float64) targetFleet {
	f.window = max(f.interval, time.Duration(scale*float64(f.window)))
	return f
}

// watched is a worker that looks after a town.
type watched struct {
	dir, address string
	site         *town
	command      *exec.Cmd
	ended        chan error
	log          *bytes.Buffer
}

// watch builds a worker and puts a fleet on duty.
func (f targetFleet) watch(ctx context.Context, dir string) (*watched, error) {
	if _, err := build(ctx, filepath.Join(dir, "worker")); err != nil {
		return nil, err
	}
	site, err := openTown(ctx, f.targets)
	if err != nil {
		return nil, err
	}
	site.silent = f.silent
	w := &watched{dir: dir, site: site, ended: make(chan error, 1)}
	if err := errors.Join(site.write(filepath.Join(dir, "targets.json")), w.start(ctx, f)); err != nil {
		return nil, errors.Join(err, site.close())
	}
	return w, nil
}

// configuration is what the worker is told.
func (f targetFleet) configuration(listen string) string {
	return fmt.Sprintf(`
http: {listen: %q}
services:
  - name: shops
    interval: %s
    timeout: %s
    targets: {file_sd: targets.json}
    probe: {http: {url: "http://{{target}}/health", expect: ["status == 200", "body.ok == true"]}}
    alerts: [log]
`, listen, f.interval, min(10*time.Second, f.interval))
}

func (w *watched) start(ctx context.Context, f targetFleet) error {
	var err error
	if w.address, err = freeAddress(); err != nil {
		return err
	}
	file := filepath.Join(w.dir, "paramedic.yml")
	if err := os.WriteFile(file, []byte(f.configuration(w.address)), 0o600); err != nil {
		return fmt.Errorf("writing the worker's configuration: %w", err)
	}
	w.command = exec.CommandContext(ctx, filepath.Join(w.dir, "worker"), "--config", file,
		"--data", filepath.Join(w.dir, "data"), "--ui-port", "0", "--temporal-port", "0")
	w.command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "TEMPORAL_")
	})
	w.command.Cancel = func() error { return w.command.Process.Signal(syscall.SIGTERM) }
	w.command.WaitDelay = workerStop
	w.log = &bytes.Buffer{}
	w.command.Stdout, w.command.Stderr = w.log, w.log
	if err := w.command.Start(); err != nil {
		return fmt.Errorf("starting the worker: %w", err)
	}
	go func() { w.ended <- w.command.Wait() }() // close waits for it
	return nil
}

// close ends the worker and the town. If something has failed, it adds what the
// worker said.
func (w *watched) close(failed error) error {
	err := errors.Join(failed, stopWorker(w.command, w.ended), w.site.close())
	if err != nil {
		said := w.log.String()
		return fmt.Errorf("%w\nthe worker said:\n%s", err, said[max(0, len(said)-4000):])
	}
	return nil
}

// awaitAll waits until every target was probed, and returns how long that took.
func (w *watched) awaitAll(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	for w.site.seen() < len(w.site.last) {
		if time.Since(begun) > seenLimit {
			return 0, fmt.Errorf("only %d of %d targets were probed in %s", w.site.seen(), len(w.site.last), seenLimit)
		}
		select {
		case err := <-w.ended:
			w.ended <- err
			return 0, fmt.Errorf("the worker ended: %w", err)
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return time.Since(begun), nil
}

// measure puts the fleet on duty and measures what it costs.
func (f targetFleet) measure(ctx context.Context, say progress) (_ values, err error) {
	dir, err := os.MkdirTemp("", "paramedic-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	say("building the worker and putting %d targets on duty", f.targets)
	w, err := f.watch(ctx, dir)
	if err != nil {
		return nil, err
	}
	found, err := f.look(ctx, w, say)
	return found, w.close(err)
}

// look measures a fleet that is on duty.
func (f targetFleet) look(ctx context.Context, w *watched, say progress) (values, error) {
	all, err := w.awaitAll(ctx)
	if err != nil {
		return nil, err
	}
	found := values{
		"targets": float64(f.targets), "interval": milliseconds(f.interval), "window": milliseconds(f.window),
		"all_watched": milliseconds(all),
	}
	if err := sleep(ctx, max(f.interval, 10*time.Second)); err != nil {
		return nil, err
	}
	say("all are under watch after %s; measuring for %s", all.Round(time.Millisecond), f.window)
	w.site.openWindow()
	before, err := w.take()
	if err != nil {
		return nil, err
	}
	if f.failing > 0 {
		if err := f.strike(ctx, w, found, say); err != nil {
			return nil, err
		}
	} else if err := sleep(ctx, f.window); err != nil {
		return nil, err
	}
	after, err := w.take()
	if err != nil {
		return nil, err
	}
	found.compare(before, after)
	gaps := w.site.gaps(f.failing)
	found["gap_max"], found["gap_p99"] = quantile(gaps, 1), quantile(gaps, 0.99)
	now, highest, err := residentMB(w.command.Process.Pid)
	found["rss_mb"], found["rss_max_mb"] = now, highest
	return found, err
}
