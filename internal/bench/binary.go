package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// workerTime is how long the built worker is watched.
	workerTime = 3 * time.Minute
	// workerStop is how long it may take to stop.
	workerStop = 30 * time.Second
)

// fourServices are what the built worker watches.
var fourServices = []string{"clickhouse", "dragonfly", "r2", "supabase"}

// measureWorker builds the worker as it is shipped, starts it on an empty
// directory, and watches its memory and its first probes from outside.
func measureWorker(ctx context.Context, scale float64, say progress) (_ values, err error) {
	dir, err := os.MkdirTemp("", "paramedic-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	say("building the worker, with and without the server")
	size, err := build(ctx, filepath.Join(dir, "worker"))
	if err != nil {
		return nil, err
	}
	small, err := build(ctx, filepath.Join(dir, "worker-noembed"), "-tags", "noembed")
	if err != nil {
		return nil, err
	}
	found := values{"size_mb": size, "size_noembed_mb": small}
	return found, watchWorker(ctx, dir, time.Duration(scale*float64(workerTime)), found, say)
}

// build makes a stripped binary and returns its size in MB.
func build(ctx context.Context, output string, flags ...string) (float64, error) {
	args := append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", output}, flags...)
	command := exec.CommandContext(ctx, "go", append(args, "paramedic/worker")...)
	if text, err := command.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building the worker: %w\n%s", err, text)
	}
	info, err := os.Stat(output)
	if err != nil {
		return 0, fmt.Errorf("building the worker: %w", err)
	}
	return float64(info.Size()) / 1e6, nil
}

// watchWorker runs the worker for a while and fills in what it found.
func watchWorker(ctx context.Context, dir string, watched time.Duration, found values, say progress) error {
	first := &firstProbes{seen: map[string]time.Time{}}
	server := httptest.NewServer(first)
	defer server.Close()
	command, log, err := workerCommand(ctx, dir, server.URL)
	if err != nil {
		return err
	}
	started := time.Now()
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting the worker: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }() // stopWorker waits for it
	say("watching the worker for %s", watched)
	err = sampleMemory(ctx, command.Process.Pid, watched, found)
	err = errors.Join(err, stopWorker(command, ended), first.report(started, found))
	if err != nil {
		return fmt.Errorf("%w\nthe worker said:\n%s", err, log.String())
	}
	return nil
}

// workerCommand is the built worker on a configuration of four services.
func workerCommand(ctx context.Context, dir, url string) (*exec.Cmd, *bytes.Buffer, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "http: {listen: %q}\nservices:\n", listen)
	for _, name := range fourServices {
		fmt.Fprintf(&text, "  - {name: %s, probe: {http: {url: %q}}}\n", name, url+"/"+name)
	}
	file := filepath.Join(dir, "paramedic.yml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return nil, nil, fmt.Errorf("writing the worker's configuration: %w", err)
	}
	command := exec.CommandContext(ctx, filepath.Join(dir, "worker"), "--config", file,
		"--data", filepath.Join(dir, "data"), "--ui-port", "0", "--temporal-port", "0")
	command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "TEMPORAL_")
	})
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = workerStop
	log := &bytes.Buffer{}
	command.Stdout, command.Stderr = log, log
	return command, log, nil
}

// sampleMemory looks at the memory of a process until the time is over, and
// keeps what it was after each third of it, and at its highest.
func sampleMemory(ctx context.Context, pid int, watched time.Duration, found values) error {
	found["seconds"] = watched.Seconds()
	for third := 1; third <= 3; third++ {
		if err := sleep(ctx, watched/3); err != nil {
			return err
		}
		now, highest, err := residentMB(pid)
		if err != nil {
			return err
		}
		found[fmt.Sprintf("rss_%d_mb", third)], found["rss_max_mb"] = now, highest
	}
	return nil
}

// stopWorker ends the worker as a service manager does.
func stopWorker(command *exec.Cmd, ended <-chan error) error {
	// It may have ended by itself, which ended tells.
	_ = command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("the worker: %w", err)
		}
		return nil
	case <-time.After(workerStop):
		_ = command.Process.Kill()
		<-ended
		return fmt.Errorf("the worker did not stop within %s", workerStop)
	}
}

// firstProbes is the web server that the worker's probes reach.
type firstProbes struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

// ServeHTTP implements http.Handler.
func (f *firstProbes) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.seen[r.URL.Path]; !known {
		f.seen[r.URL.Path] = time.Now()
	}
}

// report fills in when the first and the last service were first probed.
func (f *firstProbes) report(started time.Time, found values) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.seen) < len(fourServices) {
		return fmt.Errorf("only %d of %d services were probed", len(f.seen), len(fourServices))
	}
	var delays []time.Duration
	for _, at := range f.seen {
		delays = append(delays, at.Sub(started))
	}
	found["first_probe"], found["all_probed"] = quantile(delays, 0), quantile(delays, 1)
	return nil
}
