package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/option"
	"paramedic/internal/probe"
	"paramedic/internal/targets"
)

func (a *app) probeCommand() *cobra.Command {
	var labels []string
	command := &cobra.Command{
		Use:   "probe SERVICE[/TARGET]",
		Short: "Probe a service or target once from here, without Temporal; exit code 1 when it is unhealthy",
		Long: `Probe a service once from here, without Temporal; exit code 1 when it is unhealthy.

Of a service with many targets, one is named, like shops/10.0.0.1:80. Its labels
are those of the configuration or its file_sd file; of one that is registered by
the API, they are given with --label.`,
		Args: exactlyOne,
		RunE: func(command *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			service, err := findTarget(cfg, args[0])
			if err != nil {
				return err
			}
			_, name := split(args[0])
			target, err := aim(service, name, labels)
			if err != nil {
				return err
			}
			result, err := probeOnce(command.Context(), service, target, option.NewRedactor(cfg.Secrets()))
			if err != nil {
				return err
			}
			return errors.Join(a.showResult(service.Name, target.Name, result), notGoodUnless(result.Status.Up()))
		},
	}
	command.Flags().StringArrayVar(&labels, "label", nil, "a label of a target that is registered by the API, as name=value; may be repeated")
	return command
}

// aim is the target to probe, with its labels; one without a name is the service
// itself.
func aim(service config.Service, name string, given []string) (health.Target, error) {
	if service.Targets == nil {
		if len(given) > 0 {
			return health.Target{}, fmt.Errorf("--label: service %q has no targets", service.Name)
		}
		return health.Target{}, nil
	}
	if name == "" {
		return health.Target{}, fmt.Errorf("service %q has many targets: name one of them, as %s/TARGET", service.Name, service.Name)
	}
	all := service.Targets.List
	if service.Targets.FileSD != "" {
		read, err := targets.ReadFileSD(service.Targets.FileSD)
		if err != nil {
			return health.Target{}, err
		}
		all = append(all[:len(all):len(all)], read...)
	}
	for _, target := range all {
		if target.Name == name {
			if len(given) > 0 {
				return target, fmt.Errorf("--label: the labels of %q stand in the configuration or its file", name)
			}
			return target, nil
		}
	}
	if !service.Targets.API {
		return health.Target{}, fmt.Errorf("service %q has no target %q; the configuration and its file list %s", service.Name, name, count(len(all), "target"))
	}
	target := health.Target{Name: name, Labels: map[string]string{}}
	for _, label := range given {
		key, value, found := strings.Cut(label, "=")
		if !found {
			return target, fmt.Errorf("--label %q: write it as name=value", label)
		}
		target.Labels[key] = value
	}
	return target, targets.CheckTarget(target)
}

// probeOnce makes one probe in this process.
func probeOnce(ctx context.Context, service config.Service, target health.Target, redactor *option.Redactor) (result health.Result, err error) {
	options := service.Probe.Options
	if target.Name != "" {
		expanded, problems := probe.Expand(options, target)
		if len(problems) > 0 {
			return health.Result{}, fmt.Errorf("the %s probe of %q: %s", service.Probe.Kind,
				health.TargetID(service.Name, target.Name), redactor.Redact(strings.TrimPrefix(problems[0].Path+": "+problems[0].Text, ": ")))
		}
		options = expanded
	}
	prober, err := options.Open()
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
	Target       string             `json:"target"`
	Status       health.Status      `json:"status"`
	At           operator.Time      `json:"at"`
	LatencyMS    float64            `json:"latency_ms"`
	Message      string             `json:"message"`
	Observations map[string]float64 `json:"observations"`
}

func (a *app) showResult(service, target string, result health.Result) error {
	if a.json {
		answer := finding{
			Service: service, Target: target, Status: result.Status, At: operator.Time{Time: result.At},
			LatencyMS: result.LatencyMS, Message: result.Message, Observations: map[string]float64{},
		}
		maps.Copy(answer.Observations, result.Observations)
		return a.writeJSON(answer)
	}
	if err := a.printf("%s is %s (%s): %s\n", health.TargetID(service, target), result.Status, milliseconds(result.LatencyMS), result.Message); err != nil {
		return err
	}
	rows := make([][]string, 0, len(result.Observations))
	for _, name := range slices.Sorted(maps.Keys(result.Observations)) {
		rows = append(rows, []string{"  " + name, strconv.FormatFloat(result.Observations[name], 'f', -1, 64)})
	}
	return a.table(nil, rows)
}
