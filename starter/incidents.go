package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"paramedic/internal/health"
	"paramedic/internal/operator"
)

// defaultLimit is how many incidents are listed unless told otherwise.
const defaultLimit = 50

func (a *app) incidentsCommand() *cobra.Command {
	var filter operator.Filter
	command := &cobra.Command{
		Use:   "incidents",
		Short: "List incidents, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if filter.Limit < 0 {
				return fmt.Errorf("--limit %d: give a number from 1, or 0 for all", filter.Limit)
			}
			return a.withTemporal(command.Context(), func(s session) error {
				return a.listIncidents(command.Context(), s, filter)
			})
		},
	}
	flags := command.Flags()
	flags.BoolVar(&filter.Open, "open", false, "only those that are not resolved")
	flags.StringVar(&filter.Service, "service", "", "only those of one service with all its targets, or of one SERVICE/TARGET")
	flags.IntVar(&filter.Limit, "limit", defaultLimit, "at most so many; 0 means all")
	return command
}

func (a *app) listIncidents(ctx context.Context, s session, filter operator.Filter) error {
	// A service that is no longer configured may still have incidents, so that
	// only an empty answer is worth a doubt about the name.
	incidents, err := s.Incidents(ctx, filter)
	if err != nil {
		return err
	}
	if len(incidents) == 0 && filter.Service != "" {
		service, _ := split(filter.Service)
		if _, err := find(s.config, service); err != nil {
			return err
		}
	}
	if a.json {
		summaries := make([]operator.Summary, 0, len(incidents))
		for _, incident := range incidents {
			summaries = append(summaries, incident.Summary())
		}
		return a.writeJSON(summaries)
	}
	return a.showIncidents(incidents)
}

func (a *app) showIncidents(incidents []operator.Incident) error {
	if len(incidents) == 0 {
		return a.printf("no incidents\n")
	}
	rows := make([][]string, 0, len(incidents))
	for _, incident := range incidents {
		by := "-"
		if incident.Acknowledged != nil {
			by = incident.Acknowledged.By
		}
		rows = append(rows, []string{
			incident.ID, string(incident.State), stamp(incident.OpenedAt), health.Span(incident.Length()),
			strconv.Itoa(incident.Attempts), orDash(string(incident.Outcome)), by, incident.Reason,
		})
	}
	return a.table([]string{"INCIDENT", "STATE", "OPENED", "DOWNTIME", "ATTEMPTS", "OUTCOME", "ACKNOWLEDGED BY", "REASON"}, rows)
}

func (a *app) incidentCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "incident ID",
		Short: "Tell the story of an incident",
		Long: `Tell the story of an incident: what was seen, decided and done, how long the
service was down, and how long it took to notice and to heal.

ID is an incident id (clickhouse@20260319T143000.000Z), the run id or workflow id of
its workflow, or the name of a service or of one of its targets (SERVICE/TARGET),
which means its latest incident.`,
		Args: exactlyOne,
		RunE: func(command *cobra.Command, args []string) error {
			return a.withTemporal(command.Context(), func(s session) error {
				incident, err := s.Incident(command.Context(), args[0])
				if err != nil {
					return err
				}
				if a.json {
					return a.writeJSON(incident.Report())
				}
				return a.tellStory(incident, s.connection.Namespace)
			})
		},
	}
}
