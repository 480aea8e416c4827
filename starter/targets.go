package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// findTarget looks up the service of a name, and the target if it names one. A
// target is doubted only where the configuration lists them all.
func findTarget(cfg *config.Config, name string) (config.Service, error) {
	of, target := split(name)
	service, err := find(cfg, of)
	switch {
	case err != nil || target == "":
		return service, err
	case service.Targets == nil:
		return service, fmt.Errorf("service %q has no targets, and so no %q", of, target)
	case service.Targets.API || service.Targets.FileSD != "":
		return service, nil
	}
	if _, listed := labelsOf(service, target); !listed {
		return service, fmt.Errorf("service %q has no target %q; the configuration lists %s", of, target, count(len(service.Targets.List), "target"))
	}
	return service, nil
}

// labelsOf are the labels of a target that the configuration lists.
func labelsOf(service config.Service, target string) (labels map[string]string, listed bool) {
	i := slices.IndexFunc(service.Targets.List, func(t health.Target) bool { return t.Name == target })
	if i < 0 {
		return nil, false
	}
	return service.Targets.List[i].Labels, true
}

// targetsShown is what the Monitor of a service knows of its targets, for
// programs.
type targetsShown struct {
	Service string        `json:"service"`
	Counts  health.Counts `json:"counts"`
	// Whole is why there is one incident for the service as a whole; empty if
	// there is none.
	Whole workflows.WholeReason `json:"whole"`
	// Failing are those that fail, down first; Unnamed counts those that fail
	// beyond what the Monitor names.
	Failing []targetShown `json:"failing"`
	Unnamed int           `json:"unnamed"`
}

type targetShown struct {
	Target   string        `json:"target"`
	State    health.State  `json:"state"`
	Class    string        `json:"class"`
	Since    operator.Time `json:"since"`
	Failures int           `json:"failures"`
	// Incident reports whether it has an open incident of its own.
	Incident bool   `json:"incident"`
	Message  string `json:"message"`
}

func (a *app) targetsCommand() *cobra.Command {
	var state string
	command := &cobra.Command{
		Use:   "targets SERVICE",
		Short: "Count the targets of a service and show those that fail; exit code 1 when some are down",
		Long: `Count the targets of a service and show those that fail: how long, how often, and
what the last probe found; exit code 1 when some are down.

This is what the service's Monitor keeps, which names the targets that fail and
no others. All targets, with their labels, are shown by the pages and the API
(/api/v1/services/SERVICE/targets).`,
		Args: exactlyOne,
		RunE: func(command *cobra.Command, args []string) error {
			switch health.State(state) {
			case "", health.StateDown, health.StateFailing:
			default:
				return fmt.Errorf("--state %q: write down or failing; of targets that are up, the Monitor keeps only the number", state)
			}
			return a.withService(command.Context(), args[0], func(s session, service config.Service) error {
				return a.targets(command.Context(), s, service, health.State(state))
			})
		},
	}
	command.Flags().StringVar(&state, "state", "", "only those that are down, or failing (not often enough yet to be down)")
	return command
}

func (a *app) targets(ctx context.Context, s session, service config.Service, state health.State) error {
	if service.Targets == nil {
		return fmt.Errorf("service %q has no targets; see `starter status %s`", service.Name, service.Name)
	}
	found, err := s.Status(ctx, []string{service.Name})
	if err != nil {
		return err
	}
	if found[0].Fleet == nil {
		return fmt.Errorf("nothing is known of the targets of %q: %s", service.Name, orDash(found[0].Message))
	}
	return a.showTargets(service, *found[0].Fleet, state, time.Now())
}

func (a *app) showTargets(service config.Service, fleet workflows.FleetState, state health.State, now time.Time) error {
	shown := shownTargets(service, fleet, state)
	down := notGoodUnless(shown.Counts.Down == 0)
	if a.json {
		if err := a.writeJSON(shown); err != nil {
			return err
		}
		return down
	}
	if err := a.printf("%s: %s\n", service.Name, operator.Tell(shown.Counts)); err != nil {
		return err
	}
	rows := make([][]string, 0, len(shown.Failing))
	for _, t := range shown.Failing {
		incident := "-"
		switch {
		case t.Incident:
			incident = "open"
		case t.State == health.StateDown && shown.Whole != "":
			incident = "that of " + service.Name
		}
		rows = append(rows, []string{
			t.Target, string(t.State), ago(t.Since.Time, now, ""), strconv.Itoa(t.Failures), orDash(t.Class), incident, t.Message,
		})
	}
	if len(rows) > 0 {
		if err := a.table([]string{"TARGET", "STATE", "FOR", "FAILURES", "CLASS", "INCIDENT", "MESSAGE"}, rows); err != nil {
			return err
		}
	}
	if shown.Unnamed > 0 {
		if err := a.printf("%s more fail than the Monitor names\n", operator.Thousands(shown.Unnamed)); err != nil {
			return err
		}
	}
	return down
}

func shownTargets(service config.Service, fleet workflows.FleetState, state health.State) targetsShown {
	shown := targetsShown{
		Service: service.Name, Counts: operator.CountTargets(fleet, service.FailureThreshold), Failing: []targetShown{},
	}
	if fleet.Whole != nil {
		shown.Whole = fleet.Whole.Reason
	}
	shown.Unnamed = shown.Counts.Failing - len(fleet.Failing)
	known := make(map[string]workflows.FailingTarget, len(fleet.Failing))
	for _, target := range fleet.Failing {
		known[target.Target] = target
	}
	for _, status := range operator.FailingTargets(service.Name, fleet, service.FailureThreshold) {
		if state != "" && status.State != state {
			continue
		}
		shown.Failing = append(shown.Failing, targetShown{
			Target: status.Target, State: status.State, Class: known[status.Target].Class, Since: status.Since,
			Failures: status.Streak, Incident: known[status.Target].Open, Message: strings.TrimSpace(status.Message),
		})
	}
	return shown
}
