package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/operator"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status [SERVICE ...]",
		Short: "Show where every service stands; exit code 1 unless all are up or paused",
		Long: `Show where every service stands, or those that are named; exit code 1 unless all
are up or paused.

A service with many targets is one row that counts them. If it is named, the
targets that fail follow, as far as its Monitor names them; a single target is
named as SERVICE/TARGET.`,
		RunE: func(command *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			for _, name := range args {
				if _, err := findTarget(cfg, name); err != nil {
					return err
				}
			}
			return a.connected(command.Context(), cfg, func(s session) error {
				statuses, err := standings(command.Context(), s, args)
				if err != nil {
					return err
				}
				return errors.Join(a.showStatus(statuses, time.Now()), notGoodUnless(allGood(statuses)))
			})
		},
	}
}

// standings are those of the services and targets that are named, or of every
// service if none is.
func standings(ctx context.Context, s session, named []string) ([]operator.TargetStatus, error) {
	asked := named
	if len(named) == 0 {
		asked = names(s.config)
	}
	services := make([]string, 0, len(asked))
	for _, name := range asked {
		service, _ := split(name)
		services = append(services, service)
	}
	found, err := s.Status(ctx, services)
	if err != nil {
		return nil, err
	}
	var statuses []operator.TargetStatus
	for i, status := range found {
		configured, _ := s.config.Service(status.Service)
		_, target := split(asked[i])
		statuses = append(statuses, unfold(status, configured, target, len(named) > 0)...)
	}
	return statuses, nil
}

// unfold makes the rows of a service: its own, with those of the targets that
// fail if all are wanted, or that of one target.
func unfold(status operator.TargetStatus, service config.Service, target string, all bool) []operator.TargetStatus {
	status.Count(service.FailureThreshold)
	if status.Fleet == nil {
		status.Target = target // nothing is known of it but what is known of all
		return []operator.TargetStatus{status}
	}
	failing := operator.FailingTargets(service.Name, *status.Fleet, service.FailureThreshold)
	switch {
	case target != "":
		return []operator.TargetStatus{standingOf(status, failing, target)}
	case all:
		return append([]operator.TargetStatus{status}, failing...)
	}
	return []operator.TargetStatus{status}
}

// standingOf is where one target stands. The Monitor names those that fail, so
// that all others are up unless there are too many to name.
func standingOf(fleet operator.TargetStatus, failing []operator.TargetStatus, target string) operator.TargetStatus {
	for _, status := range failing {
		if status.Target == target {
			return status
		}
	}
	status := operator.TargetStatus{
		Service: fleet.Service, Target: target, State: health.StateHealthy, LastProbeAt: fleet.LastProbeAt,
		Message: "not among the targets that fail",
	}
	if fleet.State == health.StatePaused || fleet.State == health.StateUnknown {
		status.State, status.Message = fleet.State, fleet.Message
	} else if unnamed := fleet.Targets.Failing - len(failing); unnamed > 0 {
		status.State = health.StateUnknown
		status.Message = fmt.Sprintf("%s more fail than the Monitor names, and this may be one", operator.Thousands(unnamed))
	}
	return status
}

func (a *app) showStatus(statuses []operator.TargetStatus, now time.Time) error {
	if a.json {
		return a.writeJSON(list(statuses))
	}
	rows := make([][]string, 0, len(statuses))
	for _, status := range statuses {
		latency := "-"
		if !status.LastProbeAt.IsZero() && status.Target == "" && status.Targets == nil {
			latency = milliseconds(status.LatencyMS)
		}
		said := status.Notes
		if status.Message != "" {
			said = append(said[:len(said):len(said)], status.Message)
		}
		rows = append(rows, []string{
			health.TargetID(status.Service, status.Target), string(status.State),
			ago(status.Since.Time, now, ""), ago(status.LastProbeAt.Time, now, " ago"),
			latency, strconv.Itoa(status.Streak), strings.Join(said, "; "),
		})
	}
	return a.table([]string{"SERVICE", "STATE", "FOR", "LAST PROBE", "LATENCY", "STREAK", "MESSAGE"}, rows)
}

// allGood reports whether every target is up, or left alone on purpose.
func allGood(statuses []operator.TargetStatus) bool {
	for _, status := range statuses {
		switch status.State {
		case health.StateHealthy, health.StatePaused:
		case health.StateDegraded:
			if status.Targets != nil && status.Targets.Down > 0 {
				return false // some of its targets are down
			}
		default:
			return false
		}
	}
	return true
}
