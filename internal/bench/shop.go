package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/metrics"
	"paramedic/internal/store"
	"paramedic/internal/supervise"
	"paramedic/internal/web"
	"paramedic/internal/web/access"
	"paramedic/internal/web/pages"
	"paramedic/internal/web/route"
)

// shop is all that a worker shows of a fleet, put together as the worker does
// it, and served on loopback: a store with a past, the Writer before it, the
// board, the pages and the metrics. Its services are probed all the while.
type shop struct {
	past    *past
	store   *store.Store
	writer  *store.Writer
	board   *board.Board
	metrics *metrics.Metrics
	// address is that of the pages, "http://host:port".
	address string
	// loaded is how long the board took to show what was stored.
	loaded time.Duration
	// standings are what was said of each service last.
	standings []health.Standing
}

// openShop fills a store, shows it, and calls do while all of it runs. Single
// results are kept for so long.
func openShop(ctx context.Context, p *past, results time.Duration, say progress, do func(context.Context, *shop) error) (err error) {
	dir, err := os.MkdirTemp("", "paramedic-bench-")
	if err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path, now := filepath.Join(dir, "paramedic.db"), time.Now()
	say("storing what %d services went through since %s", p.services, p.begun.Format(time.DateOnly))
	keep := store.DefaultRetention
	keep.Results = results
	probes, err := p.keep(ctx, path, now, keep)
	if err != nil {
		return err
	}
	say("stored after %.0f s", time.Since(now).Seconds())
	debug.FreeOSMemory() // the memory that this took is none of what is measured
	s, err := store.Open(ctx, path, discard)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return newShop(p, s, probes).run(ctx, probes, do)
}

func newShop(p *past, s *store.Store, probes int) *shop {
	w := store.NewWriter(s, store.WriterOptions{Log: discard})
	b := board.New(w, discard)
	b.Keep(p.configured())
	shop := &shop{past: p, store: s, writer: w, board: b, standings: make([]health.Standing, p.services)}
	for service := range shop.standings {
		shop.standings[service] = p.standing(service, probes-1)
	}
	shop.metrics = metrics.New(metrics.Options{
		Board: b, Store: shop.buffer, Health: working, Permits: func() int { return 0 }, Log: discard,
	})
	return shop
}

// run opens the shop, as long as do goes on.
func (s *shop) run(ctx context.Context, probes int, do func(context.Context, *shop) error) error {
	feed, begun := store.NewFeed(s.store, nil), time.Now()
	if err := s.board.Load(ctx, s.store, feed); err != nil {
		return err
	}
	s.loaded = time.Since(begun)
	handler, err := s.site(ctx)
	if err != nil {
		return err
	}
	listener, err := web.Listen(ctx, "127.0.0.1:0", false)
	if err != nil {
		return err
	}
	s.address = "http://" + listener.Addr().String()
	running, stop := context.WithCancel(ctx)
	defer stop()
	group, running := errgroup.WithContext(running)
	group.Go(func() error { return s.writer.Run(running) })
	group.Go(func() error {
		s.board.Run(running, s.store, feed)
		return nil
	})
	next := s.catchUp(probes)
	group.Go(func() error { return s.probe(running, next) })
	group.Go(func() error { return serve(running, listener, handler) })
	group.Go(func() error {
		defer stop()
		return do(running, s)
	})
	return group.Wait()
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	return web.Serve(ctx, listener, handler, func() {})
}

// site is what is served: the pages and the metrics.
func (s *shop) site(ctx context.Context) (http.Handler, error) {
	people, err := pages.New(pages.Options{
		Board: s.board, Store: s.store, Health: working, Log: discard, Version: "bench", Done: ctx.Done(),
	})
	if err != nil {
		return nil, err
	}
	guard, err := access.New(ctx, access.Options{Log: discard})
	if err != nil {
		return nil, err
	}
	scrape := route.Route{Method: http.MethodGet, Pattern: "/metrics", Role: access.Viewer, Handler: s.metrics.Handler().ServeHTTP}
	return web.New(web.Options{Routes: append(people.Routes(), scrape), Guard: guard, Failed: people.Fail, Log: discard})
}

// working is a process of which every part works.
func working() supervise.Health {
	h := supervise.Health{Status: supervise.Healthy, Timestamp: time.Now(), Parts: map[string]supervise.Mark{}, Vitals: map[string]supervise.Vitals{}}
	for _, part := range []string{"http-server", "store", "board", "temporal-worker", "scheduler", "lookout"} {
		h.Parts[part] = supervise.Mark{Status: supervise.Healthy, Since: h.Timestamp.Add(-time.Hour)}
		h.Vitals[part] = supervise.Vitals{Beat: h.Timestamp, Entered: map[supervise.Status]int{supervise.Healthy: 1}}
	}
	return h
}

func (s *shop) buffer() metrics.Store {
	stats := s.writer.Stats()
	return metrics.Store{
		Buffered: stats.Buffered, Dropped: stats.Dropped + stats.Refused, Written: stats.Written,
		Failures: stats.Failures, Oldest: stats.OldestBuffered,
	}
}

// catchUp makes the probes that have become due since the past was stored, and
// at least one of each service. It returns the next: probes of the whole fleet
// are counted in their order.
func (s *shop) catchUp(probes int) (next int) {
	first := probes * s.past.services
	for next = first; next < first+s.past.services || !s.due(next).After(time.Now()); next++ {
		s.note(next)
	}
	return next
}

// due is when a probe of the fleet begins.
func (s *shop) due(n int) time.Time { return s.past.at(n%s.past.services, n/s.past.services) }

// probe makes each probe when it is due, until ctx ends.
func (s *shop) probe(ctx context.Context, next int) error {
	for ; sleep(ctx, time.Until(s.due(next))) == nil; next++ {
		s.note(next)
	}
	return nil
}

// note tells of a probe as its Monitor, and the workflow of its incident, do.
func (s *shop) note(n int) {
	service, probe := n%s.past.services, n/s.past.services
	found := s.past.result(service, probe)
	s.board.Probed(found.Service, found.Target, found.Result)
	s.metrics.Probed(found.Service, found.Result)
	standing := s.past.standing(service, probe)
	if before := s.standings[service]; standing.State != before.State || standing.Failures != before.Failures {
		s.board.Stand(standing)
		s.standings[service] = standing
	}
	if o, down := s.past.outage(service, probe); down {
		if incident, ok := s.past.incident(service, o, probe); ok {
			s.board.Report(incident)
		}
	}
}
