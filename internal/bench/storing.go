package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

const (
	// storeRate is how many results a second the store is given: more than the
	// target, so that it is the store that is measured.
	storeRate    = 11_000
	storeTargets = 2000
	// storeTime is how long, at scale 1.
	storeTime = 20 * time.Second
	// storeBacklog is how many wait after an outage, within what a Writer keeps.
	storeBacklog = 150_000
	// storeTick is how often results are put and looked for.
	storeTick = 5 * time.Millisecond
)

// storing puts results one by one before a Writer of a SQLite file, and notes
// when each came in and was committed.
type storing struct {
	writer *store.Writer
	random *rand.Rand
	// put are the times at which the results came in, in their order.
	put []time.Time
	// ages are those of the results that are committed.
	ages []time.Duration
}

// measureStore writes results at a steady rate, and then all at once what an
// outage of the store would leave.
func measureStore(ctx context.Context, scale float64, say progress) (_ values, err error) {
	dir, err := os.MkdirTemp("", "paramedic-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "paramedic.db")
	s, err := store.Open(ctx, path, discard)
	if err != nil {
		return nil, err
	}
	b := &storing{
		writer: store.NewWriter(s, store.WriterOptions{Log: discard}),
		random: rand.New(rand.NewPCG(1, 2)),
	}
	running, stop := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- b.writer.Run(running) }()
	measured, err := b.measure(ctx, time.Duration(scale*float64(storeTime)), say)
	stop()
	// Closing moves the write-ahead log into the file, which is measured then.
	if err := errors.Join(err, <-ran, s.Close()); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("measuring the database: %w", err)
	}
	measured["bytes"] = float64(info.Size()) / float64(len(b.put))
	return measured, nil
}

func (b *storing) measure(ctx context.Context, window time.Duration, say progress) (values, error) {
	say("writing %d results a second of %d targets for %v", storeRate, storeTargets, window)
	busy, err := cpuTime(os.Getpid())
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := b.feed(ctx, begun, window); err != nil {
		return nil, err
	}
	// What is not committed by now was not written at this rate.
	took, written := time.Since(begun), len(b.ages)
	if err := b.finish(ctx); err != nil {
		return nil, err
	}
	steady := len(b.put)
	after, err := cpuTime(os.Getpid())
	if err != nil {
		return nil, err
	}
	measured := values{
		"targets": storeTargets,
		"rate":    float64(written) / took.Seconds(),
		"age_p50": quantile(b.ages, 0.5), "age_p99": quantile(b.ages, 0.99),
		"cpu_us": float64((after - busy).Microseconds()) / float64(steady),
	}
	backlog := min(steady, storeBacklog)
	say("catching up with %d results", backlog)
	back := time.Now()
	b.putUntil(steady+backlog, back)
	if err := b.finish(ctx); err != nil {
		return nil, err
	}
	measured["backlog_rate"] = float64(backlog) / time.Since(back).Seconds()
	stats := b.writer.Stats()
	measured["all"] = float64(len(b.put))
	measured["lost"] = float64(stats.Dropped + stats.Refused + len(b.put) - stats.Written)
	return measured, nil
}

// feed puts results at their rate for a while, and on until the first of them
// is committed: a disk that is busy with something else may take longer than a
// short window for that, and a window without a commit measures nothing.
func (b *storing) feed(ctx context.Context, begun time.Time, window time.Duration) error {
	tick := time.NewTicker(storeTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			b.note()
			if now.Sub(begun) >= window && len(b.ages) > 0 {
				return nil
			}
			if err := b.refused(); err != nil {
				return err
			}
			b.putUntil(int(now.Sub(begun).Seconds()*storeRate), now)
		}
	}
}

// finish waits until all is committed.
func (b *storing) finish(ctx context.Context) error {
	tick := time.NewTicker(storeTick)
	defer tick.Stop()
	for b.note(); len(b.ages) < len(b.put); b.note() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := b.refused(); err != nil {
			return err
		}
	}
	return nil
}

// refused says so when the store does not take everything.
func (b *storing) refused() error {
	if stats := b.writer.Stats(); stats.Dropped+stats.Refused > 0 || stats.LastError != "" {
		return fmt.Errorf("the store does not take everything: %+v", stats)
	}
	return nil
}

// note notes the results that were committed since it did last.
func (b *storing) note() {
	now := time.Now()
	for written := b.writer.Stats().Written; len(b.ages) < min(written, len(b.put)); {
		b.ages = append(b.ages, now.Sub(b.put[len(b.ages)]))
	}
}

// putUntil puts results until there are n of them.
func (b *storing) putUntil(n int, now time.Time) {
	for i := len(b.put); i < n; i++ {
		// The targets take turns, so that no two results of one share a time.
		at := now.Add(time.Duration(i/storeTargets) * time.Millisecond)
		b.writer.Put(store.Batch{Results: []store.Result{b.result(i, at)}})
		b.put = append(b.put, now)
	}
}

// result is as a probe of a web server gives it; one in a hundred failed.
func (b *storing) result(i int, at time.Time) store.Result {
	r := health.Result{
		Status: health.Healthy, At: at.UTC(), LatencyMS: 5 + 20*b.random.Float64(), Message: "200 OK",
		Observations: map[string]float64{"status_code": 200, "bytes": float64(b.random.IntN(10_000))},
	}
	if b.random.IntN(100) == 0 {
		r.Status, r.Message = health.Unhealthy, "503 Service Unavailable: no server is available to handle this request"
	}
	return store.Result{Key: store.Key{Service: fmt.Sprintf("service-%04d", i%storeTargets)}, Result: r}
}

func storeRows(measured map[string]values) []row {
	m := measured["store"]
	what := fmt.Sprintf("results of %.0f targets written to SQLite, one by one, in a second", m["targets"])
	return []row{
		atLeast(what, m["rate"], 10_000, ""),
		exactly(fmt.Sprintf("  lost of %.0f", m["all"]), m["lost"], 0),
		info("  age of a result when it is committed: median, 99th percentile", "%.0f, %.0f ms", m["age_p50"], m["age_p99"]),
		info("  CPU of a result", "%.0f µs", m["cpu_us"]),
		info("  bytes of a result on disk", "%.0f", m["bytes"]),
		info("  the same after an outage, all waiting, in a second", "%.0f", m["backlog_rate"]),
	}
}
