package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/option"
	"paramedic/internal/probe"
)

func (a *app) probeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "probe SERVICE",
		Short: "Probe a service once from here, without Temporal; exit code 1 when it is unhealthy",
		Args:  exactlyOne,
		RunE: func(command *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			service, err := find(cfg, args[0])
			if err != nil {
				return err
			}
			result, err := probeOnce(command.Context(), service, option.NewRedactor(cfg.Secrets()))
			if err != nil {
				return err
			}
			return errors.Join(a.showResult(service.Name, result), notGoodUnless(result.Status.Up()))
		},
	}
}

// probeOnce makes one probe in this process.
func probeOnce(ctx context.Context, service config.Service, redactor *option.Redactor) (result health.Result, err error) {
	prober, err := service.Probe.Options.Open()
	if err != nil {
		return health.Result{}, fmt.Errorf("open the %s probe of %q: %w", service.Probe.Kind, service.Name, err)
	}
	defer func() {
		if closing := prober.Close(); closing != nil {
			err = errors.Join(err, fmt.Errorf("close the %s probe of %q: %w", service.Probe.Kind, service.Name, closing))
		}
	}()
	result = probe.Run(ctx, prober, service.Timeout.Std())
	result.Message = redactor.Redact(result.Message)
	return result, ctx.Err()
}

// finding is a result of a probe, for programs.
type finding struct {
	Service      string             `json:"service"`
	Status       health.Status      `json:"status"`
	At           operator.Time      `json:"at"`
	LatencyMS    float64            `json:"latency_ms"`
	Message      string             `json:"message"`
	Observations map[string]float64 `json:"observations"`
}

func (a *app) showResult(service string, result health.Result) error {
	if a.json {
		answer := finding{
			Service: service, Status: result.Status, At: operator.Time{Time: result.At},
			LatencyMS: result.LatencyMS, Message: result.Message, Observations: map[string]float64{},
		}
		maps.Copy(answer.Observations, result.Observations)
		return a.writeJSON(answer)
	}
	if err := a.printf("%s is %s (%s): %s\n", service, result.Status, milliseconds(result.LatencyMS), result.Message); err != nil {
		return err
	}
	rows := make([][]string, 0, len(result.Observations))
	for _, name := range slices.Sorted(maps.Keys(result.Observations)) {
		rows = append(rows, []string{"  " + name, strconv.FormatFloat(result.Observations[name], 'f', -1, 64)})
	}
	return a.table(nil, rows)
}
