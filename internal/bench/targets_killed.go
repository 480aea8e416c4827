package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"paramedic/internal/apply"
	"paramedic/internal/devserver"
	"paramedic/workflows"
)

const (
	// killEvery is the time between two kills, killTime how long they go on.
	killEvery = 20 * time.Second
	killTime  = 5 * time.Minute
	// killInterval is the time between two probes: short, so that a batch that
	// is lost with its worker weighs the more.
	killInterval = 20 * time.Second
	killTargets  = 2000
	// killFailing is how many targets fail from then on.
	killFailing = 20
)

// measureTargetsKilled has two workers share the batches of a fleet, and kills
// one of them, in turn, again and again.
func measureTargetsKilled(ctx context.Context, scale float64, say progress) (_ values, err error) {
	dir, err := os.MkdirTemp("", "paramedic-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := devserver.Start(ctx, devserver.Options{
		Dir: dir, Log: slog.New(slog.DiscardHandler), SearchAttributes: apply.SearchAttributes(),
	})
	if err != nil {
		return nil, err
	}
	found, err := pairOn(ctx, dir, server, time.Duration(scale*float64(killTime)), say)
	return found, errors.Join(err, server.Stop())
}

// pairOn runs two workers on a server for a while.
func pairOn(ctx context.Context, dir string, server *devserver.Server, lasts time.Duration, say progress) (_ values, err error) {
	site, err := openTown(ctx, killTargets)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, site.close()) }()
	p := &pair{dir: dir, server: server, site: site}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.prepare(ctx); err != nil {
		return nil, err
	}
	watched := &watched{dir: dir, site: site, ended: make(chan error)}
	if _, err := watched.awaitAll(ctx); err != nil {
		return nil, err
	}
	if err := sleep(ctx, killInterval); err != nil {
		return nil, err
	}
	say("killing one of two workers every %s for %s", killEvery, lasts)
	site.openWindow()
	site.failing.Store(killFailing)
	kills := 0
	for begun := time.Now(); time.Since(begun) < lasts; kills++ {
		if err := errors.Join(sleep(ctx, killEvery), p.killAndStart(ctx, kills%len(p.workers))); err != nil {
			return nil, err
		}
	}
	if err := sleep(ctx, killEvery); err != nil { // what the last one has left behind counts too
		return nil, err
	}
	gaps := site.gaps(0)
	found := values{
		"targets": killTargets, "interval": milliseconds(killInterval), "kills": float64(kills), "failing": killFailing,
		"gap_max": quantile(gaps, 1), "gap_p99": quantile(gaps, 0.99), "probes": float64(site.probes.Load()),
	}
	return found, p.count(ctx, found)
}

// pair are two workers of one deployment on a server of their own.
type pair struct {
	dir     string
	server  *devserver.Server
	site    *town
	workers [2]*exec.Cmd
}

func (p *pair) prepare(ctx context.Context) error {
	if _, err := build(ctx, filepath.Join(p.dir, "worker"), "-tags", "noembed"); err != nil {
		return err
	}
	if err := p.site.write(filepath.Join(p.dir, "targets.json")); err != nil {
		return err
	}
	fleet := targetFleet{targets: killTargets, interval: killInterval}
	text := fleet.configuration("127.0.0.1:0") + "    fleet: {batch: 200, max_open_incidents: 100}\n"
	if err := os.WriteFile(filepath.Join(p.dir, "paramedic.yml"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the workers' configuration: %w", err)
	}
	for i := range p.workers {
		if err := p.start(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (p *pair) start(ctx context.Context, i int) error {
	command := exec.CommandContext(ctx, filepath.Join(p.dir, "worker"), "--config", filepath.Join(p.dir, "paramedic.yml"),
		"--data", filepath.Join(p.dir, "data")) // workers of one machine may share a store
	command.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+p.server.Address(), "TEMPORAL_NAMESPACE="+p.server.Namespace())
	log, err := os.OpenFile(filepath.Join(p.dir, fmt.Sprintf("worker%d.log", i)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening a log: %w", err)
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting worker %d: %w", i+1, err)
	}
	p.workers[i] = command
	return nil
}

// killAndStart kills a worker as a machine does that fails, and starts it anew.
func (p *pair) killAndStart(ctx context.Context, i int) error {
	if err := p.workers[i].Process.Signal(syscall.SIGKILL); err != nil {
		log, _ := os.ReadFile(filepath.Join(p.dir, fmt.Sprintf("worker%d.log", i)))
		return fmt.Errorf("killing worker %d: %w\nit said:\n%s", i+1, err, log[max(0, len(log)-4000):])
	}
	_ = p.workers[i].Wait() // killed
	return p.start(ctx, i)
}

func (p *pair) stop() error {
	var errs []error
	for _, command := range p.workers {
		if command != nil {
			ended := make(chan error, 1)
			go func() { ended <- command.Wait() }() // stopWorker waits for it
			errs = append(errs, stopWorker(command, ended))
		}
	}
	return errors.Join(errs...)
}

// count looks how many incidents each failing target has had.
func (p *pair) count(ctx context.Context, found values) error {
	temporal, err := client.DialContext(ctx, client.Options{
		HostPort: p.server.Address(), Namespace: p.server.Namespace(),
		Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return fmt.Errorf("connecting to the server: %w", err)
	}
	defer temporal.Close()
	incidents := map[string]int{}
	var page []byte
	for {
		runs, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: fmt.Sprintf("WorkflowType = '%s'", workflows.RemediationType), NextPageToken: page,
		})
		if err != nil {
			return fmt.Errorf("listing the incidents: %w", err)
		}
		for _, run := range runs.GetExecutions() {
			incidents[run.GetExecution().GetWorkflowId()]++
		}
		if page = runs.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	for i := range killFailing {
		switch count := incidents[workflows.RemediationID("shops", p.site.address(i))]; {
		case count == 0:
			found["lost"]++
		case count > 1:
			found["twice"]++
		}
	}
	found["incidents"] = float64(len(incidents))
	return nil
}

func killedRows(measured map[string]values) []row {
	m := measured["targets-killed"]
	return []row{
		below(fmt.Sprintf("%.0f targets every %s, two workers, one killed every %s, %.0f times: longest time between two probes",
			m["targets"], time.Duration(m["interval"])*time.Millisecond, killEvery, m["kills"]), m["gap_max"], 2*m["interval"], "ms"),
		info("  99th percentile of the targets", "%.0f ms", m["gap_p99"]),
		exactly(fmt.Sprintf("  targets that fail (%.0f) without an incident", m["failing"]), m["lost"], 0),
		exactly("  with more than one", m["twice"], 0),
		exactly("  incidents of targets that do not fail", m["incidents"]-(m["failing"]-m["lost"]), 0),
	}
}
