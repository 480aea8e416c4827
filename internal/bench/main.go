// Command bench measures the figures that paramedic promises and prints each
// beside its target: how soon a restart follows the third failed probe, what a
// tick costs, whether a large fleet is probed on time, how big the worker is.
//
// Each measurement runs in a process of its own, one after the other, so that
// none pays for the memory, the goroutines or the warm caches of another.
// Everything measured is the real thing on loopback: the embedded server on
// disk, the real workflows and, where it says so, the built worker.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program. Its result is the exit status: 1 if a figure was
// missed or could not be measured.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	// What the Temporal SDK says of itself is no part of the table.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if o.measure != "" {
		err = measureHere(ctx, o, stdout, stderr)
	} else {
		err = measureAll(ctx, o, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// options are what the command line says.
type options struct {
	rows []string
	// scale stretches every duration and count; 1 gives the figures that are meant.
	scale float64
	// profiles is where profiles are written; empty means none.
	profiles string
	// measure is the one measurement that this process is to make.
	measure string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var rows string
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&rows, "rows", strings.Join(figureNames(), ","), "the figures to measure")
	set.Float64Var(&o.scale, "scale", 1, "stretch every duration and count; 0.1 for a quick look, 3 for steadier figures")
	set.StringVar(&o.profiles, "profiles", "", "a directory for a CPU and a heap profile of each measurement")
	set.StringVar(&o.measure, "measure", "", "make one measurement in this process and print it as JSON (bench calls itself with it)")
	if err := set.Parse(args); err != nil {
		return options{}, err
	}
	o.rows = strings.Split(rows, ",")
	for _, name := range o.rows {
		if !slices.Contains(figureNames(), name) {
			err := fmt.Errorf("-rows: there is no figure %q; there are %s", name, strings.Join(figureNames(), ", "))
			fmt.Fprintln(stderr, "bench:", err)
			return options{}, err
		}
	}
	if o.scale <= 0 {
		err := fmt.Errorf("-scale: %g is not above 0", o.scale)
		fmt.Fprintln(stderr, "bench:", err)
		return options{}, err
	}
	return o, nil
}

// measureHere makes one measurement and prints its values as JSON.
func measureHere(ctx context.Context, o options, stdout, stderr io.Writer) error {
	m, ok := measurements[o.measure]
	if !ok {
		return fmt.Errorf("-measure: there is no measurement %q", o.measure)
	}
	measured, err := profiled(o, func() (values, error) {
		return m(ctx, o.scale, func(format string, args ...any) {
			fmt.Fprintf(stderr, "  "+format+"\n", args...)
		})
	})
	if err != nil {
		return fmt.Errorf("%s: %w", o.measure, err)
	}
	return json.NewEncoder(stdout).Encode(measured)
}
