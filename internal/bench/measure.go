package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const (
	// measurementLimit bounds one measurement at scale 1.
	measurementLimit = 30 * time.Minute
	// stopGrace is how long a measurement may take to clean up when interrupted.
	stopGrace = 15 * time.Second
)

var errMissed = errors.New("not every figure reaches its target")

// measureAll makes every measurement that the chosen rows need and prints the
// table. A figure that could not be measured does not keep the others out.
func measureAll(ctx context.Context, o options, stdout, stderr io.Writer) error {
	fmt.Fprintf(stdout, "%s, %d cores, load %s\n", runtime.Version(), runtime.NumCPU(), loadAverage())
	var rows []row
	var failures []error
	for _, f := range figures {
		if !slices.Contains(o.rows, f.name) {
			continue
		}
		measured := map[string]values{}
		var err error
		for _, name := range f.needs {
			fmt.Fprintf(stderr, "%s %s\n", time.Now().Format(time.TimeOnly), name)
			if measured[name], err = measureApart(ctx, o, name, stderr); err != nil {
				break
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failures = append(failures, err)
			continue
		}
		rows = append(rows, f.rows(measured)...)
	}
	printTable(stdout, rows)
	if slices.ContainsFunc(rows, func(r row) bool { return r.missed }) {
		failures = append(failures, errMissed)
	}
	return errors.Join(failures...)
}

// measureApart makes one measurement in a process of its own.
func measureApart(ctx context.Context, o options, name string, stderr io.Writer) (values, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("%s: finding this program: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(1, o.scale)*float64(measurementLimit)))
	defer cancel()
	command := exec.CommandContext(ctx, self, "-measure", name,
		"-scale", strconv.FormatFloat(o.scale, 'g', -1, 64), "-profiles", o.profiles)
	command.Stderr = stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopGrace
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var measured values
	if err := json.Unmarshal(output, &measured); err != nil {
		return nil, fmt.Errorf("%s: reading what was measured: %w", name, err)
	}
	return measured, nil
}

// profiled runs a measurement, under the profiler if that was asked for.
func profiled(o options, measure func() (values, error)) (values, error) {
	if o.profiles == "" {
		return measure()
	}
	if err := os.MkdirAll(o.profiles, 0o755); err != nil {
		return nil, fmt.Errorf("-profiles: %w", err)
	}
	cpu, err := os.Create(filepath.Join(o.profiles, o.measure+".cpu.pprof"))
	if err != nil {
		return nil, fmt.Errorf("-profiles: %w", err)
	}
	defer cpu.Close()
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, fmt.Errorf("-profiles: %w", err)
	}
	measured, err := measure()
	pprof.StopCPUProfile()
	return measured, errors.Join(err, writeHeap(filepath.Join(o.profiles, o.measure+".heap.pprof")))
}

func writeHeap(path string) error {
	heap, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("-profiles: %w", err)
	}
	return errors.Join(pprof.WriteHeapProfile(heap), heap.Close())
}
