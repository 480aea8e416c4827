package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// values are what one measurement found, by name; durations are in ms.
type values map[string]float64

// progress tells the user of a measurement that takes minutes what it is at.
type progress func(format string, args ...any)

// measurement measures something; scale stretches every duration and count.
type measurement func(ctx context.Context, scale float64, say progress) (values, error)

// measurements are all that can be measured, each in a process of its own.
var measurements = withPeers(withTable(map[string]measurement{
	"restart":       measureRestart,
	"restart-burst": measureRestartBurst,
	"tick-plain":    measurePlainTick,
	"tick-monitor":  measureMonitorTick,
	"fleet":         measureFleet,
	"incidents":     measureIncidents,
	"decide":        measureDecide,
	"worker":        measureWorker,
	"store":         measureStore,
	"overview":      measureOverview,
	"metrics":       measureMetrics,

	"targets":        measureTargets,
	"targets-rate":   measureTargetRate,
	"targets-outage": measureTargetOutage,
	"targets-killed": measureTargetsKilled,

	"targets-silence": measureTargetSilence,
}))

// figure is a group of rows and the measurements that they come from.
type figure struct {
	name  string
	needs []string
	rows  func(measured map[string]values) []row
}

// row is one line of the table.
type row struct {
	what, measured, target string
	// missed is set when there is a target and it was not reached.
	missed bool
}

var figures = []figure{
	{"restart", []string{"restart", "restart-burst"}, restartRows},
	{"tick", []string{"tick-plain", "tick-monitor"}, tickRows},
	{"fleet", []string{"fleet"}, fleetRows},
	{"worker", []string{"worker"}, workerRows},
	{"incidents", []string{"incidents"}, incidentRows},
	{"decide", []string{"decide"}, decideRows},
	{"store", []string{"store"}, storeRows},
	{"overview", []string{"overview"}, overviewRows},
	{"metrics", []string{"metrics"}, metricsRows},
	{"targets", []string{"targets"}, targetRows},
	{"peers", peerNames, peerRows},
	{"rate", []string{"targets-rate"}, rateRows},
	{"outage", []string{"targets-outage"}, outageRows},
	{"silence", []string{"targets-silence"}, silenceRows},
	{"table", tableNames(), tableRows},
	{"killed", []string{"targets-killed"}, killedRows},
}

func figureNames() []string {
	names := make([]string, len(figures))
	for i, f := range figures {
		names[i] = f.name
	}
	return names
}

func restartRows(measured map[string]values) []row {
	one, burst := measured["restart"], measured["restart-burst"]
	what := fmt.Sprintf("third failed probe to call of the remedy, %.0f incidents one by one", one["incidents"])
	return []row{
		below(what+", median", one["remedy_p50"], 60, "ms"),
		below("  99th percentile", one["remedy_p99"], 200, "ms"),
		info("  slowest", "%.0f ms", one["remedy_max"]),
		info("  until the command itself runs: median, 99th percentile", "%.0f, %.0f ms", one["command_p50"], one["command_p99"]),
		info(fmt.Sprintf("the same with %d services failing at once: median, 99th percentile", burstSize),
			"%.0f, %.0f ms", burst["remedy_p50"], burst["remedy_p99"]),
	}
}

func tickRows(measured map[string]values) []row {
	plain, monitor := measured["tick-plain"], measured["tick-monitor"]
	return []row{
		info("CPU of a tick: a scheduled run each, Monitor", "%.1f, %.1f ms", plain["cpu_per_tick"], monitor["cpu_per_tick"]),
		below("  Monitor's share, handover included", monitor["cpu_per_tick"]/plain["cpu_per_tick"], 0.45, ""),
		info("database bytes of a tick: a scheduled run each, Monitor", "%.0f, %.0f",
			plain["bytes_per_tick"], monitor["bytes_per_tick"]),
		below("  Monitor's share, handover included", monitor["bytes_per_tick"]/plain["bytes_per_tick"], 0.15, ""),
		info("  ticks made of those due: a scheduled run each, Monitor", "%.1f %%, %.1f %%",
			100*plain["made"], 100*monitor["made"]),
	}
}

