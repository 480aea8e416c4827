package main

import (
	"context"
	"fmt"
	"time"
)

// tableSizes are the fleets whose costs are set side by side.
var tableSizes = []int{1000, 2000, 5000, 10_000, 20_000}

// tableWindow is how long each of them is measured.
const tableWindow = 2 * time.Minute

func measureTargets(ctx context.Context, scale float64, say progress) (values, error) {
	return targetFleet{targets: 10_000, interval: targetsInterval, window: targetsWindow}.scaled(scale).measure(ctx, say)
}

// measureTargetRate has a fleet probed as often as is promised to hold.
func measureTargetRate(ctx context.Context, scale float64, say progress) (values, error) {
	return targetFleet{targets: 20_000, interval: 4 * time.Second, window: 90 * time.Second}.scaled(scale).measure(ctx, say)
}

func measureTargetOutage(ctx context.Context, scale float64, say progress) (values, error) {
	return targetFleet{targets: 10_000, interval: targetsInterval, window: targetsWindow, failing: struck}.scaled(scale).measure(ctx, say)
}

// measureTargetSilence is an outage as of a network: nobody says no, and each
// probe takes all of its time.
func measureTargetSilence(ctx context.Context, scale float64, say progress) (values, error) {
	return targetFleet{targets: 10_000, interval: targetsInterval, window: targetsWindow, failing: struck, silent: true}.scaled(scale).measure(ctx, say)
}

// withTable adds the measurements of the fleets in the table.
func withTable(all map[string]measurement) map[string]measurement {
	for _, size := range tableSizes {
		all[tableName(size)] = func(ctx context.Context, scale float64, say progress) (values, error) {
			return targetFleet{targets: size, interval: targetsInterval, window: tableWindow}.scaled(scale).measure(ctx, say)
		}
	}
	return all
}

func tableName(size int) string { return fmt.Sprintf("targets-%d", size) }

func tableNames() []string {
	names := make([]string, len(tableSizes))
	for i, size := range tableSizes {
		names[i] = tableName(size)
	}
	return names
}

func targetRows(measured map[string]values) []row {
	m := measured["targets"]
	interval := m["interval"]
	what := fmt.Sprintf("%.0f HTTP targets every %s, %.0f checks: CPU a check, all in",
		m["targets"], time.Duration(interval)*time.Millisecond, m["probes"])
	return []row{
		belowTo(2, what, m["cpu_per_check"], 0.35, "ms"),
		below("  longest time between two probes of a target", m["gap_max"], interval+1000, "ms"),
		below("  lateness, 99th percentile", m["late_p99"], 1000+1, "ms"),
		info("  lateness: median, highest", "%.0f, %.0f ms", m["late_p50"], m["late_max"]),
		below("  resident memory, highest", m["rss_max_mb"], 350, "MB"),
		below("  bytes of database a check", m["temporal_bytes"]+m["store_bytes"], 100, ""),
		info("    of them Temporal's, the store's", "%.1f, %.1f", m["temporal_bytes"], m["store_bytes"]),
		below("  all under watch after the start of the process", m["all_watched"], interval, "ms"),
	}
}

func rateRows(measured map[string]values) []row {
	m := measured["targets-rate"]
	return []row{
		atLeast(fmt.Sprintf("%.0f HTTP targets every %s: checks a second", m["targets"],
			time.Duration(m["interval"])*time.Millisecond), m["per_second"], 0.99*m["targets"]/(m["interval"]/1000), ""),
		below("  highest lateness", m["late_max"], 1000+1, "ms"),
		info("  lateness: median, 99th percentile, share beyond a second", "%.0f, %.0f ms, %.3f %%", m["late_p50"], m["late_p99"], 100*m["late_share"]),
		below("  longest time between two probes of a target", m["gap_max"], m["interval"]+1000, "ms"),
		info("  CPU a check, of the whole process", "%.2f ms, %.0f %% of one core", m["cpu_per_check"], 100*m["cores"]),
		info("  resident memory, highest", "%.0f MB", m["rss_max_mb"]),
	}
}

func outageRows(measured map[string]values) []row {
	m := measured["targets-outage"]
	return append(outageOf("fail", m), below("  lateness, 99th percentile", m["late_p99"], 1000+1, "ms"))
}

// silenceRows have no target for the lateness of all: targets that are silent
// make each other wait.
func silenceRows(measured map[string]values) []row {
	m := measured["targets-silence"]
	return append(outageOf("fall silent", m), info("  lateness of all, 99th percentile", "%.0f ms", m["late_p99"]))
}

func outageOf(what string, m values) []row {
	interval := m["interval"]
	return []row{
		below(fmt.Sprintf("%d of %.0f targets %s at once: until they have an incident", struck, m["targets"], what),
			m["opened"], (failuresToOpen+afterThird)*interval, "ms"),
		below("  probes of the others: longest time between two", m["gap_max"], interval+1000, "ms"),
		below("  resident memory, highest", m["rss_max_mb"], 600, "MB"),
		info("  until it is closed once they are back", "%.0f s", m["closed"]/1000),
	}
}

// tableRows set the cost of fleets side by side, and say how it grows.
func tableRows(measured map[string]values) []row {
	var rows []row
	var sizes, cores []float64
	for _, name := range tableNames() {
		m := measured[name]
		sizes, cores = append(sizes, m["targets"]), append(cores, 1000*m["cores"])
		rows = append(rows, info(fmt.Sprintf("%.0f targets: CPU a check; of one core; memory; bytes a check; lateness p99", m["targets"]),
			"%.2f ms; %.1f %%; %.0f MB; %.0f; %.0f ms", m["cpu_per_check"], 100*m["cores"], m["rss_max_mb"],
			m["temporal_bytes"]+m["store_bytes"], m["late_p99"]))
	}
	slope, offset, worst := line(sizes, cores)
	return append(rows,
		info("  slope: ms of CPU a second for each 1,000 targets, and for none", "%.2f, %.1f", 1000*slope, offset),
		below("  furthest from the straight line", 100*worst, 25, "%%"))
}

// line fits a straight line and says how far, as a share, the furthest of its
// points lies from it.
func line(x, y []float64) (slope, offset, worst float64) {
	n := float64(len(x))
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	slope = (n*sxy - sx*sy) / (n*sxx - sx*sx)
	offset = (sy - slope*sx) / n
	for i := range x {
		straight := offset + slope*x[i]
		worst = max(worst, max(y[i]-straight, straight-y[i])/straight)
	}
	return slope, offset, worst
}

// belowTo is below with so many digits after the point.
func belowTo(digits int, what string, measured, target float64, unit string) row {
	format := fmt.Sprintf("%%.%df %s", digits, unit)
	return row{what, fmt.Sprintf(format, measured), "below " + fmt.Sprintf(format, target), !(measured < target)}
}
