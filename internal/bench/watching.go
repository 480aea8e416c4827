package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"paramedic/internal/apply"
	"paramedic/internal/config"
	"paramedic/internal/fleet"
)

// watching is a fleet of healthy services that is watched for a while.
type watching struct {
	services int
	interval time.Duration
	// warmUp is not measured: everything starts at once, which no later minute
	// looks like. window is.
	warmUp, window time.Duration
	// schedule puts the services on duty; nil means as paramedic does.
	schedule func(context.Context, *deployment, *config.Config) error
	// real probes connect to a port; without, a probe costs nothing, so that
	// only what surrounds it is compared.
	real bool
}

// tickWindow is one whole watch of services that are probed every 10 s, so
// that each hands over once.
const tickWindow = 100 * time.Second

func measureMonitorTick(ctx context.Context, scale float64, say progress) (values, error) {
	return watching{
		services: 300, interval: 10 * time.Second, warmUp: time.Minute, window: tickWindow,
	}.scaled(scale).measure(ctx, say)
}

func measurePlainTick(ctx context.Context, scale float64, say progress) (values, error) {
	return watching{
		services: 300, interval: 10 * time.Second, warmUp: time.Minute, window: tickWindow,
		schedule: func(ctx context.Context, d *deployment, cfg *config.Config) error {
			return schedulePlainly(ctx, d.Client, cfg, apply.TaskQueue(cfg))
		},
	}.scaled(scale).measure(ctx, say)
}

func measureFleet(ctx context.Context, scale float64, say progress) (values, error) {
	return watching{
		services: 1500, interval: time.Minute, warmUp: 90 * time.Second, window: 3 * time.Minute, real: true,
	}.scaled(scale).measure(ctx, say)
}

// scaled stretches the time; the number of services and their pace are what is
// measured, and stay.
func (w watching) scaled(scale float64) watching {
	w.warmUp = time.Duration(scale * float64(w.warmUp))
	w.window = time.Duration(scale * float64(w.window))
	return w
}

func (w watching) measure(ctx context.Context, say progress) (_ values, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for probes: %w", err)
	}
	var welcoming sync.WaitGroup
	welcoming.Go(func() { welcome(listener) })
	defer func() {
		_ = listener.Close()
		welcoming.Wait()
	}()
	cfg, err := w.config(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	opened, err := fleet.New(cfg, discard, nil)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	c := newClock(cfg, opened, w.real)
	d, err := deploy(ctx, cfg, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	say("putting %d services on duty", w.services)
	if err := w.start(ctx, d, cfg); err != nil {
		return nil, err
	}
	say("warming up for %s, then measuring for %s", w.warmUp, w.window)
	return w.observe(ctx, d, c)
}

func (w watching) start(ctx context.Context, d *deployment, cfg *config.Config) error {
	if w.schedule != nil {
		return w.schedule(ctx, d, cfg)
	}
	_, err := apply.Apply(ctx, d.Client, cfg, false)
	return err
}

// observe measures one window.
func (w watching) observe(ctx context.Context, d *deployment, c *clock) (values, error) {
	// Ticks lie on whole seconds: a window that begins just before one cuts
	// none in two.
	begin := time.Now().Add(w.warmUp).Truncate(time.Second).Add(-20 * time.Millisecond)
	if err := sleep(ctx, time.Until(begin)); err != nil {
		return nil, err
	}
	before, err := look(d.dir)
	if err != nil {
		return nil, err
	}
	c.start(before.at)
	if err := sleep(ctx, w.window); err != nil {
		return nil, err
	}
	after, err := look(d.dir)
	if err != nil {
		return nil, err
	}
	lateness, missing := c.stop(after.at)
	if len(lateness) == 0 {
		return nil, errors.New("no tick was made in the whole window")
	}
	return w.found(before, after, lateness, missing), nil
}

// found turns the two ends of a window and what lay between them into values.
func (w watching) found(before, after moment, lateness []time.Duration, missing int) values {
	ticks := float64(len(lateness))
	took, cpu := after.at.Sub(before.at), after.cpu-before.cpu
	return values{
		"services":       float64(w.services),
		"interval":       milliseconds(w.interval),
		"ticks":          ticks,
		"missing":        float64(missing),
		"made":           ticks / (float64(w.services) * float64(took) / float64(w.interval)),
		"cpu_per_tick":   milliseconds(cpu) / ticks,
		"bytes_per_tick": float64(after.database-before.database) / ticks,
		"cores":          float64(cpu) / float64(took),
		"rss_mb":         after.rss,
		"late_p50":       quantile(lateness, 0.5),
		"late_p99":       quantile(lateness, 0.99),
		"late_max":       quantile(lateness, 1),
	}
}

// moment is what this process has used and stored at one time.
type moment struct {
	at       time.Time
	cpu      time.Duration
	rss      float64
	database int64
}

func look(dir string) (moment, error) {
	m := moment{at: time.Now()}
	var errs [3]error
	m.cpu, errs[0] = cpuTime(os.Getpid())
	m.rss, _, errs[1] = residentMB(os.Getpid())
	m.database, errs[2] = databaseBytes(dir)
	return m, errors.Join(errs[:]...)
}

// config is a configuration of services whose probes all connect to address.
func (w watching) config(address string) (*config.Config, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "defaults: {interval: %s}\nservices:\n", w.interval)
	for i := range w.services {
		fmt.Fprintf(&text, "  - {name: service-%04d, probe: {tcp: {address: %q}}}\n", i, address)
	}
	return config.Parse("bench.yml", []byte(text.String()), noEnvironment)
}

func noEnvironment(string) (string, bool) { return "", false }

// welcome accepts and closes connections until the listener is closed.
func welcome(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		_ = connection.Close()
	}
}

// sleep waits for d unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