func fleetRows(measured map[string]values) []row {
	m := measured["fleet"]
	what := fmt.Sprintf("%.0f services every %s, %.0f ticks", m["services"],
		time.Duration(m["interval"])*time.Millisecond, m["ticks"])
	return []row{
		below(what+": latest tick", m["late_max"], 1000, "ms"),
		exactly("  ticks missing", m["missing"], 0),
		info("  lateness: median, 99th percentile", "%.0f, %.0f ms", m["late_p50"], m["late_p99"]),
		info("  CPU of the whole process", "%.0f %% of one core", 100*m["cores"]),
		info("  resident memory", "%.0f MB", m["rss_mb"]),
	}
}

func workerRows(measured map[string]values) []row {
	m := measured["worker"]
	return []row{
		below("worker with embedded server and four services: resident memory, highest", m["rss_max_mb"], 250, "MB"),
		info(fmt.Sprintf("  after one, two, three thirds of %.0f s", m["seconds"]),
			"%.0f, %.0f, %.0f MB", m["rss_1_mb"], m["rss_2_mb"], m["rss_3_mb"]),
		below("  first probe after the start of the process", m["first_probe"], 5000, "ms"),
		info("  every service probed", "%.0f ms", m["all_probed"]),
		info("  size of the stripped binary", "%.0f MB", m["size_mb"]),
		below("  size of the stripped binary without the server", m["size_noembed_mb"], 60, "MB"),
	}
}

func incidentRows(measured map[string]values) []row {
	m := measured["incidents"]
	what := fmt.Sprintf("%.0f incidents opened within %.1f s, %d restarts at a time: a permit, 99th percentile",
		m["incidents"], m["opened"]/1000, crowdConcurrency)
	return []row{
		below(what, m["permit_p99"], 2000, "ms"),
		below("  any other decision, 99th percentile", m["decision_p99"], 2000, "ms"),
		info("  medians of the two", "%.0f, %.0f ms", m["permit_p50"], m["decision_p50"]),
		// Between the two lie the wake, a probe and a question of the next in the
		// queue: on one SQLite file, its one writer is what they wait for.
		info("  a place that became free to the next permit: median, 99th percentile", "%.0f, %.0f ms",
			m["handover_p50"], m["handover_p99"]),
		below("  restarts at the same time, at most", m["most"], crowdConcurrency+1, ""),
		exactly("  permits, places in the queue and services down left in the books", m["leaked"], 0),
		exactly("  restarts beyond one for each", m["twice"], 0),
		exactly("  questions without an answer", m["failed"], 0),
		info("  until all were healed", "%.1f s", m["took"]/1000),
	}
}

func decideRows(measured map[string]values) []row {
	m := measured["decide"]
	return []row{
		below("the decision to act, with what the whole fleet knows", m["ns"], 1000, "ns"),
		exactly("  allocations", m["allocs"], 0),
	}
}

func below(what string, measured, target float64, unit string) row {
	format := "%.0f " + unit
	if unit == "" {
		format = "%.2f"
	}
	return row{what, fmt.Sprintf(format, measured), "below " + fmt.Sprintf(format, target), !(measured < target)}
}

func atLeast(what string, measured, target float64, unit string) row {
	format := strings.TrimSpace("%.0f " + unit)
	return row{what, fmt.Sprintf(format, measured), "at least " + fmt.Sprintf(format, target), !(measured >= target)}
}

func exactly(what string, measured, target float64) row {
	return row{what, fmt.Sprintf("%.0f", measured), fmt.Sprintf("%.0f", target), measured != target}
}

// info is a row without a target.
func info(what, format string, args ...any) row {
	return row{what: what, measured: fmt.Sprintf(format, args...)}
}
