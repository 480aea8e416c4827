package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"paramedic/internal/store"
)

const (
	// overviewTime is long enough that the look at all uptimes, once a minute,
	// and the removal of what is old, a minute after the start, fall into it.
	overviewTime = 70 * time.Second
	// overviewRate is how many overviews are asked for in a second, and
	// besideRate how many of each other page.
	overviewRate, besideRate = 50, 5
	// visitWarmUp is not measured.
	visitWarmUp = 5 * time.Second
)

// overviews are the ways in which people look at a fleet.
var overviews = []string{
	"/", "/?page=2", "/", "/?state=down", "/?q=service-01", "/", "/?page=17", "/?q=team%3Dteam-7", "/", "/?state=healthy&page=3",
	"/?page=40", "/?q=nothing+is+like+that", "/?q=http&state=failing",
}

// looking is a fleet whose pages people look at.
type looking struct {
	services, days, outages int
	// results is how long single results are kept.
	results        time.Duration
	window, warmUp time.Duration
}

func measureOverview(ctx context.Context, scale float64, say progress) (values, error) {
	l := looking{
		services: storeTargets, days: 90, outages: 300, results: store.DefaultRetention.Results,
		window: overviewTime, warmUp: visitWarmUp,
	}.scaled(scale)
	return l.measure(ctx, say, l.lookers)
}

// scaled stretches the time, and shortens the past; the number of services is
// what is measured, and stays.
func (l looking) scaled(scale float64) looking {
	l.window = time.Duration(scale * float64(l.window))
	l.warmUp = time.Duration(min(1, scale) * float64(l.warmUp))
	l.results = time.Duration(min(1, scale) * float64(l.results))
	l.days = int(math.Ceil(min(1, scale) * float64(l.days)))
	return l
}

// measure opens the pages of a fleet, and measures what visitors of kinds of
// pages wait for, once after a warm-up.
func (l looking) measure(ctx context.Context, say progress, kinds func(s *shop) map[string]*visitors) (found values, err error) {
	p := newPast(l.services, l.days, l.outages, time.Now())
	err = openShop(ctx, p, l.results, say, func(ctx context.Context, s *shop) error {
		found = values{"services": float64(l.services), "days": float64(l.days), "loaded": milliseconds(s.loaded)}
		if err := l.look(ctx, kinds(s), l.warmUp, values{}); err != nil {
			return err
		}
		say("looking for %s", l.window)
		return l.look(ctx, kinds(s), l.window, found)
	})
	return found, err
}

// look lets all visitors come at once, and adds what they and this process took.
func (l looking) look(ctx context.Context, kinds map[string]*visitors, window time.Duration, found values) error {
	people := browser()
	defer people.CloseIdleConnections()
	begun := time.Now()
	busy, err := cpuTime(os.Getpid())
	if err != nil {
		return err
	}
	all, coming := errgroup.WithContext(ctx)
	for _, v := range kinds {
		all.Go(func() error { return v.come(coming, people, window) })
	}
	if err := all.Wait(); err != nil {
		return err
	}
	after, err := cpuTime(os.Getpid())
	if err != nil {
		return err
	}
	found["cores"] = float64(after-busy) / float64(time.Since(begun))
	for name, v := range kinds {
		v.note(found, name)
	}
	found["rss_mb"], _, err = residentMB(os.Getpid())
	return err
}

// lookers are those who look at the overview, at services and at incidents.
func (l looking) lookers(s *shop) map[string]*visitors {
	services := make([]string, l.services)
	for n := range services {
		services[n] = "/services/" + pastName(n*13%l.services)
	}
	incidents := []string{"/incidents", "/incidents?state=closed&span=90d&page=2", "/incidents?span=90d"}
	languages := map[string]string{"Accept-Language": "es", "Accept-Encoding": "gzip"}
	return map[string]*visitors{
		"overview":  {rate: overviewRate, request: gets(s.address, overviews, nil)},
		"service":   {rate: besideRate, request: gets(s.address, services, languages)},
		"incidents": {rate: besideRate, request: gets(s.address, incidents, languages)},
	}
}

func overviewRows(measured map[string]values) []row {
	m := measured["overview"]
	what := fmt.Sprintf("overview of %.0f services with %.0f days of results, %d in a second: ", m["services"], m["days"], overviewRate)
	return []row{
		below(what+"first byte, 99th percentile", m["overview_first_p99"], 50, "ms"),
		below("  last byte, 99th percentile", m["overview_whole_p99"], 50, "ms"),
		info(fmt.Sprintf("  last byte of %.0f: median, slowest", m["overview_requests"]), "%.0f, %.0f ms", m["overview_whole_p50"], m["overview_whole_max"]),
		exactly("  requests without an answer", m["refused"], 0),
		info("  largest answer", "%.0f kB", m["overview_kb"]),
		info(fmt.Sprintf("  page of a service, %d in a second: median, 99th percentile", besideRate), "%.0f, %.0f ms", m["service_whole_p50"], m["service_whole_p99"]),
		info(fmt.Sprintf("  page of incidents, %d in a second: median, 99th percentile", besideRate), "%.0f, %.0f ms", m["incidents_whole_p50"], m["incidents_whole_p99"]),
		info("  CPU of the whole process, those who look included", "%.0f %% of one core", 100*m["cores"]),
		info("  resident memory", "%.0f MB", m["rss_mb"]),
		info("  what was stored is shown after the start within", "%.0f ms", m["loaded"]),
	}
}
