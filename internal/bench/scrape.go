package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// scrapeTime is how long /metrics is scraped, and scrapeRate how often in a
	// second: far more often than a Prometheus does, for enough of them.
	scrapeTime = 40 * time.Second
	scrapeRate = 2.5
)

// asPrometheus is what Prometheus sends unless it is told otherwise.
var asPrometheus = map[string]string{
	"Accept": "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5," +
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
	"Accept-Encoding": "gzip",
}

// measureMetrics scrapes a fleet. Metrics are made of what is on the board, so
// that a long past is not needed.
func measureMetrics(ctx context.Context, scale float64, say progress) (values, error) {
	return looking{
		services: storeTargets, days: 1, outages: 100, results: time.Hour, window: scrapeTime, warmUp: visitWarmUp,
	}.scaled(scale).measure(ctx, say, scrapers)
}

// scrapers are a Prometheus, and somebody who cannot unpack what is packed. They
// take turns, as a Prometheus makes one scrape after another.
func scrapers(s *shop) map[string]*visitors {
	address := []string{"/metrics"}
	return map[string]*visitors{
		"packed": {rate: scrapeRate, request: gets(s.address, address, asPrometheus)},
		"plain":  {rate: scrapeRate, after: time.Second / (2 * scrapeRate), request: gets(s.address, address, nil)},
	}
}

func metricsRows(measured map[string]values) []row {
	m := measured["metrics"]
	return []row{
		below(fmt.Sprintf("metrics of %.0f services as Prometheus asks for them: 99th percentile", m["services"]), m["packed_whole_p99"], 100, "ms"),
		below("  not packed, 99th percentile", m["plain_whole_p99"], 100, "ms"),
		exactly("  requests without an answer", m["refused"], 0),
		info("  medians of the two", "%.0f, %.0f ms", m["packed_whole_p50"], m["plain_whole_p50"]),
		info("  size, packed and not", "%.0f, %.0f kB", m["packed_kb"], m["plain_kb"]),
		info(fmt.Sprintf("  CPU of the whole process at %.0f in a second", 2*scrapeRate), "%.0f %% of one core", 100*m["cores"]),
		info("  resident memory", "%.0f MB", m["rss_mb"]),
	}
}
