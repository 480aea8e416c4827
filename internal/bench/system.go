package main

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver that the embedded server uses, too
)

// userHz is the unit of CPU times in /proc on Linux, ticks a second.
const userHz = 100

// cpuTime is the CPU time that a process has used so far, user and system.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the CPU time of process %d (Linux only): %w", pid, err)
	}
	// The name in parentheses may hold spaces; utime and stime are the 12th
	// and 13th fields after it (proc_pid_stat(5)).
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("reading the CPU time of process %d: %q is too short", pid, stat)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err := errors.Join(err, err2); err != nil {
		return 0, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(user+system) * time.Second / userHz, nil
}

// residentMB is the resident memory of a process in units of 10^6 bytes, now
// and at its highest.
func residentMB(pid int) (now, highest float64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("reading the memory of process %d (Linux only): %w", pid, err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		var to *float64
		switch name {
		case "VmRSS":
			to = &now
		case "VmHWM":
			to = &highest
		default:
			continue
		}
		kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
		if err != nil {
			return 0, 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
		}
		*to = kib * 1024 / 1e6
	}
	return now, highest, nil
}

// databaseBytes is how much of the embedded server's file is in use. It counts
// pages, those in the write-ahead log included, and not the file, which keeps
// the room of what was deleted.
func databaseBytes(dir string) (int64, error) { return bytesIn(filepath.Join(dir, "temporal.db")) }

// bytesIn is how much of a SQLite file is in use.
func bytesIn(file string) (int64, error) {
	path := &url.URL{Path: file}
	db, err := sql.Open("sqlite", "file:"+path.EscapedPath()+"?mode=ro&_pragma=busy_timeout=5000")
	if err != nil {
		return 0, fmt.Errorf("opening %s: %w", file, err)
	}
	var bytes int64
	err = db.QueryRow(`SELECT (page_count - freelist_count) * page_size
		FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&bytes)
	if err := errors.Join(err, db.Close()); err != nil {
		return 0, fmt.Errorf("measuring %s: %w", file, err)
	}
	return bytes, nil
}

// loadAverage is the machine's load, which says how far figures can be trusted.
func loadAverage() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(content))[:3], " ")
}

// quantile returns the value below which the given share of all lies, in ms,
// by the nearest rank. It sorts durations.
func quantile(durations []time.Duration, share float64) float64 {
	if len(durations) == 0 {
		return 0
	}
	slices.Sort(durations)
	rank := int(math.Ceil(share * float64(len(durations))))
	return milliseconds(durations[max(rank, 1)-1])
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
