package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paramedic/internal/health"
	"paramedic/internal/operator"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show where every service stands; exit code 1 unless all are up or paused",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return a.withTemporal(command.Context(), func(s session) error {
				statuses, err := s.Status(command.Context(), names(s.config))
				if err != nil {
					return err
				}
				return errors.Join(a.showStatus(statuses, time.Now()), notGoodUnless(allGood(statuses)))
			})
		},
	}
}

func (a *app) showStatus(statuses []operator.TargetStatus, now time.Time) error {
	if a.json {
		return a.writeJSON(list(statuses))
	}
	rows := make([][]string, 0, len(statuses))
	for _, status := range statuses {
		name := status.Service
		if status.Target != "" {
			name += "/" + status.Target
		}
		latency := "-"
		if !status.LastProbeAt.IsZero() {
			latency = milliseconds(status.LatencyMS)
		}
		rows = append(rows, []string{
			name, string(status.State), ago(status.Since.Time, now, ""), ago(status.LastProbeAt.Time, now, " ago"),
			latency, strconv.Itoa(status.Streak), strings.Join(append(status.Notes, status.Message), "; "),
		})
	}
	return a.table([]string{"SERVICE", "STATE", "FOR", "LAST PROBE", "LATENCY", "STREAK", "MESSAGE"}, rows)
}

// allGood reports whether every target is up, or left alone on purpose.
func allGood(statuses []operator.TargetStatus) bool {
	for _, status := range statuses {
		switch status.State {
		case health.StateHealthy, health.StateDegraded, health.StatePaused:
		default:
			return false
		}
	}
	return true
}
